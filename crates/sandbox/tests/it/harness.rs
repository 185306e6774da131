//! One job, four worlds: each backend, started by root and by an ordinary user.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use trustmill_core::port::sandbox::{Exit, Job, Limits, Mount, Network, Report, Sandbox};
use trustmill_sandbox::{Bubblewrap, InitCommand, Own};

/// An id that no account has.
const ORDINARY: u32 = 54321;
/// Where the probe is inside.
pub(crate) const PROBE: &str = "/probe/sandbox-test-probe";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Own,
    Bubblewrap,
}

/// A backend in which a test runs its jobs.
pub(crate) struct World {
    pub(crate) sandbox: Box<dyn Sandbox>,
    pub(crate) backend: Backend,
    pub(crate) runtime: tokio::runtime::Runtime,
    programs: PathBuf,
}

/// Makes four tests out of each function.
macro_rules! everywhere {
    ($(fn $name:ident($world:ident) $body:block)*) => {$(
        fn $name($world: &crate::harness::World) $body

        mod $name {
            #[test]
            fn own() {
                crate::harness::here(crate::harness::Backend::Own, super::$name);
            }
            #[test]
            fn bubblewrap() {
                crate::harness::here(crate::harness::Backend::Bubblewrap, super::$name);
            }
            #[test]
            fn own_as_user() {
                crate::harness::as_user(concat!(module_path!(), "::own"));
            }
            #[test]
            fn bubblewrap_as_user() {
                crate::harness::as_user(concat!(module_path!(), "::bubblewrap"));
            }
        }
    )*};
}
pub(crate) use everywhere;

/// Runs a test in this process, as whoever it is.
pub(crate) fn here(backend: Backend, check: fn(&World)) {
    match World::new(backend) {
        Some(world) => check(&world),
        None => eprintln!("NOT RUN: bubblewrap is not installed and could not be installed"),
    }
}

/// Runs one test again in a process of an ordinary user.
pub(crate) fn as_user(test: &str) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN AGAIN: the other half of this test ran as an ordinary user already");
        return;
    }
    let folder = shared_folder();
    let (_, test) = test.split_once("::").unwrap();
    let output = Command::new(folder.path().join("it"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env_clear()
        .env("TRUSTMILL_TEST_PROGRAMS", folder.path())
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .uid(ORDINARY)
        .gid(ORDINARY)
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{text}");
    assert!(output.status.success(), "as an ordinary user: {text}");
    assert!(text.contains("1 passed"), "the test was not found: {text}");
}

/// The programs where every user may start them: a build folder may be closed to others.
fn shared_folder() -> tempfile::TempDir {
    let folder =
        tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
    let own = std::env::current_exe().unwrap();
    for (from, to) in [
        (own.as_path(), "it"),
        (Path::new(env!("CARGO_BIN_EXE_sandbox-test-init")), "sandbox-test-init"),
        (Path::new(env!("CARGO_BIN_EXE_sandbox-test-probe")), "sandbox-test-probe"),
        (Path::new(env!("CARGO_BIN_EXE_sandbox-test-scanner")), "sandbox-test-scanner"),
    ] {
        let to = folder.path().join(to);
        std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(drop)).unwrap();
    }
    folder
}

/// The folder of the programs that tests start.
pub(crate) fn programs() -> PathBuf {
    std::env::var_os("TRUSTMILL_TEST_PROGRAMS").map_or_else(
        || Path::new(env!("CARGO_BIN_EXE_sandbox-test-init")).parent().unwrap().to_path_buf(),
        PathBuf::from,
    )
}

impl World {
    pub(crate) fn new(backend: Backend) -> Option<Self> {
        let programs = programs();
        let init = InitCommand { program: programs.join("sandbox-test-init"), args: vec!["init".into()] };
        let sandbox: Box<dyn Sandbox> = match backend {
            Backend::Own => Box::new(Own::new(init)),
            Backend::Bubblewrap => {
                install_bubblewrap();
                Box::new(Bubblewrap::detect(init)?)
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { sandbox, backend, runtime, programs })
    }

    /// A job that runs the probe with these words.
    pub(crate) fn job(&self, words: &[&str]) -> Job {
        let mut argv = vec![PROBE.to_owned()];
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        Job {
            argv,
            env: vec![("LANG".into(), "C.UTF-8".into())],
            cwd: Job::SCRATCH.into(),
            mounts: vec![Mount {
                source: self.programs.join("sandbox-test-probe"),
                target: PROBE.into(),
                writable: false,
            }],
            inputs: Vec::new(),
            collect: Vec::new(),
            network: Network::None,
            limits: Limits { memory: 256 << 20, wall: Duration::from_secs(120), ..Limits::default() },
            umask: 0o022,
        }
    }

    pub(crate) fn run(&self, job: Job) -> Report {
        self.runtime.block_on(self.sandbox.run(job)).unwrap_or_else(|error| {
            panic!("{error}: {:?}", std::error::Error::source(&error));
        })
    }

    /// Runs the probe, which must end well; its output.
    pub(crate) fn probe(&self, words: &[&str]) -> String {
        let report = self.run(self.job(words));
        let log = String::from_utf8_lossy(&report.log).into_owned();
        assert_eq!(report.exit, Exit::Code(0), "{log}");
        log
    }

    /// What the probe said about each attempt.
    pub(crate) fn attempts(&self, words: &[&str]) -> BTreeMap<String, String> {
        pairs(&self.probe(words))
    }
}

pub(crate) fn pairs(log: &str) -> BTreeMap<String, String> {
    log.lines().filter_map(|line| line.rsplit_once('=')).map(|(a, b)| (a.into(), b.into())).collect()
}

/// A word that no other process has among its arguments.
pub(crate) fn token() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("token-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Processes of this machine that have the token among their arguments.
pub(crate) fn alive(token: &str) -> Vec<OsString> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == token.as_bytes()))
        })
        .map(|entry| entry.file_name())
        .collect()
}

/// Waits until something is so; fails when it never is.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: still not so");
}

fn install_bubblewrap() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        if rustix::process::geteuid().is_root() && !Path::new("/usr/bin/bwrap").exists() {
            Command::new("apt-get").args(["install", "-y", "-q", "bubblewrap"]).output().ok();
        }
    });
}
