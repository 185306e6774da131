//! What `repair` prints.

use super::show::printable;
use crate::cmd::{ListedRepairs, RepairRow, repair_ruling};
use crate::out::say;
use std::path::Path;
use trustmill_core::Purl;
use trustmill_core::repair::{Check, CheckOutcome, Checked, Ruling};
use trustmill_factory::pipeline::Widened;
use trustmill_factory::repair::Repaired;

/// One paragraph for each advisory.
pub(crate) fn print(rows: &[RepairRow]) {
    if rows.is_empty() {
        say!("no advisory that the mill holds hits what is pinned");
    }
    for (number, row) in rows.iter().enumerate() {
        say!("{}  {}  {}", row.release, row.advisory, repair_ruling(row));
        if !row.summary.is_empty() {
            say!("  {}", printable(row.summary.as_bytes()));
        }
        if let Some(repaired) = &row.repaired {
            about(repaired);
            // The last repair of a release has all before it.
            let later = rows.iter().skip(number + 1).find(|later| {
                let is_on_top = |repaired: &Repaired| !repaired.layers.is_empty();
                later.release == row.release && later.repaired.as_ref().is_some_and(is_on_top)
            });
            match later {
                Some(_) => say!("  install the one below, which has this fix too"),
                None => row.install.iter().for_each(|line| say!("    {line}")),
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
    for layer in &repaired.layers {
        let (ruling, by) = (layer.judgement.ruling().as_str(), layer.proposer.shown());
        say!("  on top of the repair of {} ({ruling}, {by})", layer.advisories.join(", "));
    }
    for checked in &repaired.judgement.checks {
        let word = match checked.outcome {
            CheckOutcome::Held => "holds",
            CheckOutcome::Broken => "broken",
            CheckOutcome::Untried => "not shown",
        };
        say!("  {:<16} {word:<10} {}", checked.check.as_str(), printable(checked.detail.as_bytes()));
    }
    if repaired.ruling == Ruling::Unproven && repaired.judgement.ruling() == Ruling::Proven {
        say!("  unproven: what it is on top of is");
    } else if repaired.ruling == Ruling::Unproven {
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

/// A line for each repaired release, for each that could not be, and for each search.
pub(crate) fn list(all: &ListedRepairs) {
    if all.repaired.is_empty() && all.missed.is_empty() && all.recipes.is_empty() {
        say!("nothing was repaired yet: `trustmill repair PURL` or `trustmill repair LOCKFILE`");
    }
    let line = |what: &Purl, state: &str, of: &str, text: &str| {
        say!("{:<44} {state:<14} {of:<22} {}", what.to_string(), printable(text.as_bytes()));
    };
    let first = |ids: &[String]| ids.first().cloned().unwrap_or_default();
    for one in &all.repaired {
        let state = if one.withdrawn.is_some() { "withdrawn" } else { one.ruling.as_str() };
        let below = one.layers.iter().map(|layer| &layer.advisories);
        let firsts = [&one.advisories].into_iter().chain(below).filter_map(|ids| ids.first());
        let id = firsts.cloned().collect::<Vec<_>>().join(", ");
        line(&one.repaired, state, &id, &one.proposer.shown());
    }
    for one in &all.missed {
        line(&one.release, one.miss.class.as_str(), &first(&one.miss.advisories), &one.miss.why);
    }
    for one in &all.recipes {
        let found = &one.search.found;
        line(&one.release, found.after.as_str(), &searched(one.search.found.builds), &found.file);
    }
}

fn searched(builds: usize) -> String {
    format!("recipe, {builds} {}", if builds == 1 { "build" } else { "builds" })
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

/// Prints what a search for recipes found; `into` is where definitions were written.
pub(crate) fn widened(all: &[Widened], into: Option<&Path>) {
    if all.is_empty() {
        say!("nothing of this release is rebuilt: there is no file to compare with");
    }
    for one in all {
        let builds = match one.builds {
            0 => String::new(),
            1 => ", after 1 build".to_owned(),
            n => format!(", after {n} builds"),
        };
        match one.after == one.before {
            true => say!("{}: {}{builds}", one.file, one.after),
            false => say!("{}: {} instead of {}{builds}", one.file, one.after, one.before),
        }
        if let Some(left) = &one.left {
            say!("  in the way: {}", printable(left.as_bytes()));
        }
        match (&one.definition, into) {
            (Some(definition), Some(folder)) => {
                say!("  definition written: {}", folder.join(&definition.path).display());
            }
            (Some(definition), None) => {
                say!(
                    "\nA definition that does it, as {} of a folder that `[build] definitions` names:\n",
                    definition.path
                );
                for line in definition.text.lines() {
                    say!("    {}", printable(line.as_bytes()));
                }
            }
            (None, _) => {}
        }
    }
}
