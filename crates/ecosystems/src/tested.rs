//! What the harness of an ecosystem writes down of a run of tests, read back.
//!
//! A harness writes one JSON object a line to `tests.jsonl` as soon as it is known, so that a run which is cut off has
//! said what it found: `{"runner": …}`, `{"test": …, "outcome": …}`, `{"uncollected": FILE}`, `{"end": CODE, "late": …}`.

use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;
use trustmill_core::Purl;
use trustmill_core::port::sandbox::{Exit, Report, SandboxError};
use trustmill_core::repair::{TestOutcome, TestReport};

/// The report.
const REPORT: &str = "tests.jsonl";
/// The most tests that are remembered of one run.
pub(crate) const MOST_TESTS: usize = 200_000;
/// The end of the log that a report carries.
const LOG: usize = 64 << 10;

/// A line of the report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    runner: Option<String>,
    test: Option<String>,
    outcome: Option<TestOutcome>,
    uncollected: Option<String>,
    end: Option<i64>,
    late: bool,
}

/// What a run found.
pub(crate) fn outcome(report: &Report) -> TestReport {
    let file = report.files.iter().find(|file| file.path.ends_with(REPORT));
    let text = file.map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
    let mut tests: BTreeMap<String, TestOutcome> = BTreeMap::new();
    let (mut runner, mut ended, mut uncollected) = (String::new(), None, Vec::new());
    for line in text.lines().take(2 * MOST_TESTS) {
        // The project's code ran beside the harness: what it wrote over the report is not understood, and left.
        let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
        runner = line.runner.unwrap_or(runner);
        if let (Some(test), Some(outcome)) = (line.test, line.outcome) {
            tests.insert(test, outcome);
        }
        uncollected.extend(line.uncollected);
        ended = line.end.map(|code| (code, line.late)).or(ended);
    }
    let log = tail(&report.log);
    // A file that cannot be read fails as a whole: it may be what the patch broke.
    tests.extend(uncollected.into_iter().map(|file| (file, TestOutcome::Failed)));
    let none = !tests.values().any(|outcome| *outcome == TestOutcome::Passed);
    let problem = match (ended, report.exit) {
        (_, Exit::TimedOut) | (Some((_, true)), _) => Some("the tests take longer than they may".to_owned()),
        (None, exit) => Some(format!("the runner ended early ({exit:?}): {}", last_error(&log))),
        (Some(_), _) if tests.is_empty() => Some(format!("no tests were found: {}", last_error(&log))),
        (Some(_), _) if none => Some(format!("no test passes: {}", last_error(&log))),
        (Some(_), _) => None,
    };
    TestReport { tests, problem, runner, usage: report.usage, log }
}

/// The line of a log that says most of why it ends: the last that names an error, else the last.
pub(crate) fn last_error(log: &str) -> String {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    let line =
        lines().rfind(|line| line.contains("Error")).or_else(|| lines().next_back()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The end of a log.
pub(crate) fn tail(log: &Bytes) -> String {
    String::from_utf8_lossy(log.get(log.len().saturating_sub(LOG)..).unwrap_or_default()).into_owned()
}

/// How many tests of a run ended so.
pub(crate) fn count(report: &TestReport, outcome: TestOutcome) -> usize {
    report.tests.values().filter(|one| **one == outcome).count()
}

/// The best of several ways to run the tests of a release.
pub(crate) struct Best<T>(Option<(usize, T, TestReport)>);

impl<T: std::fmt::Debug> Best<T> {
    /// Before any was tried.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Takes what one way gave. Says whether it is good enough to look no further.
    pub(crate) fn offer(&mut self, release: &Purl, settled: T, report: TestReport) -> bool {
        let (passed, failed) = (count(&report, TestOutcome::Passed), count(&report, TestOutcome::Failed));
        tracing::debug!(%release, ?settled, passed, failed, problem = ?report.problem, "tests were tried");
        if self.0.as_ref().is_none_or(|(most, _, _)| passed > *most) {
            self.0 = Some((passed, settled, report));
        }
        passed > 0 && failed * 10 <= passed
    }

    /// The one in which most passed.
    pub(crate) fn take(self) -> Result<(T, TestReport), SandboxError> {
        self.0.map(|(_, settled, report)| (settled, report)).ok_or_else(nothing)
    }
}

/// No way to run the tests was found.
pub(crate) fn nothing() -> SandboxError {
    SandboxError::BadJob("no way to run the tests was tried".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::attempt::Usage;
    use trustmill_core::port::sandbox::OutputFile;

    fn report(lines: &str, exit: Exit) -> Report {
        let bytes = Bytes::copy_from_slice(lines.as_bytes());
        let file = OutputFile { path: "out/tests.jsonl".into(), bytes, mode: 0o644 };
        Report { exit, log: Bytes::new(), files: vec![file], usage: Usage::default(), layers: Vec::new() }
    }

    #[test]
    fn a_complete_run_has_no_problem_and_a_cut_one_has() {
        let lines = "{\"runner\":\"pytest 7\"}\n{\"test\":\"a::b\",\"outcome\":\"passed\"}\nnoise\n{\"uncollected\":\"t/x.py\"}\n";
        let whole = outcome(&report(&format!("{lines}{{\"end\":0,\"late\":false}}\n"), Exit::Code(0)));
        assert_eq!((whole.problem, whole.runner.as_str()), (None, "pytest 7"));
        assert_eq!(whole.tests.get("t/x.py"), Some(&TestOutcome::Failed));
        assert!(outcome(&report(lines, Exit::Code(1))).problem.is_some());
        assert!(outcome(&report(lines, Exit::TimedOut)).problem.unwrap().contains("longer"));
        assert!(outcome(&report("{\"end\":5}\n", Exit::Code(0))).problem.unwrap().contains("no tests"));
    }
}
