//! The few system calls that neither the standard library nor `rustix` offers, each behind a safe function.
#![expect(unsafe_code, reason = "fork, execve and raw system calls; every block says why it is sound")]

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::CString;
use std::ptr;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Which side of a fork this is.
pub(crate) enum Fork {
    Parent(i32),
    Child,
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn check(result: i32) -> Result<i32, Errno> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

/// Forks the init, which has one thread.
pub(crate) fn fork() -> Result<Fork, Errno> {
    // SAFETY: only the init calls this, and it never starts a thread, so that no lock can be held by
    // another thread at the moment of the copy.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Ends this process at once, running no destructor.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Waits for a signal that ends this process.
pub(crate) fn sleep_until_killed() -> ! {
    loop {
        // SAFETY: `pause` has no preconditions.
        unsafe { libc::pause() };
    }
}

/// Replaces this process by `argv[0]`; returns only if that failed.
pub(crate) fn execve(argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |list: &[CString]| {
        list.iter().map(|text| text.as_ptr()).chain(std::iter::once(ptr::null())).collect::<Vec<_>>()
    };
    let Some(program) = argv.first() else { return Errno::INVAL };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end with a null pointer, and the strings that they point to outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    last_error()
}

/// A child that ended: its process id and raw wait status. `None` if there is none (now, or at all with
/// [`Errno::CHILD`] as the error).
pub(crate) fn wait_any(block: bool) -> Result<Option<(i32, i32)>, Errno> {
    let mut status = 0;
    let options = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    // SAFETY: `status` is a valid place for an int.
    match check(unsafe { libc::waitpid(-1, &raw mut status, options) })? {
        0 => Ok(None),
        pid => Ok(Some((pid, status))),
    }
}

/// CPU milliseconds of the children that were waited for, and the largest resident set among them in KiB.
pub(crate) fn children_usage() -> (u64, u64) {
    // SAFETY: `rusage` is plain data for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the answer.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) } != 0 {
        return (0, 0);
    }
    let ms = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_usec).unwrap_or(0) / 1000
    };
    (ms(usage.ru_utime) + ms(usage.ru_stime), u64::try_from(usage.ru_maxrss).unwrap_or(0))
}

/// Kills every process that this one may signal: for the first process of a pid namespace, all others in it.
pub(crate) fn kill_all_others() {
    // SAFETY: `kill` has no memory preconditions.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// Blocks `SIGCHLD` and gives a descriptor that is readable when one is pending.
pub(crate) fn child_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: `sigset_t` is plain data, initialised by `sigemptyset` before use.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()))?;
        let fd = check(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Unblocks every signal and gives each its default action, as a program expects at its start.
pub(crate) fn default_signals() {
    // SAFETY: `sigset_t` is plain data; `SIG_DFL` is a valid action for every signal, and the calls for
    // signals that cannot be changed fail without effect.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
    }
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: the init owns no descriptor at this point but those below `first`.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) as i32 }).map(drop)
}

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MountAttr {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
    pub(crate) userns: u64,
}

pub(crate) const MOUNT_RDONLY: u64 = 0x01;
pub(crate) const MOUNT_NOSUID: u64 = 0x02;
pub(crate) const MOUNT_NODEV: u64 = 0x04;
pub(crate) const MOUNT_IDMAP: u64 = 0x0010_0000;
pub(crate) const PROPAGATION_PRIVATE: u64 = 1 << 18;

/// Changes the attributes of a mount, and of all mounts below it where `recursive`.
pub(crate) fn mount_setattr(mount: impl AsFd, attr: MountAttr, recursive: bool) -> Result<(), Errno> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, and `attr` has the layout and size that are passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    check(i32::try_from(result).unwrap_or(-1)).map(drop)
}

/// Leaves the namespaces that `flags` (`CLONE_NEW*`) names.
pub(crate) fn unshare(flags: i32) -> Result<(), Errno> {
    // SAFETY: the init has one thread, and no flag among those used (namespaces only) changes what its
    // memory or descriptors mean.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Raises the loopback device of this network namespace.
pub(crate) fn raise_loopback(socket: impl AsFd) -> Result<(), Errno> {
    // SAFETY: `ifreq` is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *slot = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which `request` is.
    check(unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) })
        .map(drop)
}

/// Gives the calling thread's file accesses another user and group until the guard is dropped, so that
/// root can write into a file system that knows only the job's ids. Nothing else of the process changes.
pub(crate) struct FileIds {
    old: (u32, u32),
}

impl FileIds {
    pub(crate) fn take(id: u32) -> Self {
        // SAFETY: both calls take a number, concern this thread alone, and return the former value.
        let gid = unsafe { libc::setfsgid(id) };
        // SAFETY: as above.
        let uid = unsafe { libc::setfsuid(id) };
        Self { old: (uid.cast_unsigned(), gid.cast_unsigned()) }
    }
}

impl Drop for FileIds {
    fn drop(&mut self) {
        // SAFETY: as in `take`; the ids are those that the thread had.
        unsafe {
            libc::setfsuid(self.old.0);
            libc::setfsgid(self.old.1);
        }
    }
}

/// The highest capability that this kernel knows is not above this one; 63 is the width of the sets.
pub(crate) const CAPABILITIES: std::ops::Range<u32> = 0..64;

/// Takes a capability out of the bounding set for good. `false` when the kernel does not know it.
pub(crate) fn drop_from_bounding_set(capability: u32) -> Result<bool, Errno> {
    // SAFETY: PR_CAPBSET_DROP takes a number and touches no memory.
    match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) }) {
        Ok(_) => Ok(true),
        Err(Errno::INVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the descriptor that a parent left under a known number.
pub(crate) fn adopt(fd: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: F_GETFD on any number is harmless, and tells whether it is open.
    check(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    // SAFETY: the descriptor is open, and the init calls this once, before it opens anything itself.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The version of Landlock that the kernel has (`landlock_create_ruleset(2)`).
pub(crate) fn landlock_version() -> Result<i32, Errno> {
    const ASK_VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no ruleset: the pointer must be null and the size zero.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, ASK_VERSION) };
    check(i32::try_from(version).unwrap_or(-1))
}

/// A descriptor that the runtime watches.
pub(crate) fn watched(fd: OwnedFd, interest: Interest) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open descriptor as long as it lives, the `AsyncFd` owns it, and
    // nobody in this crate takes it out by `get_mut`.
    let watched = unsafe { AsyncFd::register_with_interest(fd, interest) };
    watched.map_err(Into::into)
}
