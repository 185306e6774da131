//! Root's own files, seen by a job: where the mill runs as root, a job's mounts show what root owns as the
//! job's, so that the job needs no right of root's to read or write there.

use crate::spec::{Fault, Step};
use crate::sys::{self, Fork};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

const STEP: &str = "make a map of ids for the mounts";

/// A user namespace in which root is `id` outside: what `mount_setattr` takes as a map. It has no process.
pub(crate) fn root_as(id: u32) -> Result<OwnedFd, Fault> {
    let (ready, entered) = pipe_with(PipeFlags::CLOEXEC).step(None, STEP)?;
    let helper = match sys::fork().step(None, STEP)? {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            let code = i32::from(sys::unshare(libc::CLONE_NEWUSER).is_err());
            if code == 0 && rustix::io::write(&entered, b"x").is_ok() {
                sys::sleep_until_killed();
            }
            sys::exit_now(code)
        }
    };
    drop(entered);
    let map = read_map(&ready, helper, id);
    if let Some(pid) = Pid::from_raw(helper) {
        kill_process(pid, Signal::KILL).ok();
    }
    sys::wait_any(true).step(None, STEP)?;
    map.step(None, STEP)
}

fn read_map(ready: &OwnedFd, helper: i32, id: u32) -> Result<OwnedFd, Errno> {
    if rustix::io::read(ready, &mut [0_u8; 1])? == 0 {
        return Err(Errno::PERM);
    }
    for file in ["uid_map", "gid_map"] {
        let fd = rustix::fs::open(
            format!("/proc/{helper}/{file}"),
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::write(&fd, format!("0 {id} 1").as_bytes())?;
    }
    rustix::fs::open(format!("/proc/{helper}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
