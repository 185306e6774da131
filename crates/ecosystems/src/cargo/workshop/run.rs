//! One run of a crate's tests: `cargo test` without a network, and what libtest said.

use super::manifest::file_of;
use super::targets::{self, Target, asked};
use crate::rust::{Crates, HOME, configures};
use crate::tested::{MOST_TESTS, last_error, tail};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use trustmill_core::content::Contents;
use trustmill_core::port::sandbox::{Exit, InputFile, Job, Limits, Network, Report};
use trustmill_core::repair::{TestOutcome, TestReport};

/// Where the crate stands inside.
const SOURCE: &str = "/build/source";
/// How long compiling and testing may take.
const LONGEST: Duration = Duration::from_secs(420);

/// What cargo starts in the place of each program of tests.
const RUNNER: &str = "/build/mill/runner";
const RUNNER_TEXT: &str = include_str!("runner.sh");

/// A run: of which targets, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    /// Targets whose tests do not compile here.
    pub(super) without: &'a BTreeSet<Target>,
    /// Only the tests of these files.
    pub(super) only: Option<&'a [String]>,
    /// As users have it, under a sanitizer.
    pub(super) strict: bool,
}

/// The job.
pub(super) fn job(tree: &Contents, crates: &Crates, way: Way<'_>, limits: Limits) -> Job {
    let members = tree.members.iter().filter(|(path, _)| !configures(path));
    let mut inputs: Vec<InputFile> = members
        .map(|(path, member)| InputFile {
            path: format!("{SOURCE}/{path}"),
            bytes: member.bytes.clone(),
            mode: (member.mode.unwrap_or(0o644) & 0o755) | 0o600,
            mtime: member.mtime,
        })
        .collect();
    let own = |path: &str, text: &'static str, mode| InputFile {
        path: path.to_owned(),
        bytes: Bytes::from_static(text.as_bytes()),
        mode,
        mtime: None,
    };
    inputs.extend(["/build/home/.keep", "/build/tmp/.keep"].map(|path| own(path, "", 0o644)));
    inputs.push(own(RUNNER, RUNNER_TEXT, 0o755));
    let mut argv = vec![format!("{}/cargo", crates.programs)];
    argv.extend(["test", "--offline", "--no-fail-fast", "--config"].map(str::to_owned));
    argv.push(format!("target.'cfg(all())'.runner='{RUNNER}'"));
    argv.extend(asked(tree, way));
    let env = [
        ("HOME", "/build/home"),
        ("TMPDIR", "/build/tmp"),
        ("TZ", "UTC"),
        ("LC_ALL", "C.UTF-8"),
        ("CI", "true"),
        ("CARGO_HOME", HOME),
        ("CARGO_NET_OFFLINE", "true"),
        ("CARGO_INCREMENTAL", "0"),
        ("CARGO_TARGET_DIR", "/build/target"),
        ("CARGO_TERM_COLOR", "never"),
        // Scratch space is memory.
        ("CARGO_PROFILE_DEV_DEBUG", "0"),
        ("CARGO_PROFILE_TEST_DEBUG", "0"),
    ];
    let mut env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    // Compilers warn of more than they did, and crates made errors of warnings.
    let mut flags = "--cap-lints=allow".to_owned();
    if way.strict {
        // For a platform by its name the flags are not those of build scripts and macros.
        argv.extend(["--target".to_owned(), crates.host.clone()]);
        flags.push_str(" -Zsanitizer=address");
        env.extend(STRICT.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    env.push(("RUSTFLAGS".to_owned(), flags));
    env.push(("PATH".to_owned(), format!("{}:/usr/bin:/bin", crates.programs)));
    let limits = Limits {
        wall: LONGEST,
        cpu_seconds: 900,
        processes: 512,
        memory: limits.memory.max(6 << 30),
        scratch_bytes: limits.scratch_bytes.max(3 << 30),
        log_bytes: limits.log_bytes.max(16 << 20),
        ..limits
    };
    Job {
        argv,
        env,
        cwd: SOURCE.to_owned(),
        mounts: crates.mounts.clone(),
        inputs,
        collect: Vec::new(),
        network: Network::None,
        limits,
        umask: 0o022,
    }
}

/// What users have: no check of an overflow, and no assertion that is made for development. The sanitizer comes with
/// the compiler, which offers it under this name alone; what it does not free at the end is no fault, and an allocation
/// that is too large fails as it does without.
const STRICT: [(&str, &str); 6] = [
    ("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "false"),
    ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
    ("CARGO_PROFILE_TEST_OVERFLOW_CHECKS", "false"),
    ("CARGO_PROFILE_TEST_DEBUG_ASSERTIONS", "false"),
    ("RUSTC_BOOTSTRAP", "1"),
    ("ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=1:symbolize=0"),
];

/// What cargo and libtest said, and the targets whose tests do not compile.
pub(super) fn outcome(tree: &Contents, report: &Report) -> (TestReport, BTreeSet<Target>) {
    let log = String::from_utf8_lossy(&report.log);
    let mut tests: BTreeMap<String, TestOutcome> = BTreeMap::new();
    let (mut target, mut ran) = (String::new(), false);
    for line in log.lines().take(4 * MOST_TESTS) {
        if let Some(running) = line.trim_start().strip_prefix("Running ") {
            let path = running.strip_prefix("unittests ").unwrap_or(running);
            path.split(" (").next().unwrap_or_default().trim().clone_into(&mut target);
        } else if line.starts_with("test result:") {
            ran = true;
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(one) {
            let is_unit = !target.starts_with("tests/");
            let file = if is_unit { file_of(&tree.members, &target, name) } else { target.clone() };
            tests.insert(format!("{file}::{name}"), outcome);
        }
        if tests.len() >= MOST_TESTS {
            break;
        }
    }
    let passes = tests.values().any(|outcome| *outcome == TestOutcome::Passed);
    let problem = match report.exit {
        Exit::TimedOut => Some("the tests take longer than they may".to_owned()),
        Exit::Code(_) if ran && passes => None,
        Exit::Code(_) if ran && !tests.is_empty() => Some(format!("no test passes: {}", last_error(&log))),
        Exit::Code(0) => Some("no tests were found".to_owned()),
        Exit::Code(_) => Some(format!("the tests do not compile: {}", first_error(&log))),
        exit => Some(format!("cargo ended early ({exit:?}): {}", last_error(&log))),
    };
    let runner = "cargo test".to_owned();
    let report = TestReport { tests, problem, runner, usage: report.usage, log: tail(&report.log) };
    (report, log.lines().filter_map(targets::broken).collect())
}

/// `NAME ... ok`.
fn one(line: &str) -> Option<(&str, TestOutcome)> {
    let (name, word) = line.rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let outcome = match word.split([' ', ',']).next()? {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed,
        "ignored" => TestOutcome::Skipped,
        _ => return None,
    };
    (!name.is_empty() && name.len() < 1000).then_some((name, outcome))
}

/// The line of a compiler that says most.
fn first_error(log: &str) -> String {
    let is_error = |line: &&str| line.starts_with("error") && !line.starts_with("error: could not compile");
    let line = log.lines().map(str::trim).find(is_error).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::attempt::Usage;

    fn report(log: &str, exit: Exit) -> Report {
        Report {
            exit,
            log: Bytes::copy_from_slice(log.as_bytes()),
            files: Vec::new(),
            usage: Usage::default(),
            layers: Vec::new(),
        }
    }

    #[test]
    fn what_libtest_says_is_read_by_target() {
        let log = "   Compiling kit v1.0.0\n     Running unittests src/lib.rs (/build/target/debug/deps/kit-1)\n\nrunning 2 tests\ntest a::tests::x ... ok\ntest a::tests::y - should panic ... FAILED\n\ntest result: FAILED. 1 passed\n     Running tests/it.rs (/build/target/debug/deps/it-1)\ntest slow ... ignored, too slow\ntest result: ok.\n";
        let mut tree = Contents::default();
        tree.set("src/a.rs", Some(Bytes::new()));
        let (found, _) = outcome(&tree, &report(log, Exit::Code(101)));
        assert_eq!(found.problem, None);
        let all: Vec<_> = found.tests.iter().map(|(name, outcome)| (name.as_str(), *outcome)).collect();
        assert_eq!(
            all,
            [
                ("src/a.rs::a::tests::x", TestOutcome::Passed),
                ("src/a.rs::a::tests::y", TestOutcome::Failed),
                ("tests/it.rs::slow", TestOutcome::Skipped)
            ]
        );
    }

    #[test]
    fn what_does_not_compile_is_never_an_empty_success() {
        let log = "error[E0425]: cannot find function\nerror: could not compile `kit` (test \"a\") due to 1 previous error\n";
        let (found, without) = outcome(&Contents::default(), &report(log, Exit::Code(101)));
        assert_eq!(without, [Target::Test("a".to_owned())].into());
        assert_eq!(
            found.problem.as_deref(),
            Some("the tests do not compile: error[E0425]: cannot find function")
        );
        let problem = |exit| outcome(&Contents::default(), &report("", exit)).0.problem.unwrap();
        assert!(problem(Exit::Code(0)).contains("no tests"));
        assert!(problem(Exit::TimedOut).contains("longer"));
    }

    /// A program of two tests, of which one is ended by a signal, and with it the program.
    const PROGRAM: &str = "#!/bin/sh\ncase \"$*\" in\n--list*) printf 'a: test\\nb: test\\nc: bench\\n\\n3 tests\\n' ;;\n*' a '*) printf 'test a ... ok\\n\\ntest result: ok.\\n' ;;\n*) printf 'test b ... '; kill -ABRT $$ ;;\nesac\n";

    #[test]
    fn a_test_that_ends_the_program_fails_and_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (runner, program) = (folder.path().join("runner"), folder.path().join("program"));
        std::fs::write(&runner, RUNNER_TEXT).unwrap();
        std::fs::write(&program, PROGRAM).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let run = std::process::Command::new("/bin/sh").arg(&runner).arg(&program).output().unwrap();
        assert_eq!(run.status.code(), Some(101));
        let log = format!("     Running tests/it.rs (x)\n{}", String::from_utf8(run.stdout).unwrap());
        let (found, _) = outcome(&Contents::default(), &report(&log, Exit::Code(101)));
        let expected = [("tests/it.rs::a", TestOutcome::Passed), ("tests/it.rs::b", TestOutcome::Failed)];
        assert_eq!(found.tests, expected.map(|(name, outcome)| (name.to_owned(), outcome)).into(), "{log}");
    }

    #[test]
    fn strictly_is_as_users_have_it_and_checks_memory() {
        let crates = Crates {
            mounts: Vec::new(),
            programs: "/rust/bin".to_owned(),
            host: "a-host".to_owned(),
            materials: Vec::new(),
        };
        let job = |strict| {
            let way = Way { without: &BTreeSet::new(), only: None, strict };
            job(&Contents::default(), &crates, way, Limits::default())
        };
        let says = |job: &Job, name: &str| {
            job.env
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let (usual, strict) = (job(false), job(true));
        assert!(strict.argv.ends_with(&["--target".to_owned(), "a-host".to_owned()]), "{:?}", strict.argv);
        assert!(
            says(&strict, "RUSTFLAGS").contains("sanitizer")
                && !says(&usual, "RUSTFLAGS").contains("sanitizer")
        );
        assert_eq!(says(&strict, "CARGO_PROFILE_DEV_OVERFLOW_CHECKS"), "false");
        assert_eq!(says(&usual, "CARGO_PROFILE_DEV_OVERFLOW_CHECKS") + &says(&usual, "RUSTC_BOOTSTRAP"), "");
    }
}
