//! What `repair` prints.

use super::show::printable;
use crate::cmd::{RepairRow, repair_ruling};
use crate::out::say;
use trustmill_core::repair::{Check, CheckOutcome, Checked, Ruling};
use trustmill_factory::repair::Repaired;

/// One paragraph for each advisory.
pub(crate) fn print(rows: &[RepairRow]) {
    if rows.is_empty() {
        say!("no advisory that the mill holds hits what is pinned");
    }
    for row in rows {
        say!("{}  {}  {}", row.release, row.advisory, repair_ruling(row));
        if !row.summary.is_empty() {
            say!("  {}", printable(row.summary.as_bytes()));
        }
        if let Some(repaired) = &row.repaired {
            about(repaired);
            for line in &row.install {
                say!("    {line}");
            }
            say!("  see the difference: trustmill repair show {}", repaired.repaired);
        }
        if let Some(miss) = &row.missed {
            say!("  {}: {}", miss.class.as_str(), printable(miss.why.as_bytes()));
            for one in &miss.tried {
                say!("  tried {}: {}", printable(one.by.as_bytes()), printable(one.why.as_bytes()));
            }
        }
        if let Some(agent) = &row.agent {
            say!("  {}", printable(agent.as_bytes()));
        }
        say!();
    }
}

fn about(repaired: &Repaired) {
    say!("  repaired as {} ({})", repaired.repaired, repaired.proposer.shown());
    for origin in &repaired.derived_from {
        say!("  from {origin}");
    }
    for checked in &repaired.judgement.checks {
        let word = match checked.outcome {
            CheckOutcome::Held => "holds",
            CheckOutcome::Broken => "broken",
            CheckOutcome::Untried => "not shown",
        };
        say!("  {:<16} {word:<10} {}", checked.check.as_str(), printable(checked.detail.as_bytes()));
    }
    if repaired.ruling == Ruling::Unproven {
        let shown =
            |checked: &Checked| checked.check == Check::Regression && checked.outcome == CheckOutcome::Held;
        match repaired.judgement.checks.iter().any(shown) {
            true => say!("  unproven: a test shows the fix, and it is not certain that all of it is there"),
            false => {
                say!("  unproven: everything else holds, and no test shows that the vulnerability is gone");
            }
        }
    }
    for (name, sha256, size) in &repaired.files {
        say!("  {name}  {size} bytes  sha256:{sha256}");
    }
}

/// A line for each repaired release.
pub(crate) fn list(all: &[Repaired]) {
    if all.is_empty() {
        say!("nothing was repaired yet: `trustmill repair PURL` or `trustmill repair LOCKFILE`");
    }
    for one in all {
        let state = if one.withdrawn.is_some() { "withdrawn" } else { one.ruling.as_str() };
        let id = one.advisories.first().map(String::as_str).unwrap_or_default();
        say!("{:<44} {state:<10} {id:<22} {}", one.repaired.to_string(), one.proposer.shown());
    }
}

/// What was taken back.
pub(crate) fn withdrawn(all: &[Repaired]) {
    if all.is_empty() {
        say!("nothing is to be withdrawn: no later release of its line has made a repaired one needless");
    }
    for one in all {
        say!(
            "{} withdrawn: {}",
            one.repaired,
            printable(one.withdrawn.as_deref().unwrap_or_default().as_bytes())
        );
    }
}

/// Everything about one.
pub(crate) fn show(one: &Repaired, difference: &[u8]) {
    say!("{} repairs {} of {}", one.repaired, one.release, one.advisories.join(", "));
    about(one);
    if let Some(why) = &one.withdrawn {
        say!("  withdrawn: {}", printable(why.as_bytes()));
    }
    say!("\n{}", printable(difference));
}
