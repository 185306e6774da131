//! Leaves the host's namespaces as an ordinary user does, root too: one way, tested once.

use crate::spec::{Fault, INSIDE_ID, Step};
use crate::sys;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Uid, getegid, geteuid, set_dumpable_behavior};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::fs;
use std::io::Write;
use trustmill_core::port::sandbox::Layer;

/// The namespaces, each with the layer that it is.
pub(crate) const NAMESPACES: [(i32, Layer); 6] = [
    (libc::CLONE_NEWUSER, Layer::UserNamespace),
    (libc::CLONE_NEWNS, Layer::MountNamespace),
    (libc::CLONE_NEWPID, Layer::PidNamespace),
    (libc::CLONE_NEWNET, Layer::NetworkNamespace),
    (libc::CLONE_NEWIPC, Layer::IpcNamespace),
    (libc::CLONE_NEWUTS, Layer::UtsNamespace),
];

/// Root becomes an unprivileged user: the host's root owns too much (`/proc/sys`, every file that is
/// `0600`) for a job to run under its id, even without capabilities.
pub(crate) fn leave_root(id: u32) -> Result<(), Fault> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    let step = "become an unprivileged user";
    set_thread_groups(&[]).step(Layer::UserNamespace, step)?;
    match set_thread_res_gid(gid, gid, gid) {
        // Root of a user namespace that has no other id: it is unprivileged outside already.
        Err(Errno::INVAL) => return Ok(()),
        other => other.step(Layer::UserNamespace, step)?,
    }
    set_thread_res_uid(uid, uid, uid).step(Layer::UserNamespace, step)?;
    // The change of ids made /proc/self root's; the id map is written through it.
    set_dumpable_behavior(DumpableBehavior::Dumpable).step(Layer::UserNamespace, step)
}

/// Enters new namespaces. The pid namespace begins with the next fork.
pub(crate) fn enter() -> Result<(), Fault> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let all = NAMESPACES.iter().fold(libc::CLONE_NEWCGROUP, |flags, (flag, _)| flags | flag);
    if let Err(error) = sys::unshare(all) {
        return Err(first_missing(error));
    }
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{INSIDE_ID} {uid} 1"))?;
    write("/proc/self/gid_map", &format!("{INSIDE_ID} {gid} 1"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .step(Layer::UserNamespace, "hide the init's memory")?;
    // Namespaces within are refused by the system-call filter; this refuses them a second time.
    write("/proc/sys/user/max_user_namespaces", "0")?;
    rustix::system::sethostname(b"build").step(Layer::UtsNamespace, "set the host name")
}

fn write(path: &str, text: &str) -> Result<(), Fault> {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .step(Layer::UserNamespace, format!("write {path}"))
}

/// Which namespace it is that cannot be had.
fn first_missing(error: Errno) -> Fault {
    for (flag, layer) in NAMESPACES {
        if let Err(error) = sys::unshare(flag) {
            return Fault {
                layer: Some(layer),
                step: "enter a new namespace".into(),
                errno: error.raw_os_error(),
            };
        }
    }
    Fault {
        layer: Some(Layer::UserNamespace),
        step: "enter new namespaces".into(),
        errno: error.raw_os_error(),
    }
}
