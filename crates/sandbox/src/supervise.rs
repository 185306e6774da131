//! The parent's side of a job: starts the init, feeds it, bounds it, and ends it, whatever happens.

use crate::cgroup::{Cgroups, Group};
use crate::channel::{self, GO, Packet};
use crate::exchange::{self, Collected};
use crate::spec::{Bounds, End, Fault, Reply, Spec, Stage};
use crate::sys::{FileIds, watched};
use crate::{check, doctor, seccomp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Signal, geteuid, pidfd_send_signal};
use std::io;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use trustmill_core::attempt::Usage;
use trustmill_core::port::sandbox::{Exit, InputFile, Job, Layer, Limits, Network, Report, SandboxError};

/// Making the root takes milliseconds; a machine that needs longer than this is not healthy.
const SETUP_MAX: Duration = Duration::from_secs(60);
/// How long a job that was told to end may take to count its children before it is killed outright.
const GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end a namespace when a run is dropped.
const DROP_MAX: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// How a backend starts its init.
pub(crate) struct Start<'a> {
    /// The program, without its standard streams.
    pub(crate) command: Command,
    pub(crate) stage: Stage,
    pub(crate) cgroups: &'a Cgroups,
    /// The id that the scratch folder belongs to, where this process is root.
    pub(crate) ids: u32,
}

/// Runs a job to its end.
pub(crate) async fn run(start: Start<'_>, job: Job) -> Result<Report, SandboxError> {
    // Where nothing has to be done in between, the init need not be waited for: a wait is a turn at the
    // processor, and on a busy machine turns are all that a start costs.
    let at_once = job.inputs.is_empty() && start.stage != Stage::Inner;
    let mut tree = Tree::start(start, &job)?;
    if at_once {
        tree.say(GO).await?;
    }
    let setup = tokio::time::timeout(SETUP_MAX, tree.set_up(&job)).await;
    let (scratch, listener) =
        setup.unwrap_or_else(|_| Err(failed("set up a job in time", io::ErrorKind::TimedOut.into())))?;
    let began = Instant::now();
    if !at_once {
        tree.say(GO).await?;
    }
    let end = tree.until_end(&job, listener).await;
    tree.finish(&job.limits).await.map_err(|source| failed("end the job", source))?;
    let wall = began.elapsed();
    if let Ending::Fault(fault) = end {
        return Err(error(&fault));
    }
    let collected = collect(scratch, &job).await?;
    tree.report(&end, collected, wall)
}

async fn collect(scratch: OwnedFd, job: &Job) -> Result<Collected, SandboxError> {
    if job.collect.is_empty() {
        return Ok(Collected::default());
    }
    let (folders, most) = (job.collect.clone(), job.limits.output_bytes);
    blocking("collect the files", move || exchange::collect(scratch.as_fd(), &folders, most)).await
}

/// Why waiting stopped.
enum Ending {
    /// The init said how.
    Init(End),
    /// The init is gone without a word.
    Silent,
    /// A limit that this side keeps.
    Limit(Exit),
    /// The program could not be started.
    Fault(Fault),
}

struct Tree {
    child: Option<Child>,
    control: AsyncFd<OwnedFd>,
    log_end: Option<pipe::Receiver>,
    log: Vec<u8>,
    log_full: bool,
    first: Option<OwnedFd>,
    group: Group,
    stage: Stage,
    layers: Vec<Layer>,
    ids: u32,
    usage: Usage,
    end: Option<End>,
}

impl Tree {
    fn start(start: Start<'_>, job: &Job) -> Result<Self, SandboxError> {
        let mounts = check::job(job)?;
        let (control, theirs) = channel::pair().map_err(|error| failed("open a channel", error.into()))?;
        let (log, log_theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|e| failed("open a pipe", e.into()))?;
        let prepare = || -> io::Result<(AsyncFd<OwnedFd>, pipe::Receiver)> {
            rustix::io::ioctl_fionbio(&control, true)?;
            rustix::net::sockopt::set_socket_passcred(&control, true)?;
            Ok((
                watched(control, Interest::READABLE | Interest::WRITABLE)?,
                pipe::Receiver::from_owned_fd(log)?,
            ))
        };
        let (control, log) = prepare().map_err(|source| failed("watch a channel", source))?;
        let inputs = job.inputs.iter().map(|input| input.bytes.len() as u64).sum();
        let mut group = start.cgroups.open(&job.limits, inputs);
        let child =
            spawn(start.command, theirs, log_theirs).map_err(|source| failed("start its init", source))?;
        if start.stage != Stage::Inner {
            // It waits for its orders: whatever it starts will be under the bounds.
            group.attach(child.id());
        }
        let tree = Self {
            child: Some(child),
            control,
            log_end: Some(log),
            log: Vec::new(),
            log_full: false,
            first: None,
            group,
            stage: start.stage,
            layers: Vec::new(),
            ids: start.ids,
            usage: Usage::default(),
            end: None,
        };
        let spec = describe(job, mounts, start.stage, start.cgroups).map_err(|fault| error(&fault))?;
        let message = channel::encode(&spec).map_err(|error| failed("describe the job", error.into()))?;
        for packet in channel::packets(&message) {
            send_all(&tree.control, &packet).map_err(|source| failed("hand over the job", source))?;
        }
        Ok(tree)
    }

    /// Waits for the root and lays in the inputs.
    async fn set_up(&mut self, job: &Job) -> Result<(OwnedFd, Option<TcpListener>), SandboxError> {
        let mut packet = self.ready().await?;
        if let (Stage::Inner, Some(pid)) = (self.stage, packet.pid) {
            self.group.attach(pid.as_raw_pid().cast_unsigned());
        }
        let mut fds = packet.fds.drain(..);
        self.first = fds.next();
        let scratch = fds.next().ok_or_else(|| failed("open the scratch folder", Errno::BADMSG.into()))?;
        let listener = fds.next().map(TcpListener::from);
        if job.inputs.is_empty() {
            return Ok((scratch, listener));
        }
        let (inputs, ids) = (job.inputs.clone(), self.ids);
        let scratch = blocking("lay in the inputs", move || {
            write_inputs(&scratch, &inputs, ids)?;
            Ok(scratch)
        })
        .await?;
        Ok((scratch, listener))
    }

    async fn ready(&mut self) -> Result<Packet, SandboxError> {
        let Some(packet) = self.hear().await? else {
            return Err(failed("start its init", io::Error::other(self.last_words())));
        };
        match channel::decode(&packet.bytes).map_err(|error| failed("read a reply", error.into()))? {
            Reply::Ready => Ok(packet),
            Reply::Failed(fault) => Err(error(&fault)),
            Reply::Confined { .. } | Reply::Ended { .. } => Err(failed("read a reply", Errno::BADMSG.into())),
        }
    }

    /// What an init that could not start printed.
    fn last_words(&mut self) -> String {
        self.last_of_log(4096);
        let words = String::from_utf8_lossy(&self.log).trim().to_owned();
        if words.is_empty() { "it ended without a word".into() } else { words }
    }

    async fn hear(&self) -> Result<Option<Packet>, SandboxError> {
        let heard = self.control.async_io(Interest::READABLE, |fd| Ok(channel::recv_packet(fd)?)).await;
        heard.or_else(gone).map_err(|source| failed("hear from its init", source))
    }

    async fn say(&self, word: &[u8]) -> Result<(), SandboxError> {
        self.control
            .async_io(Interest::WRITABLE, |fd| Ok(channel::send_packet(fd, word, &[])?))
            .await
            .or_else(gone)
            .map_err(|source| failed("speak to its init", source))
    }

    async fn until_end(&mut self, job: &Job, listener: Option<TcpListener>) -> Ending {
        let gateway = async {
            if let (Network::Gateway(gateway), Some(listener)) = (&job.network, listener) {
                gateway.serve(listener).await;
            }
            std::future::pending::<()>().await;
        };
        let mut gateway = std::pin::pin!(gateway);
        let deadline = tokio::time::sleep(job.limits.wall);
        let mut deadline = std::pin::pin!(deadline);
        let most = usize::try_from(job.limits.log_bytes).unwrap_or(usize::MAX);
        loop {
            tokio::select! {
                biased;
                heard = self.control.async_io(Interest::READABLE, |fd| Ok(channel::recv_packet(fd)?)) => {
                    if let Some(ending) = self.note(heard) {
                        return ending;
                    }
                }
                () = &mut deadline => return Ending::Limit(Exit::TimedOut),
                () = readable(self.log_end.as_ref()) => {
                    self.drain_log(most);
                    if self.log_full {
                        return Ending::Limit(Exit::OutputLimit);
                    }
                }
                () = &mut gateway => {}
            }
        }
    }

    /// What a word of the init means for the waiting.
    fn note(&mut self, heard: io::Result<Option<Packet>>) -> Option<Ending> {
        let Ok(Some(packet)) = heard.or_else(gone) else { return Some(Ending::Silent) };
        match channel::decode(&packet.bytes) {
            Ok(Reply::Confined { layers }) => {
                self.layers = layers;
                None
            }
            Ok(Reply::Ended { end, cpu_ms, max_rss_kib }) => {
                self.usage.cpu_ms = cpu_ms;
                self.usage.max_rss_kib = max_rss_kib;
                self.end = Some(end);
                Some(Ending::Init(end))
            }
            Ok(Reply::Failed(fault)) => Some(Ending::Fault(fault)),
            Ok(Reply::Ready) | Err(_) => Some(Ending::Silent),
        }
    }

    /// Ends whatever is left, and returns when nothing is.
    async fn finish(&mut self, limits: &Limits) -> io::Result<()> {
        if self.end.is_none() {
            // The init counts what the tree used, if it is let.
            send_all(&self.control, b"stop").ok();
            let counted = async {
                loop {
                    let heard =
                        self.control.async_io(Interest::READABLE, |fd| Ok(channel::recv_packet(fd)?)).await;
                    if self.note(heard).is_some() {
                        return;
                    }
                }
            };
            tokio::time::timeout(GRACE, counted).await.ok();
        }
        if let Some(first) = self.first.take() {
            pidfd_send_signal(&first, Signal::KILL)
                .or_else(|e| if e == Errno::SRCH { Ok(()) } else { Err(e) })?;
            // Where the first process has said that it reaped every other, nothing of the job is left.
            if self.end.is_none() {
                let first = watched(first, Interest::READABLE)?;
                // A pidfd is readable when the process is gone; for the first of a namespace, when all are.
                drop(first.readable().await?);
            }
        }
        self.last_of_log(usize::try_from(limits.log_bytes).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Reads what the runtime has seen arrive in the pipe; what is beyond the limit is read no more.
    fn drain_log(&mut self, most: usize) {
        self.read_log(most, |log, buffer| log.try_read(buffer));
    }

    /// Reads all that is in the pipe, when nobody writes to it any more. The runtime may not have seen it
    /// yet, and would answer that there is nothing: the pipe itself is asked.
    fn last_of_log(&mut self, most: usize) {
        self.read_log(most, |log, buffer| Ok(rustix::io::read(log, buffer)?));
    }

    fn read_log(&mut self, most: usize, read: impl Fn(&pipe::Receiver, &mut [u8]) -> io::Result<usize>) {
        let mut buffer = [0_u8; 16 << 10];
        while let Some(log) = &self.log_end {
            match read(log, &mut buffer) {
                Ok(0) => self.log_end = None,
                Ok(got) => {
                    let left = most.saturating_sub(self.log.len());
                    self.log.extend(buffer.iter().take(got.min(left)));
                    if got > left {
                        self.log_full = true;
                        self.log_end = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.log_end = None,
            }
        }
    }

    fn report(
        mut self,
        ending: &Ending,
        collected: Collected,
        wall: Duration,
    ) -> Result<Report, SandboxError> {
        if self.layers.is_empty() {
            return Err(failed("learn which layers were on", Errno::BADMSG.into()));
        }
        let mut exit = self.exit(ending);
        if exit == Exit::Code(0) && collected.too_much {
            exit = Exit::OutputLimit;
        }
        self.usage.cpu_ms = self.usage.cpu_ms.max(self.group.cpu_ms().unwrap_or(0));
        self.usage.wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        let mut layers = std::mem::take(&mut self.layers);
        layers.extend(self.group.layers());
        layers.sort_unstable();
        let log = std::mem::take(&mut self.log).into();
        self.tidy_up();
        Ok(Report { exit, log, files: collected.files, usage: self.usage, layers })
    }

    /// Leaves what only the kernel has to do yet to a thread that may wait for it.
    fn tidy_up(&mut self) {
        let (child, group) = (self.child.take(), std::mem::take(&mut self.group));
        drop(tokio::task::spawn_blocking(move || {
            if let Some(mut child) = child {
                child.wait().ok();
            }
            drop(group);
        }));
    }

    fn exit(&self, ending: &Ending) -> Exit {
        let (code, no_more_processes, scratch_full) = match ending {
            Ending::Limit(exit) => return *exit,
            Ending::Init(End::OutOfMemory) => return Exit::OutOfMemory,
            Ending::Init(End::Code { code: 0, .. }) if self.log_full => return Exit::OutputLimit,
            Ending::Init(End::Code { code: 0, .. }) => return Exit::Code(0),
            Ending::Init(End::Code { code, no_more_processes, scratch_full }) => {
                (Exit::Code(*code), *no_more_processes, *scratch_full)
            }
            Ending::Init(End::OutOfScratch | End::Signal(libc::SIGXFSZ)) => return Exit::OutputLimit,
            Ending::Init(End::Signal(signal)) => (Exit::Signal(*signal), false, false),
            Ending::Init(End::Stopped) | Ending::Silent | Ending::Fault(_) => {
                (Exit::Signal(libc::SIGKILL), false, false)
            }
        };
        if self.group.out_of_memory() {
            Exit::OutOfMemory
        } else if no_more_processes || self.group.processes_refused() {
            Exit::TooManyProcesses
        } else if scratch_full || self.log_full {
            Exit::OutputLimit
        } else {
            code
        }
    }
}

/// The last resort, when a run is dropped: nothing of the job outlives it.
impl Drop for Tree {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if self.first.is_none() && self.end.is_none() {
            self.first = self.late_first();
        }
        if let Some(first) = self.first.take() {
            pidfd_send_signal(&first, Signal::KILL).ok();
            poll(&mut [PollFd::new(&first, PollFlags::IN)], Some(&DROP_MAX)).ok();
        }
        child.kill().ok();
        child.wait().ok();
    }
}

impl Tree {
    /// The first process of a run that is dropped before it was heard of. It speaks before it starts the job,
    /// and if it never speaks, it starts none.
    fn late_first(&self) -> Option<OwnedFd> {
        send_all(&self.control, b"stop").ok()?;
        poll(&mut [PollFd::new(self.control.get_ref(), PollFlags::IN)], Some(&DROP_MAX)).ok()?;
        let packet = channel::recv_packet(self.control.get_ref()).ok()??;
        packet.fds.into_iter().next()
    }
}

fn spawn(mut command: Command, control: OwnedFd, log: OwnedFd) -> io::Result<Child> {
    // `command` owns these ends and closes them here when it is dropped.
    command.stdin(control).stderr(log.try_clone()?).stdout(log).env_clear().current_dir("/").spawn()
}

fn describe(
    job: &Job,
    mounts: Vec<crate::spec::Bind>,
    stage: Stage,
    cgroups: &Cgroups,
) -> Result<Spec, Fault> {
    let limits = &job.limits;
    let has = |layer| cgroups.version(layer).is_some();
    Ok(Spec {
        stage,
        argv: job.argv.clone(),
        env: job.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        cwd: job.cwd.clone(),
        mounts,
        gateway: matches!(job.network, Network::Gateway(_)).then_some(Job::GATEWAY_PORT),
        bounds: Bounds {
            scratch_bytes: limits.scratch_bytes,
            scratch_inodes: limits.scratch_inodes,
            processes: limits.processes,
            cpu_seconds: limits.cpu_seconds,
            watch_memory: (!has(Layer::CgroupMemory)).then_some(limits.memory),
            watch_processes: !has(Layer::CgroupPids),
            watch_inodes: stage == Stage::Inner,
        },
        umask: job.umask,
        filter: seccomp::program()?,
    })
}

fn write_inputs(scratch: &OwnedFd, inputs: &[InputFile], ids: u32) -> io::Result<()> {
    let _ids = geteuid().is_root().then(|| FileIds::take(ids));
    exchange::write_inputs(scratch.as_fd(), inputs)
}

/// Sends a packet to a socket whose buffer has room, or waits the moment that the init needs to make some.
fn send_all(control: &AsyncFd<OwnedFd>, bytes: &[u8]) -> io::Result<()> {
    loop {
        match channel::send_packet(control.get_ref(), bytes, &[]) {
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(control.get_ref(), PollFlags::OUT)], Some(&DROP_MAX))?;
            }
            other => return Ok(other?),
        }
    }
}

async fn readable(log: Option<&pipe::Receiver>) {
    match log {
        Some(log) if log.readable().await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SandboxError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| failed(step, source))
}

/// The other end closed while it was spoken to: the same as its end.
fn gone<T: Default>(error: io::Error) -> io::Result<T> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(T::default()),
        _ => Err(error),
    }
}

pub(crate) fn failed(step: &str, source: io::Error) -> SandboxError {
    SandboxError::Setup { step: step.into(), source }
}

fn error(fault: &Fault) -> SandboxError {
    match fault.layer {
        Some(layer) => {
            SandboxError::LayerMissing { layer, why: fault.to_string(), fix: doctor::fix(layer, fault.errno) }
        }
        None => failed(&fault.step, fault.error()),
    }
}
