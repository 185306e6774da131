//! The views of `trustmill policy`.

use super::{clean, table};
use crate::cmd::{Replayed, Ruleset};
use crate::out::{complain, say};
use trustmill_core::ruling::Decision;
use trustmill_factory::firewall::{Entry, Explanation};
use trustmill_policy::PolicyProblem;
use trustmill_policy::cases::CaseResult;

/// The policies of files, or what is wrong with them.
pub(crate) fn checked(checked: &Ruleset) {
    for problem in &checked.problems {
        complain!("{}\n", problem_lines(problem));
    }
    if !checked.problems.is_empty() {
        complain!("{} to be mended; a running mill keeps the policies that it has", checked.problems.len());
        return;
    }
    let mut rows = table::new(&["policy", "effect", "mode", "code", "set", "file", "what it says"]);
    for rule in &checked.policies {
        rows.add_row(vec![
            rule.id.clone(),
            rule.effect.as_str().to_owned(),
            rule.mode.as_str().to_owned(),
            if rule.effect.as_str() == "allow" { String::new() } else { rule.code.clone() },
            rule.set.clone(),
            clean(&rule.file),
            clean(&rule.doc),
        ]);
    }
    say!("{}", rows.trim_fmt());
    if let Some(alarm) = &checked.alarm {
        say!("\nALARM {}", clean(alarm));
    }
}

/// A problem with its line, and a mark under the place.
fn problem_lines(problem: &PolicyProblem) -> String {
    let number = problem.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut lines = format!("error[TM0907]: {}\n", clean(&problem.message));
    lines.push_str(&format!(
        "{gutter}--> {}:{}:{}\n{gutter} |\n",
        clean(&problem.file),
        problem.line,
        problem.column
    ));
    lines.push_str(&format!("{number} | {}\n", clean(&problem.text)));
    let before = " ".repeat(problem.column.saturating_sub(1).min(200));
    lines.push_str(&format!("{gutter} | {before}{}", "^".repeat(problem.width.min(120))));
    if let Some(hint) = &problem.hint {
        lines.push_str(&format!("\n  help: {}", clean(hint)));
    }
    lines
}

/// Cases, those that do not hold with what is wrong.
pub(crate) fn cases(results: &[CaseResult]) {
    for result in results {
        let mark = if result.wrong.is_empty() { "holds" } else { "WRONG" };
        say!("{mark}  {:5}  {:6}  {}", result.effect.as_str(), result.code, clean(&result.name));
        for wrong in &result.wrong {
            say!("       {}", clean(wrong));
        }
        if !result.wrong.is_empty() && !result.reason.is_empty() {
            say!("       it says: {}", clean(&result.reason));
        }
    }
    let wrong = results.iter().filter(|result| !result.wrong.is_empty()).count();
    say!("{} cases, {wrong} of them wrong", results.len());
}

/// A decision in a few words.
pub(crate) fn in_brief(decision: &Decision) -> String {
    let mut text = decision.effect.as_str().to_owned();
    if !decision.code.is_empty() && decision.overridden_by.is_none() {
        text.push_str(&format!(" {}", decision.code));
    }
    if let Some(id) = &decision.overridden_by {
        text.push_str(&format!(", by override {id} (without it: {})", decision.code));
    }
    if let Some(until) = decision.until {
        text.push_str(&format!(" until {until}"));
    }
    text
}

/// Everything about one release.
pub(crate) fn explanation(one: &Explanation, overrides: &[Entry]) {
    say!("{}  {}", one.release, in_brief(&one.decision));
    if !one.decision.reason.is_empty() {
        say!("  {}", clean(&one.decision.reason));
    }
    if !one.fired.is_empty() {
        say!("\npolicies");
        for fired in &one.fired {
            let rule = &fired.rule;
            let (effect, mode) = (rule.effect.as_str(), rule.mode.as_str());
            say!("  {:24} {effect:6} {mode:8} {}", rule.id, clean(&rule.file));
            say!("  {:24} {}", "", clean(&fired.reason));
        }
    }
    let by = one.decision.overridden_by.as_deref();
    if let Some(entry) = overrides.iter().find(|entry| Some(entry.id.as_str()) == by) {
        let said = &entry.said;
        say!("\noverride {} by {} until {}: {}", entry.id, clean(&said.by), said.until, clean(&said.why));
    }
    say!("\nfacts");
    if let Some(since) = one.since {
        say!("  {:24} {since}", "there since");
    }
    for (name, value) in one.facts.values() {
        say!("  {name:24} {}", clean(&value.to_string()));
    }
    say!("\nsettings");
    for (name, value) in one.settings.values() {
        say!("  {name:24} {}", clean(&value.to_string()));
    }
}

/// The releases of a project, a line each.
pub(crate) fn releases(all: &[Explanation]) {
    let mut rows = table::new(&["release", "decision", "reason"]);
    for one in all {
        rows.add_row(vec![one.release.to_string(), in_brief(&one.decision), clean(&one.decision.reason)]);
    }
    say!("{}", rows.trim_fmt());
}

/// What would be refused of what was handed out.
pub(crate) fn replayed(replayed: &Replayed) {
    say!("{} releases were handed out since {}", replayed.releases, replayed.since);
    if replayed.refused.is_empty() {
        say!("none of them would be refused today");
    } else {
        let mut rows = table::new(&["release", "decision", "given to", "last", "reason"]);
        for refused in &replayed.refused {
            rows.add_row(vec![
                refused.release.to_string(),
                in_brief(&refused.decision),
                refused.principals.to_string(),
                refused.last.to_string(),
                clean(&refused.decision.reason),
            ]);
        }
        say!("\n{}\n", rows.trim_fmt());
        for (policy, count) in &replayed.by_policy {
            say!("{policy}: {count}");
        }
    }
    for (project, why) in &replayed.unread {
        say!("{project} could not be looked at: {}", clean(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_marked_in_its_line() {
        let problem = PolicyProblem {
            file: "own.cedar".into(),
            line: 12,
            column: 8,
            width: 3,
            message: "no\u{1b}[2J".into(),
            hint: Some("write it".into()),
            text: "permit(abc);".into(),
        };
        let expected = "error[TM0907]: no?[2J\n  --> own.cedar:12:8\n   |\n12 | permit(abc);\n   |        ^^^\n  help: write it";
        assert_eq!(problem_lines(&problem), expected);
    }
}
