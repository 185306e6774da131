//! The first process inside: starts the job, reaps orphans, and ends everything when the job ends.

use crate::channel;
use crate::spec::{End, Fault, Reply, Spec, Step};
use crate::{sys, watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::CString;

/// How often the tree is looked at where no control group bounds it.
const WATCH_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Runs the job to its end and reports it. Never returns with a process of the job left.
pub(crate) fn run(spec: &Spec, control: &OwnedFd) -> Result<(), Fault> {
    let argv = strings(&spec.argv)?;
    let env = strings(&spec.env)?;
    let signals = sys::child_signals().step(None, "watch for children")?;
    let job = match sys::fork().step(None, "start the job's first process")? {
        sys::Fork::Child => start(spec, control, &argv, &env),
        sys::Fork::Parent(pid) => pid,
    };
    let end = until_end(spec, control, &signals, job)?;
    let end = match end {
        End::Code { code, no_more_processes, .. } if code != 0 => End::Code {
            code,
            no_more_processes: no_more_processes || fork_is_refused(),
            scratch_full: watch::scratch_is_full(),
        },
        other => other,
    };
    end_all();
    let (cpu_ms, max_rss_kib) = sys::children_usage();
    let reply = channel::encode(&Reply::Ended { end, cpu_ms, max_rss_kib }).step(None, "write the report")?;
    channel::send_packet(control, &reply, &[]).step(None, "send the report")
}

/// In the child: becomes the job. What fails here is said on the channel, which closes with the exec.
fn start(spec: &Spec, control: &OwnedFd, argv: &[CString], env: &[CString]) -> ! {
    sys::default_signals();
    let failed = |step: String, errno: Errno| -> ! {
        let fault = Fault { layer: None, step, errno: errno.raw_os_error() };
        if let Ok(reply) = channel::encode(&Reply::Failed(fault)) {
            channel::send_packet(control, &reply, &[]).ok();
        }
        sys::exit_now(127)
    };
    if let Err(error) = rustix::process::setsid() {
        failed("start a session".into(), error);
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(spec.umask));
    if let Err(error) = rustix::process::chdir(spec.cwd.as_str()) {
        failed(format!("enter {}", spec.cwd), error);
    }
    let error = sys::execve(argv, env);
    failed(format!("start {}", spec.argv.first().map_or("", String::as_str)), error)
}

fn strings(list: &[String]) -> Result<Vec<CString>, Fault> {
    list.iter()
        .map(|text| {
            CString::new(text.as_str()).map_err(|_| Fault {
                layer: None,
                step: "pass a string with a zero byte".into(),
                errno: libc::EINVAL,
            })
        })
        .collect()
}

fn until_end(spec: &Spec, control: &OwnedFd, signals: &OwnedFd, job: i32) -> Result<End, Fault> {
    let bounds = &spec.bounds;
    let watched = bounds.watch_memory.is_some() || bounds.watch_processes || bounds.watch_inodes;
    let mut crowded = false;
    loop {
        let mut fds = [PollFd::new(signals, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut fds, watched.then_some(&WATCH_EVERY)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).step(None, "wait for the job"),
        }
        let [child, parent] = fds.map(|fd| !fd.revents().is_empty());
        // Any word from the parent, or its death, is the end.
        if parent {
            return Ok(End::Stopped);
        }
        if child {
            drain(signals);
        }
        if let Some(status) = reap(job)? {
            return Ok(end_of(status, crowded));
        }
        if watched {
            let tree = watch::look();
            crowded |= bounds.watch_processes && tree.tasks >= u64::from(bounds.processes);
            if bounds.watch_memory.is_some_and(|most| tree.memory > most) {
                return Ok(End::OutOfMemory);
            }
            if bounds.watch_inodes && watch::inodes() > bounds.scratch_inodes {
                return Ok(End::OutOfScratch);
            }
        }
    }
}

fn end_of(status: i32, crowded: bool) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code { code: libc::WEXITSTATUS(status), no_more_processes: crowded, scratch_full: false }
    }
}

/// Takes what is pending off the signal descriptor.
fn drain(signals: impl AsFd) {
    let mut buffer = [0_u8; 512];
    while rustix::io::read(&signals, &mut buffer).is_ok_and(|got| got > 0) {}
}

/// Reaps whatever ended; the job's first process's status, if it was among them.
fn reap(job: i32) -> Result<Option<i32>, Fault> {
    let mut found = None;
    loop {
        match sys::wait_any(false) {
            Ok(Some((pid, status))) if pid == job => found = Some(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(found),
            Err(error) => return Err(error).step(None, "wait for the job"),
        }
    }
}

/// Kills and reaps everything else in the namespace, so that its use of the processor is counted.
fn end_all() {
    loop {
        sys::kill_all_others();
        match sys::wait_any(true) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Whether the limit on processes is in force at this moment: this process stands under it as well. Twice,
/// since the end of the job's first process has just made room for one. [`end_all`] ends the children.
fn fork_is_refused() -> bool {
    (0..2).any(|_| match sys::fork() {
        Ok(sys::Fork::Child) => sys::sleep_until_killed(),
        Ok(sys::Fork::Parent(_)) => false,
        Err(error) => error == Errno::AGAIN,
    })
}
