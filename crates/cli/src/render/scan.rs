//! What the scanner found, as a person reads it: the conclusion and why, each finding, what was looked at.

use super::clean;
use crate::cmd::{Listed, Scanned};
use crate::out::say;
use trustmill_core::scan::{Census, Finding, Report};

/// Findings that are printed in full for one file; the rest is counted.
const SHOWN: usize = 20;
/// The width of the names of a finding's lines.
const NAME: usize = 10;

/// Prints a scan.
pub(crate) fn print(scanned: &Scanned) {
    crate::out::write(&text(scanned));
}

/// A scan as text.
pub(crate) fn text(scanned: &Scanned) -> String {
    let mut out = String::new();
    for (at, report) in scanned.reports.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let name = if scanned.folder { &scanned.target } else { &report.filename };
        one(&mut out, name, report);
    }
    for what in &scanned.left_out {
        out.push_str(&format!("left out: {what}\n"));
    }
    let rules = scanned.reports.first().map_or("none", |report| report.rules.as_str());
    out.push_str(&format!("{} ms, rules {rules}\n", scanned.millis));
    out
}

fn one(out: &mut String, name: &str, report: &Report) {
    let word = report.conclusion.as_str().to_uppercase();
    let against = report.against.as_ref().map(|version| format!(", compared with {}", clean(version)));
    let why = match report.reason.as_str() {
        "" => "nothing was found".to_owned(),
        reason => clean(reason),
    };
    out.push_str(&format!("{word}  {}: {why}\n", clean(name)));
    if !report.scores.is_empty() {
        let scores = report.scores.iter().map(|score| {
            let strong = if score.score >= score.holds_at { "strong" } else { "weak" };
            format!("{} {} ({strong})", score.family.as_str(), score.score)
        });
        out.push_str(&format!("evidence: {}\n", scores.collect::<Vec<_>>().join(", ")));
    }
    for (at, finding) in report.findings.iter().take(SHOWN).enumerate() {
        out.push('\n');
        self::finding(out, at + 1, finding);
    }
    if let Some(more) = report.findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("\nand {more} weaker findings: --json has all of them\n"));
    }
    if !report.findings.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("looked at {}{}\n", census(&report.census), against.unwrap_or_default()));
}

fn finding(out: &mut String, number: usize, finding: &Finding) {
    let Finding { rule, weight, what, .. } = finding;
    out.push_str(&format!("{number}. {}\n", clean(what)));
    let mut line = |name: &str, text: &str| out.push_str(&format!("   {name:NAME$}{text}\n"));
    line("runs", finding.when.phrase());
    line("where", &clean(&finding.place.to_string()));
    if !finding.excerpt.is_empty() {
        line("line", &clean(&finding.excerpt));
    }
    if !finding.layers.is_empty() {
        line("decoded", &clean(&finding.layers.join(", then ")));
    }
    if finding.new {
        line("new", "the release before had nothing of the kind");
    }
    line("look at", &finding.look);
    line("rule", &format!("{} ({}, {weight} of 100)", clean(rule), finding.family.as_str()));
}

/// What was looked at, in one line.
pub(crate) fn census(census: &Census) -> String {
    let Census { files, bytes, parsed, unparsed, cut_short } = census;
    let mut text = format!("{files} files, {}: {parsed} of code were parsed", size(*bytes));
    if *unparsed > 0 {
        text.push_str(&format!(", {unparsed} do not parse and were judged by their words"));
    }
    if *cut_short > 0 {
        text.push_str(&format!(", {cut_short} were too much to be looked at whole"));
    }
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// Prints the rules.
pub(crate) fn rules(rules: &[Listed], version: &str) {
    let mut table = super::table::new(&["rule", "family", "what it finds"]);
    for rule in rules {
        table.add_row(vec![&rule.id, &rule.family, &rule.summary]);
    }
    say!("{}", table.trim_fmt());
    say!("rules {version}");
}
