//! What takes the time of the sandbox: `build`, `test`, `submit`; and `similar_cases`.

use super::super::prompt::{bound, cut, cut_front};
use super::super::workbench::{BenchError, Built};
use super::{Done, Nothing, View, path, read};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trustmill_core::repair::{CheckOutcome, Judgement, Patch, Role, Ruling, TestOutcome, TestReport};

/// The most of a log, in bytes, and of names, that are shown.
const LOG: usize = 8 << 10;
const NAMES: usize = 50;
const NAME: usize = 300;
/// The most cases that are shown.
const CASES: usize = 3;
/// The longest summary.
const SUMMARY: usize = 4 << 10;

pub(super) async fn build(arguments: Map<String, Value>, view: &View<'_>) -> Result<Done, BenchError> {
    if let Err(refused) = read::<Nothing>(arguments) {
        return Ok(refused);
    }
    let done = match view.bench.build(view.tree).await? {
        Built::Files(files) => Done::said(&json!({ "built": files })),
        Built::Failed { class, log } => Done {
            failed: true,
            ..Done::data(bound(&format!("build failed: {class}"), cut_front(&log, LOG), LOG))
        },
    };
    Ok(Done { worked: true, ..done })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    only: Option<Vec<String>>,
}

pub(super) async fn test(arguments: Map<String, Value>, view: &View<'_>) -> Result<Done, BenchError> {
    let asked: Test = match read(arguments) {
        Ok(asked) => asked,
        Err(refused) => return Ok(refused),
    };
    for named in asked.only.iter().flatten() {
        if let Err(refused) = path(named) {
            return Ok(refused);
        }
        if view.tree.get(named).is_none() || view.bench.role(named) != Role::Test {
            return Ok(Done::refused(format!("{} is no file of tests", cut(named, NAME))));
        }
    }
    if asked.only.as_ref().is_some_and(|only| only.len() > 20) {
        return Ok(Done::refused("at most 20 files are named; without `only` all tests run"));
    }
    let report = view.bench.test(view.tree, asked.only.as_deref()).await?;
    Ok(Done { worked: true, ..Done::data(tests(&report)) })
}

fn tests(report: &TestReport) -> String {
    let of = |outcome| report.tests.iter().filter(move |(_, ended)| **ended == outcome).map(|(name, _)| name);
    let failed: Vec<&str> = of(TestOutcome::Failed).take(NAMES).map(|name| cut(name, NAME)).collect();
    let summary = json!({
        "runner": report.runner, "passed": of(TestOutcome::Passed).count(),
        "failed": of(TestOutcome::Failed).count(), "skipped": of(TestOutcome::Skipped).count(),
        "problem": report.problem, "failing": failed, "end_of_output": cut_front(&report.log, LOG),
    });
    bound("tests", &summary.to_string(), 4 * LOG)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alike {
    words: Option<String>,
}

pub(super) async fn similar(arguments: Map<String, Value>, view: &View<'_>) -> Result<Done, BenchError> {
    let asked: Alike = match read(arguments) {
        Ok(asked) => asked,
        Err(refused) => return Ok(refused),
    };
    let words = asked.words.as_deref().map(|words| cut(words, SUMMARY));
    let cases = view.similar.find(words, CASES).await?;
    if cases.is_empty() {
        return Ok(Done::said(&json!({ "cases": "none is like it" })));
    }
    let cases = serde_json::to_string(&cases).unwrap_or_default();
    Ok(Done::data(bound("similar cases", &cases, 4 * LOG)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submit {
    summary: String,
}

pub(super) async fn submit(arguments: Map<String, Value>, view: &View<'_>) -> Result<Done, BenchError> {
    let asked: Submit = match read(arguments) {
        Ok(asked) => asked,
        Err(refused) => return Ok(refused),
    };
    if asked.summary.trim().is_empty() || asked.summary.len() > SUMMARY {
        return Ok(Done::refused(format!("say in 1 to {SUMMARY} bytes what was changed")));
    }
    let patch = Patch::between(view.bench.tree(), view.tree);
    if patch.is_empty() {
        return Ok(Done::refused("nothing was changed, so that there is nothing to submit"));
    }
    let judgement = view.bench.judge(&(view.candidate)(patch)).await?;
    let taken = judgement.ruling() != Ruling::Refused;
    let text = bound(
        if taken { "the oracle takes it" } else { "the oracle refuses it" },
        &reasons(&judgement),
        2 * LOG,
    );
    Ok(Done { text, failed: !taken, judgement: Some(Box::new(judgement)), worked: true, tree: None })
}

/// What the oracle found, worst first.
fn reasons(judgement: &Judgement) -> String {
    let mut checks: Vec<_> = judgement.checks.iter().collect();
    checks.sort_by_key(|checked| match checked.outcome {
        CheckOutcome::Broken => 0,
        CheckOutcome::Untried => 1,
        CheckOutcome::Held => 2,
    });
    let checks: Vec<Value> = checks
        .into_iter()
        .map(|checked| json!({ "check": checked.check, "outcome": checked.outcome, "detail": cut(&checked.detail, 1 << 10) }))
        .collect();
    let first = |names: &[String]| {
        names.iter().take(NAMES).map(|name| cut(name, NAME).to_owned()).collect::<Vec<_>>()
    };
    json!({ "checks": checks, "fixed_tests": first(&judgement.fixed), "flaky_tests": first(&judgement.flaky) }).to_string()
}
