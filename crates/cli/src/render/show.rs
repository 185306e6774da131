//! The view of `trustmill show`.

use super::clean;
use super::policy::in_brief;
use crate::cmd::{Decided, ShownRelease};
use crate::out::say;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::comparison::{Comparison, Replay};
use trustmill_core::source::FoundBy;
use trustmill_factory::facts::{Scan, SourceReport};
use trustmill_factory::report::{FileReport, ReleaseReport};

/// Prints everything known about a release.
pub(crate) fn print(shown: &ShownRelease) {
    let report = &shown.report;
    say!("{}", report.purl);
    if let Some(decided) = &shown.decision {
        decision_lines(decided).iter().for_each(|line| say!("{line}"));
    }
    for alarm in &report.alarms {
        say!("  ALARM [{}] {}", alarm.code, clean(&alarm.what));
    }
    if let Some(source) = &report.source {
        source_lines(source).iter().for_each(|line| say!("{line}"));
    }
    for file in &report.files {
        print_file(file);
    }
    for scan in &report.scans {
        print_scan(scan);
    }
    print_repairs(report);
}

/// What was repaired, what could not be, and what was searched.
fn print_repairs(report: &ReleaseReport) {
    let ReleaseReport { repairs, missed, searches, .. } = report;
    if !(repairs.is_empty() && missed.is_empty() && searches.is_empty()) {
        say!("\nrepairs");
    }
    for one in repairs {
        let state = one.withdrawn.as_deref().map(|why| format!("withdrawn: {why}"));
        let state = state.unwrap_or_else(|| one.ruling.as_str().to_owned());
        say!("  repaired   {} of {}: {}", one.repaired, one.advisories.join(", "), clean(&state));
    }
    for miss in missed {
        let ids = clean(&miss.advisories.join(", "));
        say!("  missed     {ids}, {}: {} {}", miss.at, miss.class.as_str(), clean(&miss.why));
    }
    for search in searches {
        let found = &search.found;
        let what = match found.recipe {
            Some(_) => format!("{} instead of {}", found.after, found.before),
            None => format!("still {}", found.after),
        };
        let builds = if found.builds == 1 { "build" } else { "builds" };
        say!("  searched   {}, {}: {what}, {} {builds}", clean(&found.file), search.at, found.builds);
    }
}

/// What becomes of the release.
fn decision_lines(decided: &Decided) -> Vec<String> {
    match decided {
        Decided::Undecided(why) => vec![format!("  decision   not known: {}", clean(why))],
        Decided::Decision(decision) => {
            let mut lines = vec![format!("  decision   {}", in_brief(decision))];
            if !decision.reason.is_empty() {
                lines.push(format!("             {}", clean(&decision.reason)));
            }
            lines
        }
    }
}

/// What the scanner says of a file.
fn print_scan(scan: &Scan) {
    say!("\nscan of {}", clean(&scan.filename));
    let reason = scan.reason();
    let why = if reason.is_empty() { "nothing was found" } else { &reason };
    say!("  {:10} {}", scan.word(), clean(why));
    say!("  rules      {}, {}", clean(&scan.rules), scan.at);
}

/// Findings of one source that are printed; `--json` has them all.
const FINDINGS: usize = 20;

/// What is known of a release's source.
fn source_lines(source: &SourceReport) -> Vec<String> {
    let mut lines = vec![String::new(), "source".to_owned()];
    if let Some(claim) = &source.claim {
        let dirty = if claim.dirty { ", with changes that no commit holds" } else { "" };
        lines.push(format!("  repository {} ({}{dirty})", clean(&claim.repository), clean(&claim.stated_by)));
    }
    if let Some(commit) = &source.commit {
        let by = source.found_by.as_ref().map(found_by).unwrap_or_default();
        lines.push(format!("  commit     {commit}{by}"));
    }
    if let Some(folder) = source.directory.as_ref().filter(|folder| !folder.is_empty()) {
        lines.push(format!("  folder     {}", clean(folder)));
    }
    if let Some(problem) = &source.problem {
        lines.push(format!("  problem    {}: {}", problem.class.as_str(), clean(&problem.detail)));
    }
    let Some((file, check)) = &source.checked else { return lines };
    let differ = check.findings.iter().filter(|finding| !finding.class.is_accounted_for()).count();
    let accounted = check.findings.len() - differ;
    lines.push(format!(
        "  checked    {}: {} files as in the commit, {accounted} accounted for, {differ} not",
        clean(file),
        check.equal
    ));
    // What nobody accounts for comes first: the cut must not hide it.
    let mut findings: Vec<_> = check.findings.iter().collect();
    findings.sort_by_key(|finding| finding.class.is_accounted_for());
    lines.extend(findings.iter().take(FINDINGS).map(|finding| {
        format!("    {:14} {}: {}", finding.class.as_str(), clean(&finding.path), clean(&finding.detail))
    }));
    if findings.len() > FINDINGS {
        lines.push(format!("    and {} more: --json has them all", findings.len() - FINDINGS));
    }
    lines
}

fn found_by(found: &FoundBy) -> String {
    match found {
        FoundBy::Recorded => ", recorded by the publisher's tool".to_owned(),
        FoundBy::Tag(tag) => format!(", by the tag {}", clean(tag)),
        FoundBy::Content { held, of } => format!(", by content: it holds {held} of {of} files"),
    }
}

fn print_file(file: &FileReport) {
    let judgement = &file.judgement;
    say!("\n{}", clean(&file.name));
    say!("  verdict    {}: {}", judgement.verdict, clean(&judgement.detail));
    say!("  served by  {}", judgement.serves.as_str());
    if let Some(digest) = &judgement.published {
        say!("  published  sha256:{digest}");
    }
    if let Some(digest) = &judgement.rebuilt {
        say!("  rebuilt    sha256:{digest}");
    }
    say!("  judged     {}", file.at);
    for (index, attempt) in file.attempts.iter().enumerate() {
        print_attempt(index + 1, attempt);
    }
}

fn print_attempt(number: usize, attempt: &Attempt) {
    let recipe = &attempt.recipe;
    say!(
        "  attempt {number}  from {}, {:.1} s CPU to build, {:.1} s for its environment",
        recipe.source.as_str(),
        seconds(attempt.build_usage.cpu_ms),
        seconds(attempt.environment_usage.cpu_ms)
    );
    for reason in &recipe.reasons {
        say!("    because  {}", clean(reason));
    }
    if !recipe.requirements.is_empty() {
        say!("    needs    {} (as of {})", clean(&recipe.requirements.join(", ")), recipe.as_of);
    }
    if !recipe.constraints.is_empty() {
        say!("    within   {}", clean(&recipe.constraints.join(", ")));
    }
    match &attempt.result {
        AttemptResult::Failed { class, detail } => {
            say!("    failed   {}: {}", class.as_str(), clean(detail));
        }
        AttemptResult::Built { filename, sha256 } => say!("    built    {filename} sha256:{sha256}"),
        AttemptResult::Compared(comparison) => print_comparison(comparison),
    }
}

fn print_comparison(comparison: &Comparison) {
    say!("    result   {}", comparison.verdict);
    match &comparison.replay {
        None => {}
        Some(Replay::Reproduced { notes }) => {
            notes.iter().for_each(|note| say!("    replay   {}", clean(note)));
        }
        Some(Replay::Failed { why }) => say!("    replay   {}", clean(why)),
    }
    for rule in &comparison.normalisations {
        say!("    normal   {} in {} ({})", rule.id, rule.members.join(", "), rule.cites);
    }
    for difference in &comparison.differences {
        say!(
            "    differs  {} [{}] {}",
            clean(&difference.member),
            difference.class.as_str(),
            clean(&difference.detail)
        );
        for line in difference.diff.iter().flat_map(|diff| diff.lines()) {
            say!("      {}", clean(line));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of CPU are far below 2^52")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// Log bytes for a terminal: invalid UTF-8 replaced, control characters but line feeds and tabs shown as `?`.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::source::{
        ObjectId, SourceCheck, SourceClaim, SourceFinding, SourceFindingClass, SourceProblem,
    };
    use trustmill_factory::facts::Problem;

    #[test]
    fn a_source_is_shown_with_what_nobody_accounts_for_first() {
        let finding = |path: String, class| SourceFinding { path, class, detail: "why\u{1b}[2J".into() };
        let mut findings: Vec<_> =
            (0..30).map(|n| finding(format!("gen{n}"), SourceFindingClass::Generated)).collect();
        findings.push(finding("evil\n.m4".into(), SourceFindingClass::Extra));
        let report = SourceReport {
            claim: Some(SourceClaim {
                repository: "https://git.example/x".into(),
                stated_by: "metadata".into(),
                ..SourceClaim::default()
            }),
            commit: Some(ObjectId::blob(b"")),
            directory: Some("packages/x".into()),
            found_by: Some(FoundBy::Tag("v1".into())),
            problem: Some(Problem { class: SourceProblem::CommitMissing, detail: "gone".into() }),
            checked: Some(("x-1.tar.gz".into(), SourceCheck { equal: 7, findings })),
        };
        let lines = source_lines(&report);
        let expected = [
            "",
            "source",
            "  repository https://git.example/x (metadata)",
            "  commit     e69de29bb2d1d6434b8b29ae775ad8c2e48c5391, by the tag v1",
            "  folder     packages/x",
            "  problem    commit-missing: gone",
            "  checked    x-1.tar.gz: 7 files as in the commit, 30 accounted for, 1 not",
        ];
        assert_eq!(lines[..7], expected);
        assert!(lines[7].starts_with("    extra          evil"), "{}", lines[7]);
        assert!(!lines.iter().any(|line| line.chars().any(char::is_control)));
        assert_eq!(lines.last().unwrap(), "    and 11 more: --json has them all");
    }
}
