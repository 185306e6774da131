//! What `trustmill check` prints for people.

use super::{clean, table};
use crate::cmd::{Checked, ago, seconds_between};
use crate::out::write;
use comfy_table::{Cell, Color};
use std::collections::BTreeMap;
use trustmill_core::Purl;
use trustmill_core::advisory::{Matched, Severity};
use trustmill_factory::audit::{Hit, Place};
use trustmill_factory::ignores::{Ignore, Ignores};
use trustmill_inspect::remedy::Remedy;

/// Prints the problems, where each stands and what to do, what was not checked, and the totals.
pub(crate) fn print(checked: &Checked) {
    // In one piece: a thousand problems are ten thousand lines.
    write(&(text(checked).join("\n") + "\n"));
}

fn text(checked: &Checked) -> Vec<String> {
    let audit = &checked.audit;
    let mut lines = Vec::new();
    if !audit.findings.is_empty() {
        lines.push(format!("{}\n", rows(&audit.findings)));
        lines.extend(releases(checked));
    }
    lines.extend(audit.unordered.iter().map(|release| {
        format!("not compared: {}: its version is none that can be ordered", clean(&release.to_string()))
    }));
    lines.extend(audit.skipped.iter().map(|skipped| {
        let (entry, origin) = (clean(&skipped.entry), clean(&skipped.origin));
        format!("not checked: {entry} ({origin}): {}", clean(&skipped.why))
    }));
    let Ignores { expired, unused } = &audit.ignores;
    lines.extend(expired.iter().map(|ignore| {
        let until = ignore.until.map(|until| until.to_string()).unwrap_or_default();
        format!("no longer ignored: {}: it was accepted until {until}", clean(&ignore.id))
    }));
    lines.extend(unused.iter().map(|ignore| {
        format!("ignored for nothing: {}: no problem that was found is meant", clean(&ignore.id))
    }));
    lines.extend(audit.sources.iter().map(|source| {
        let read = source.read_at.map_or("never read".to_owned(), |at| {
            format!("read {} ago", ago(seconds_between(at, checked.at)))
        });
        format!("advisories: {}, {} records, {read}", clean(&source.name), source.records)
    }));
    lines.push(totals(checked));
    lines
}

fn rows(findings: &[Hit]) -> String {
    let mut table = table::new(&["release", "severity", "problem", "because", "fix"]);
    for hit in findings {
        table.add_row(vec![
            Cell::new(release(&hit.release)),
            severity(hit),
            Cell::new(clean(&hit.ids.join(", "))),
            Cell::new(because(hit.matched)),
            Cell::new(fix(&hit.remedy)),
        ]);
    }
    table.trim_fmt()
}

/// `NAME VERSION`.
pub(crate) fn release(purl: &Purl) -> String {
    clean(&format!("{} {}", purl.name(), purl.version().unwrap_or_default()))
}

fn severity(hit: &Hit) -> Cell {
    let color = match hit.severity {
        _ if hit.malicious => Color::Red,
        _ if hit.informational => Color::Grey,
        Severity::Critical | Severity::High | Severity::Unknown => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Cyan,
    };
    match hit.ignored {
        Some(_) => Cell::new(format!("{}, ignored", badness(hit))).fg(Color::Grey),
        None => Cell::new(badness(hit)).fg(color),
    }
}

/// The word for how bad it is.
pub(crate) const fn badness(hit: &Hit) -> &'static str {
    if hit.malicious {
        "malware"
    } else if hit.informational {
        "notice"
    } else {
        hit.severity.as_str()
    }
}

/// Why it matches, in a few words.
pub(crate) const fn because(matched: Matched) -> &'static str {
    match matched {
        Matched::Range => "in a range",
        Matched::Version => "named",
        Matched::Every => "every version",
        Matched::Text => "same text",
    }
}

fn fix(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Remove => "remove it".into(),
        Remedy::Compatible(version) => clean(version),
        Remedy::Breaking(version) => format!("{} (breaking)", clean(version)),
        Remedy::Unknown => "none known".into(),
        Remedy::Nothing => "-".into(),
    }
}

/// For each release: where it stands, the problems in words, what to do.
fn releases(checked: &Checked) -> Vec<String> {
    let mut by_release: BTreeMap<&Purl, Vec<&Hit>> = BTreeMap::new();
    for hit in &checked.audit.findings {
        by_release.entry(&hit.release).or_default().push(hit);
    }
    let mut lines = Vec::new();
    for (purl, hits) in by_release {
        lines.push(release(purl));
        lines.extend(hits.first().into_iter().flat_map(|hit| &hit.places).map(place));
        for hit in &hits {
            let id = hit.ids.first().map(String::as_str).unwrap_or_default();
            let summary = Some(&hit.summary).filter(|summary| !summary.is_empty());
            let summary = summary.map(|summary| format!(": {}", clean(summary))).unwrap_or_default();
            lines.push(format!("  {}{summary}", clean(id)));
            lines.push(format!("    {}", clean(&hit.remedy.to_string())));
            lines.extend(hit.ignored.iter().map(|ignore| format!("    {}", accepted(ignore))));
        }
        let upgrades = checked.audit.upgrades.iter().filter(|upgrade| upgrade.release == *purl);
        lines.extend(upgrades.map(|upgrade| {
            let rest = match upgrade.leaves {
                0 => "every problem of it".to_owned(),
                leaves => format!("{} problems, and leaves {leaves}", upgrade.mends),
            };
            format!("  {} mends {rest}", clean(&upgrade.to))
        }));
        lines.push(String::new());
    }
    lines
}

/// Why a problem does not count, and until when.
pub(crate) fn accepted(ignore: &Ignore) -> String {
    let until = ignore.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("ignored{until}: {}", clean(&ignore.reason))
}

fn place(place: &Place) -> String {
    let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
    // The release itself is the last of its way, and a way of one says nothing.
    let way =
        if place.way.len() > 1 { format!("  ({})", clean(&place.way.join(" > "))) } else { String::new() };
    format!("  {}{line}{way}", clean(&place.file))
}

/// The sentence at the end.
pub(crate) fn totals(checked: &Checked) -> String {
    let audit = &checked.audit;
    let hit: std::collections::BTreeSet<_> = audit.findings.iter().map(|hit| &hit.release).collect();
    let gate = match (checked.passed, checked.failing) {
        (true, _) => String::new(),
        (false, 0) => " The advisories are too old.".to_owned(),
        (false, failing) => {
            format!(" The gate does not hold: {failing} at or above {}.", checked.fail_on.as_str())
        }
    };
    let ignored = match audit.findings.iter().filter(|hit| hit.ignored.is_some()).count() {
        0 => String::new(),
        ignored => format!(", {ignored} ignored"),
    };
    format!(
        "{}{ignored} in {} of {}, {} not checked.{gate}",
        counted(audit.findings.len(), "problem"),
        hit.len(),
        counted(audit.releases, "release"),
        audit.skipped.len(),
    )
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
