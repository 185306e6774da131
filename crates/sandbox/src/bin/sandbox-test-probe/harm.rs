//! Ways to use up a machine, and to leave traps for whoever collects the output.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Forks until it is refused, then fails.
pub(crate) fn fork_bomb() {
    loop {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => std::process::exit(1),
            0 => {
                // SAFETY: as above; the children fork too.
                unsafe { libc::fork() };
                std::thread::sleep(Duration::from_secs(3600));
            }
            _ => {}
        }
    }
}

/// Takes memory and touches it.
pub(crate) fn memory(bytes: usize) {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..bytes >> 20 {
        let mut block = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            std::process::exit(1);
        }
        block.resize(1 << 20, 1);
        taken.push(block);
    }
    std::process::exit(i32::from(std::hint::black_box(taken).is_empty()));
}

/// Eight processes that together take what none of them takes; fails when one of them dies.
pub(crate) fn memory_tree() {
    for _ in 0..8 {
        // SAFETY: this program has one thread.
        if unsafe { libc::fork() } == 0 {
            let taken = std::hint::black_box(vec![1_u8; 40 << 20]);
            std::thread::sleep(Duration::from_secs(3600));
            drop(taken);
        }
    }
    // SAFETY: a null status is allowed.
    unsafe { libc::wait(std::ptr::null_mut()) };
    std::process::exit(1);
}

/// Writes until it cannot.
pub(crate) fn fill(path: &str) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[7; 1 << 16]).is_ok() {}
    std::process::exit(1);
}

/// Makes files until it cannot.
pub(crate) fn inodes(path: &str) {
    let mut number = 0;
    while File::create(format!("{path}/{number}")).is_ok() {
        number += 1;
    }
    std::process::exit(1);
}

/// Prints for ever.
pub(crate) fn flood() {
    let line = [b'x'; 4096];
    while std::io::stdout().write_all(&line).is_ok() {}
}

/// Leaves a grandchild in a session of its own, holding the log open, and ends.
pub(crate) fn daemon() {
    // SAFETY: this program has one thread; each side of the forks only sleeps or ends.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                libc::signal(libc::SIGTERM, libc::SIG_IGN);
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                std::thread::sleep(Duration::from_secs(3600));
            }
            libc::_exit(0);
        }
    }
    println!("left");
}

/// Traps in the folder that is collected.
pub(crate) fn plant() {
    let out = "/build/out";
    fs::create_dir_all(format!("{out}/deep/er")).unwrap();
    fs::write(format!("{out}/good"), "good").unwrap();
    fs::write(format!("{out}/deep/er/file"), "deep").unwrap();
    fs::hard_link(format!("{out}/good"), format!("{out}/twin")).unwrap();
    symlink("/etc/passwd", format!("{out}/passwd")).unwrap();
    symlink("/usr", format!("{out}/usr")).unwrap();
    symlink("../secret", format!("{out}/relative")).unwrap();
    fs::write("/build/secret", "not collected").unwrap();
    UnixListener::bind(format!("{out}/socket")).unwrap();
    let fifo = std::ffi::CString::new(format!("{out}/fifo")).unwrap();
    let device = std::ffi::CString::new(format!("{out}/device")).unwrap();
    // SAFETY: both paths are valid C strings.
    unsafe {
        assert_eq!(libc::mkfifo(fifo.as_ptr(), 0o666), 0);
        assert_eq!(libc::mknod(device.as_ptr(), libc::S_IFCHR | 0o666, 0x103), -1);
    }
    let locked = format!("{out}/locked");
    fs::create_dir(&locked).unwrap();
    fs::write(format!("{locked}/inside"), "locked").unwrap();
    fs::set_permissions(format!("{locked}/inside"), PermissionsExt::from_mode(0o000)).unwrap();
    fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
}
