//! Workers of the scanner as tests need them: one that is real and tries what it must not be able to do, and fakes
//! that do anything but answer.
#![expect(unsafe_code, reason = "system calls that no library offers, since nobody should make them")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's program: a panic is one of its acts")]

use std::io::{Read as _, Write as _};
use trustmill_core::Sha256;
use trustmill_core::port::sandbox::LayerStatus;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::{Census, Conclusion, Leads, Report};
use trustmill_sandbox::scanner::worker_main;

/// The rules that every one of them says it has.
const RULES: &str = "test-1";

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        // On a thread of its own, as the scanner does it.
        "real" => worker_main(|told| {
            let rules = std::str::from_utf8(told).map_err(|_| "it was told what is no text".to_owned())?;
            let scan = |job: &Job| {
                let thread = std::thread::Builder::new().name("scan".into()).stack_size(16 << 20);
                std::thread::scope(|scope| thread.spawn_scoped(scope, || act(job)).ok()?.join().ok())
            };
            Ok((format!("{RULES}{rules}"), scan))
        }),
        "silent" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "open" => hello(false, RULES),
        "old" => hello(true, "test-0"),
        "hang" => {
            hello(true, RULES);
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
        "exit" => {
            hello(true, RULES);
            eprintln!("no more");
            std::process::exit(7);
        }
        "garbage" => {
            hello(true, RULES);
            answer(b"{]");
        }
        "endless" => {
            hello(true, RULES);
            std::io::stdout().write_all(&u64::MAX.to_le_bytes()).unwrap();
            std::io::stdout().flush().unwrap();
        }
        "flood" => {
            hello(true, RULES);
            while std::io::stdout().write_all(&[0xFF; 65536]).is_ok() {}
        }
        "lie" => {
            hello(true, RULES);
            answer(&serde_json::to_vec(&report("other.tgz", b"other", String::new())).unwrap());
        }
        other => panic!("what is {other:?}?"),
    }
    // Whoever speaks to it is not stopped by a closed pipe.
    let mut job = Vec::new();
    std::io::stdin().read_to_end(&mut job).unwrap();
}

/// Hears what it is told first, which is nothing, and says what it is.
fn hello(locked_in: bool, rules: &str) {
    let mut length = [0; 8];
    std::io::stdin().read_exact(&mut length).unwrap();
    assert_eq!(length, [0; 8], "these workers are told nothing");
    let layers = trustmill_sandbox::confine::LAYERS.map(|layer| LayerStatus {
        layer,
        active: locked_in,
        detail: "made up".into(),
        fix: None,
    });
    answer(&serde_json::to_vec(&serde_json::json!({ "rules": rules, "layers": layers })).unwrap());
}

fn answer(bytes: &[u8]) {
    let mut out = std::io::stdout();
    out.write_all(&(bytes.len() as u64).to_le_bytes()).unwrap();
    out.write_all(bytes).unwrap();
    out.flush().unwrap();
}

fn report(name: &str, bytes: &[u8], reason: String) -> Report {
    Report {
        format: Report::FORMAT,
        rules: RULES.into(),
        filename: name.into(),
        sha256: Sha256::of(bytes),
        against: None,
        conclusion: Conclusion::Clear,
        reason,
        scores: Vec::new(),
        findings: Vec::new(),
        census: Census::default(),
        licence: None,
        leads: Leads::default(),
    }
}

/// What the file says is done.
fn act(job: &Job) -> Report {
    let said = match job.file.bytes.as_ref() {
        b"escape" => escape(),
        b"pid" => std::process::id().to_string(),
        b"panic" => panic!("as it was told"),
        b"overflow" => deeper(1).to_string(),
        b"memory" => {
            let held: Vec<Vec<u8>> = (0..1 << 20).map(|n| vec![n as u8; 1 << 20]).collect();
            held.len().to_string()
        }
        b"spin" => loop {
            std::hint::spin_loop();
        },
        other => format!("{} bytes", other.len()),
    };
    let against = job.previous.as_ref().map(|previous| previous.version.clone());
    Report { against, ..report(&job.file.name, &job.file.bytes, said) }
}

#[expect(unconditional_recursion, reason = "the end of the stack is what is asked for")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room.iter().sum::<u64>()
}

/// Tries what a worker must not be able to do: `name=ok` or `name=no` for each.
fn escape() -> String {
    let zero = 0_usize;
    let null = std::ptr::null::<u8>();
    // SAFETY: every call gets valid pointers or null; one that should succeed fails the test, not the memory.
    let calls = unsafe {
        [
            ("socket", libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, zero)),
            ("socketpair", libc::syscall(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, zero, null)),
            ("open", libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), zero)),
            ("open-own", libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/proc/self/mem".as_ptr(), 2)),
            ("create", libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/tmp/made".as_ptr(), 0o101, 0o600)),
            ("stat", libc::syscall(libc::SYS_newfstatat, libc::AT_FDCWD, c"/etc".as_ptr(), null, zero)),
            ("unlink", libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, c"/tmp/made".as_ptr(), zero)),
            ("exec", libc::syscall(libc::SYS_execve, c"/bin/true".as_ptr(), null, null)),
            ("fork", libc::syscall(libc::SYS_clone, libc::SIGCHLD, zero, zero, zero, zero)),
            ("clone3", libc::syscall(libc::SYS_clone3, null, zero)),
            ("memfd", libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), zero)),
            ("ptrace", libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, zero, zero, zero)),
            ("kill", libc::syscall(libc::SYS_kill, 1, zero)),
            ("tgkill", libc::syscall(libc::SYS_tgkill, 1, 1, zero)),
            ("unshare", libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER)),
            (
                "clone-vm",
                libc::syscall(libc::SYS_clone, libc::CLONE_VM | libc::SIGCHLD, zero, zero, zero, zero),
            ),
            ("prctl", libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, zero, zero, zero)),
            ("setrlimit", libc::syscall(libc::SYS_prlimit64, zero, 4, null, null)),
            ("io_uring", libc::syscall(libc::SYS_io_uring_setup, 4, null)),
            ("dup", libc::syscall(libc::SYS_dup, zero)),
            ("read-other", libc::syscall(libc::SYS_read, 1, null, zero)),
            ("write-other", libc::syscall(libc::SYS_write, 0, null, zero)),
            ("ioctl", libc::syscall(libc::SYS_ioctl, 1, libc::TIOCGWINSZ, null)),
            ("mmap-exec", libc::syscall(libc::SYS_mmap, zero, 4096, libc::PROT_EXEC, 0x22, -1, zero)),
            ("mmap-file", libc::syscall(libc::SYS_mmap, zero, 4096, libc::PROT_READ, 2, zero, zero)),
        ]
    };
    let mut said: Vec<String> = calls
        .iter()
        .map(|(name, result)| format!("{name}={}", if *result >= 0 { "ok" } else { "no" }))
        .collect();
    let mut also = |name: &str, done: bool| said.push(format!("{name}={}", if done { "ok" } else { "no" }));
    also("std-file", std::fs::read("/etc/hostname").is_ok());
    also("std-connect", std::net::TcpStream::connect("127.0.0.1:9").is_ok());
    also("std-command", std::process::Command::new("/bin/true").spawn().is_ok());
    also("environment", std::env::vars_os().next().is_some());
    said.join(" ")
}
