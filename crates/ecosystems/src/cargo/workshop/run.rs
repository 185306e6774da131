//! One run of a crate's tests: `cargo test` without a network, and what libtest said.

use super::manifest::file_of;
use crate::rust::{Crates, HOME, configures};
use crate::tested::{MOST_TESTS, last_error, tail};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use trustmill_core::content::Contents;
use trustmill_core::port::sandbox::{Exit, InputFile, Job, Limits, Network, Report};
use trustmill_core::repair::{TestOutcome, TestReport};

/// Where the crate stands inside.
const SOURCE: &str = "/build/source";
/// How long compiling and testing may take.
const LONGEST: Duration = Duration::from_secs(420);

/// Which targets are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cargo) enum Targets {
    /// Everything that has tests but the documentation.
    All,
    /// The library: where the tests of another target do not compile any more.
    Library,
}

/// The job.
pub(super) fn job(
    tree: &Contents,
    crates: &Crates,
    targets: Targets,
    only: Option<&[String]>,
    limits: Limits,
) -> Job {
    let members = tree.members.iter().filter(|(path, _)| !configures(path));
    let mut inputs: Vec<InputFile> = members
        .map(|(path, member)| InputFile {
            path: format!("{SOURCE}/{path}"),
            bytes: member.bytes.clone(),
            mode: (member.mode.unwrap_or(0o644) & 0o755) | 0o600,
            mtime: member.mtime,
        })
        .collect();
    for folder in ["/build/home", "/build/tmp"] {
        inputs.push(InputFile {
            path: format!("{folder}/.keep"),
            bytes: Bytes::new(),
            mode: 0o644,
            mtime: None,
        });
    }
    let mut argv = vec![format!("{}/cargo", crates.programs)];
    argv.extend(["test", "--offline", "--no-fail-fast"].map(str::to_owned));
    argv.extend(asked(targets, only));
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
        // Compilers warn of more than they did, and crates made errors of warnings.
        ("RUSTFLAGS", "--cap-lints=allow"),
    ];
    let mut env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
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

/// The targets as cargo names them. Examples in documentation are named after lines, and a patch moves these.
fn asked(targets: Targets, only: Option<&[String]>) -> Vec<String> {
    let all = || match targets {
        Targets::All => ["--lib", "--bins", "--tests"].map(str::to_owned).into(),
        Targets::Library => vec!["--lib".to_owned()],
    };
    let Some(only) = only else { return all() };
    let integration = |path: &String| {
        let name = path.strip_prefix("tests/")?.strip_suffix(".rs")?;
        (!name.contains('/')).then(|| name.to_owned())
    };
    let named: Option<Vec<String>> = only.iter().map(integration).collect();
    match named.filter(|named| !named.is_empty() && targets == Targets::All) {
        Some(named) => named.into_iter().flat_map(|name| ["--test".to_owned(), name]).collect(),
        None => all(),
    }
}

/// What cargo and libtest said.
pub(super) fn outcome(tree: &Contents, report: &Report) -> TestReport {
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
    TestReport {
        tests,
        problem,
        runner: "cargo test".to_owned(),
        usage: report.usage,
        log: tail(&report.log),
    }
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
        let found = outcome(&tree, &report(log, Exit::Code(101)));
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
        let log = "error[E0425]: cannot find function\nerror: could not compile `kit`\n";
        let found = outcome(&Contents::default(), &report(log, Exit::Code(101)));
        assert_eq!(
            found.problem.as_deref(),
            Some("the tests do not compile: error[E0425]: cannot find function")
        );
        assert!(outcome(&Contents::default(), &report("", Exit::Code(0))).problem.is_some());
        assert!(
            outcome(&Contents::default(), &report("", Exit::TimedOut)).problem.unwrap().contains("longer")
        );
    }

    #[test]
    fn files_are_asked_for_by_target() {
        let only = |files: &[&str]| {
            asked(Targets::All, Some(&files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>()))
        };
        assert_eq!(only(&["tests/a.rs"]), ["--test", "a"]);
        assert_eq!(only(&["tests/a.rs", "src/b.rs"]), ["--lib", "--bins", "--tests"]);
        assert_eq!(only(&["tests/a/mod.rs"]), ["--lib", "--bins", "--tests"]);
    }
}
