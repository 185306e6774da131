//! The program that stands between the mill and a job: enters the namespaces, makes the root, gives every
//! right away, and runs the job.
//!
//! It is the same binary, started anew with a hidden argument, so that it has one thread, no secret in its
//! memory and no descriptor but the three that it was given: 0 is the channel, 1 and 2 are the log.

use crate::channel::{self, GO};
use crate::spec::{Fault, Reply, Spec, Stage, Step};
use crate::{caps, doctor, landlock, limits, mounts, namespaces, pid1, seccomp, sys};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::process::{
    DumpableBehavior, PidfdFlags, Signal, geteuid, getpid, pidfd_open, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use std::net::{Ipv4Addr, TcpListener};
use trustmill_core::port::sandbox::{Job, Layer};

/// The argument after [`InitCommand::args`](crate::InitCommand) that asks which layers are to be had.
pub(crate) const PROBE: &str = "probe";
/// The same, of an init to which bubblewrap gave namespaces and root.
pub(crate) const PROBE_INNER: &str = "probe-inner";

/// The sandbox's init. A binary that gives its own path to [`Own::new`](crate::Own::new) calls this, first
/// thing and before any thread is started, when it was started with the arguments of
/// [`InitCommand`](crate::InitCommand). Never returns.
pub fn init_main() -> ! {
    let probed = match std::env::args().next_back().as_deref() {
        Some(PROBE) => Some(doctor::print_probe()),
        Some(PROBE_INNER) => Some(doctor::print_inner_probe()),
        _ => None,
    };
    if let Some(probed) = probed {
        sys::exit_now(i32::from(probed.is_err()));
    }
    let Ok(control) = take_descriptors() else { sys::exit_now(125) };
    let code = match outer(&control) {
        Ok(code) => code,
        Err(fault) => {
            tell(&control, &Reply::Failed(fault)).ok();
            125
        }
    };
    sys::exit_now(code)
}

/// Moves the channel away from standard input and closes whatever else was inherited.
fn take_descriptors() -> Result<OwnedFd, Fault> {
    sys::close_from(3).step(None, "close what was inherited")?;
    let stdin = sys::adopt(0).step(None, "find the channel")?;
    let control = rustix::io::fcntl_dupfd_cloexec(&stdin, 3).step(None, "keep the channel")?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .step(None, "open /dev/null")?;
    rustix::stdio::dup2_stdin(&null).step(None, "empty the standard input")?;
    // Descriptor 0 stays open for good: it is the job's standard input now.
    std::mem::forget(stdin);
    Ok(control)
}

fn tell(control: &OwnedFd, reply: &Reply) -> Result<(), Fault> {
    let bytes = channel::encode(reply).step(None, "write a reply")?;
    channel::send_packet(control, &bytes, &[]).step(None, "send a reply")
}

fn outer(control: &OwnedFd) -> Result<i32, Fault> {
    let Some(message) = channel::recv_long(control).step(None, "receive the job")? else { return Ok(0) };
    let spec: Spec = channel::decode(&message).step(None, "read the job")?;
    match spec.stage {
        Stage::Inner => first_process(&spec, control, None),
        Stage::Whole { drop_to } => {
            // The terminal's signals are the mill's: it ends its jobs itself.
            rustix::process::setsid().ok();
            let opened =
                if geteuid().is_root() { Some(mounts::open_all(&spec.mounts, Some(drop_to))?) } else { None };
            namespaces::leave_root(drop_to)?;
            namespaces::enter()?;
            match sys::fork().step(Layer::PidNamespace, "start the first process")? {
                sys::Fork::Child => {
                    set_parent_process_death_signal(Some(Signal::KILL))
                        .step(Layer::PidNamespace, "tie the first process to the init")?;
                    first_process(&spec, control, opened)
                }
                sys::Fork::Parent(_) => {
                    sys::wait_any(true).step(None, "wait for the first process")?;
                    Ok(0)
                }
            }
        }
    }
}

/// The first process of the pid namespace.
fn first_process(spec: &Spec, control: &OwnedFd, opened: Option<Vec<OwnedFd>>) -> Result<i32, Fault> {
    let scratch = match spec.stage {
        Stage::Whole { .. } => mounts::enter_root(spec, opened)?,
        Stage::Inner => rustix::fs::open(Job::SCRATCH, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .step(Layer::BoundedScratch, "open the scratch folder")?,
    };
    ready(spec, control, scratch)?;
    confine(spec)?;
    tell(control, &Reply::Confined { layers: layers() })?;
    match channel::recv_packet(control).step(None, "wait for the word to go")? {
        Some(packet) if packet.bytes == GO => pid1::run(spec, control)?,
        _ => {}
    }
    Ok(0)
}

/// Hands a hold on this process, the scratch folder, and the gateway's listener, to the parent.
fn ready(spec: &Spec, control: &OwnedFd, scratch: OwnedFd) -> Result<(), Fault> {
    let listener = spec.gateway.map(|port| listen(port, spec.stage)).transpose()?;
    // A number could be another process by the time the parent reads it; a pidfd cannot.
    let own = pidfd_open(getpid(), PidfdFlags::empty()).step(Layer::PidNamespace, "open its own pidfd")?;
    let mut fds = vec![own.as_fd(), scratch.as_fd()];
    fds.extend(listener.as_ref().map(AsFd::as_fd));
    let bytes = channel::encode(&Reply::Ready).step(None, "write a reply")?;
    channel::send_packet(control, &bytes, &fds).step(None, "hand over the scratch folder")
}

fn listen(port: u16, stage: Stage) -> Result<TcpListener, Fault> {
    // Bubblewrap has raised the device already, and kept the right to do so.
    if let Stage::Whole { .. } = stage {
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)
                .step(Layer::NetworkNamespace, "open a socket")?;
        sys::raise_loopback(&socket).step(Layer::NetworkNamespace, "raise the loopback device")?;
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).step(Layer::NetworkNamespace, "listen for the gateway")
}

/// Gives away every right that the job must not have. Each call is for good.
fn confine(spec: &Spec) -> Result<(), Fault> {
    limits::apply(&spec.bounds)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step(None, "hide the init's memory")?;
    caps::drop_all()?;
    landlock::restrict(&mounts::places(&spec.mounts), spec.gateway)?;
    seccomp::apply(&spec.filter)
}

/// What is on once [`confine`] has returned: each of them fails the run otherwise.
fn layers() -> Vec<Layer> {
    Layer::ALL
        .into_iter()
        .filter(|layer| !matches!(layer, Layer::CgroupMemory | Layer::CgroupPids | Layer::CgroupCpu))
        .collect()
}
