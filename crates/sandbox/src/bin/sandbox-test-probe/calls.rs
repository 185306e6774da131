//! System calls that the sandbox must refuse.

use std::ffi::c_long;
use std::ptr::null;

/// The name of an error number, where a test asks for it.
pub(crate) fn name(errno: i32) -> String {
    match errno {
        libc::EPERM => "EPERM".into(),
        libc::EACCES => "EACCES".into(),
        libc::ENOSYS => "ENOSYS".into(),
        libc::EINVAL => "EINVAL".into(),
        libc::ENOENT => "ENOENT".into(),
        libc::EROFS => "EROFS".into(),
        libc::ESRCH => "ESRCH".into(),
        libc::ENETUNREACH => "ENETUNREACH".into(),
        libc::ECONNREFUSED => "ECONNREFUSED".into(),
        other => format!("errno {other}"),
    }
}

fn say(what: &str, result: c_long) {
    if result >= 0 {
        println!("{what}=ok");
    } else {
        println!("{what}={}", name(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)));
    }
}

/// Everything in one go.
pub(crate) fn all() {
    let path = c"/tmp".as_ptr();
    let buffer = [0_u64; 32];
    let b = buffer.as_ptr();
    let zero = 0_usize;
    // SAFETY: every call gets valid pointers or null; one that should succeed ends the test, not the memory.
    unsafe {
        say("mount", libc::syscall(libc::SYS_mount, path, path, c"tmpfs".as_ptr(), zero, null::<u8>()));
        say("umount2", libc::syscall(libc::SYS_umount2, c"/build".as_ptr(), libc::MNT_DETACH));
        say("fsopen", libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), zero));
        say("open_tree", libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path, 1));
        say(
            "move_mount",
            libc::syscall(libc::SYS_move_mount, libc::AT_FDCWD, path, libc::AT_FDCWD, path, zero),
        );
        say("mount_setattr", libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, path, zero, b, 32_usize));
        say("pivot_root", libc::syscall(libc::SYS_pivot_root, path, path));
        say("chroot", libc::syscall(libc::SYS_chroot, path));
        say("unshare-user", libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER));
        say("unshare-net", libc::syscall(libc::SYS_unshare, libc::CLONE_NEWNET));
        say(
            "clone-user",
            libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, zero, zero, zero, zero),
        );
        say(
            "clone-user-high-bits",
            libc::syscall(libc::SYS_clone, 1_u64 << 40 | 0x1000_0000 | 17, zero, zero, zero, zero),
        );
        say("clone3", libc::syscall(libc::SYS_clone3, b, 88_usize));
        say("setns", libc::syscall(libc::SYS_setns, 0, zero));
        say("ptrace", libc::syscall(libc::SYS_ptrace, libc::PTRACE_ATTACH, 1, zero, zero));
        say("process_vm_readv", libc::syscall(libc::SYS_process_vm_readv, 1, b, 1_usize, b, 1_usize, zero));
        say("pidfd_getfd", libc::syscall(libc::SYS_pidfd_getfd, 0, 0, zero));
        say("kcmp", libc::syscall(libc::SYS_kcmp, 1, 1, 0, 0, 0));
        say("bpf", libc::syscall(libc::SYS_bpf, zero, b, 64_usize));
        say("keyctl", libc::syscall(libc::SYS_keyctl, zero, -3, 1));
        say("add_key", libc::syscall(libc::SYS_add_key, c"user".as_ptr(), c"a".as_ptr(), b, 1_usize, -3));
        say("request_key", libc::syscall(libc::SYS_request_key, c"user".as_ptr(), c"a".as_ptr(), zero, zero));
        say("io_uring_setup", libc::syscall(libc::SYS_io_uring_setup, 4, b));
        say("perf_event_open", libc::syscall(libc::SYS_perf_event_open, b, 0, -1, -1, zero));
        say("userfaultfd", libc::syscall(libc::SYS_userfaultfd, 1));
        say("kexec_load", libc::syscall(libc::SYS_kexec_load, zero, zero, zero, zero));
        say("init_module", libc::syscall(libc::SYS_init_module, b, 8_usize, c"".as_ptr()));
        say("finit_module", libc::syscall(libc::SYS_finit_module, 0, c"".as_ptr(), zero));
        say("open_by_handle_at", libc::syscall(libc::SYS_open_by_handle_at, libc::AT_FDCWD, b, zero));
        say("fanotify_init", libc::syscall(libc::SYS_fanotify_init, zero, zero));
        say("swapon", libc::syscall(libc::SYS_swapon, path, zero));
        say("reboot", libc::syscall(libc::SYS_reboot, zero, zero, zero, zero));
        say("syslog", libc::syscall(libc::SYS_syslog, 3, b, 8_usize));
        say("sethostname", libc::syscall(libc::SYS_sethostname, c"x".as_ptr(), 1_usize));
        say("clock_settime", libc::syscall(libc::SYS_clock_settime, zero, b));
        say(
            "mknod",
            libc::syscall(
                libc::SYS_mknodat,
                libc::AT_FDCWD,
                c"/build/null".as_ptr(),
                libc::S_IFCHR | 0o666,
                0x103,
            ),
        );
        say("setuid", libc::syscall(libc::SYS_setuid, zero));
        say("setgroups", libc::syscall(libc::SYS_setgroups, zero, zero));
        say("personality", libc::syscall(libc::SYS_personality, 0x040_0000));
        say("tiocsti", libc::syscall(libc::SYS_ioctl, 0, libc::TIOCSTI, b));
        say("tiocsti-high-bits", libc::syscall(libc::SYS_ioctl, 0, 1_u64 << 32 | 0x5412, b));
        say("tioclinux", libc::syscall(libc::SYS_ioctl, 0, libc::TIOCLINUX, b));
        say("socket-netlink", libc::syscall(libc::SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0));
        say("socket-packet", libc::syscall(libc::SYS_socket, libc::AF_PACKET, libc::SOCK_RAW, 0));
        say("socket-vsock", libc::syscall(libc::SYS_socket, libc::AF_VSOCK, libc::SOCK_STREAM, 0));
        say("socket-alg", libc::syscall(libc::SYS_socket, libc::AF_ALG, libc::SOCK_SEQPACKET, 0));
        say("socket-sctp", libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_SEQPACKET, 132));
        say("socket-raw", libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP));
        say("unknown-call", libc::syscall(9999));
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the x32 number of `unshare`; the kernel or the filter refuses it.
    say("x32-unshare", unsafe { libc::syscall(0x4000_0000 | libc::SYS_unshare, libc::CLONE_NEWUSER) });
}

/// Tries to stop and to read another process.
pub(crate) fn kill(pid: &str) {
    let number: i32 = pid.parse().unwrap();
    // SAFETY: signal 0 and a kill of a process that must not be visible.
    say(pid, unsafe { libc::syscall(libc::SYS_kill, number, libc::SIGKILL) });
}

/// Who this is.
pub(crate) fn ids() {
    // SAFETY: none of these has preconditions.
    let (uid, euid, gid, egid) =
        unsafe { (libc::getuid(), libc::geteuid(), libc::getgid(), libc::getegid()) };
    println!("uid={uid} euid={euid} gid={gid} egid={egid}");
}
