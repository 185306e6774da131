//! The views of `trustmill cases`.

use super::models::money;
use super::{clean, table};
use crate::cmd::CaseShown;
use crate::out::say;
use trustmill_factory::agent::Step;
use trustmill_factory::cases::Case;
use trustmill_factory::cases::contest::{Contest, Try};
use trustmill_factory::cases::curve::Curve;

/// The longest text of one step.
const LONGEST: usize = 400;

/// Attempts, a line each.
pub(crate) fn list(all: &[Case]) {
    if all.is_empty() {
        say!("nothing was tried yet: `trustmill repair PURL`");
        return;
    }
    let mut rows = table::new(&["id", "when", "release", "class", "by", "outcome", "why"]);
    for case in all {
        rows.add_row(vec![
            case.id.clone(),
            case.at.to_string(),
            case.release.to_string(),
            clean(&case.class),
            clean(&case.contender()),
            case.outcome.as_str().to_owned(),
            short(&case.why, 80),
        ]);
    }
    say!("{}", rows.trim_fmt());
}

/// One attempt.
pub(crate) fn show(shown: &CaseShown) {
    let case = &shown.case;
    say!("case {}  {}", case.id, case.outcome.as_str());
    say!("  of         {} {}", case.release, clean(&case.goal));
    say!("  class      {}{}", clean(&case.class), if shown.held_out { ", held out" } else { "" });
    say!("  by         {}", clean(&case.contender()));
    say!("  why        {}", clean(&case.why));
    say!("  when       {}, it took {:.1} s", case.at, case.millis as f64 / 1000.0);
    say!("  cost       {}, {} tokens", money(case.cost_micros, ""), case.tokens.sum());
    for (name, digest) in &case.inputs {
        say!("  input      {} {digest}", short(name, 60));
    }
    if let Some(fix) = &shown.later_fix {
        say!("  mended by  {fix}");
    }
    for happened in &shown.transcript {
        step(happened);
    }
    if let Some(judgement) = &case.judgement {
        for checked in &judgement.checks {
            say!("  {:<16} {:?}: {}", checked.check.as_str(), checked.outcome, clean(&checked.detail));
        }
    }
    if !shown.difference.is_empty() {
        say!();
        for line in shown.difference.lines() {
            say!("{}", clean(line));
        }
    }
}

/// One step of a session.
pub(crate) fn step(step: &Step) {
    match step {
        Step::Begun(begun) => say!("  begun      {} prompt {}", begun.at, short(&begun.prompt.to_hex(), 12)),
        Step::Replied { turn, reply, taker, .. } => {
            say!("  turn {turn:<5} {}", clean(&taker.model.to_string()));
            if !reply.text.trim().is_empty() {
                say!("             says {}", short(&reply.text, LONGEST));
            }
            for call in &reply.calls {
                let arguments = serde_json::Value::Object(call.arguments.object()).to_string();
                say!("             calls {} {}", clean(&call.name), short(&arguments, LONGEST));
            }
        }
        Step::Did { answer, .. } => {
            let how = if answer.failed { "refused" } else { "answers" };
            say!("             {} {how} {}", clean(&answer.name), short(&answer.text, LONGEST));
        }
        Step::Parked { question, at } => say!("  asks       {at} {}", short(question, LONGEST)),
        Step::Answered { by, text, at } => {
            say!("  answered   {at} by {}: {}", clean(by), short(text, LONGEST));
        }
        Step::Ended { how, why, at } => say!("  ended      {at} {how}: {}", short(why, LONGEST)),
    }
}

fn short(text: &str, most: usize) -> String {
    let line = clean(&text.replace('\n', " "));
    if line.chars().count() <= most { line } else { line.chars().take(most).chain(['…']).collect() }
}

/// How two contenders compare.
pub(crate) fn contest(contest: &Contest, currency: &str) {
    let mut rows = table::new(&["", "accepted", "alone", "cost", "time"]);
    let seconds = |millis: u64| format!("{:.1} s", millis as f64 / 1000.0);
    for (name, accepted, alone, cost, millis) in [
        (
            &contest.candidate,
            contest.accepted.0,
            contest.only_candidate,
            contest.cost_micros.0,
            contest.millis.0,
        ),
        (
            &contest.baseline,
            contest.accepted.1,
            contest.only_baseline,
            contest.cost_micros.1,
            contest.millis.1,
        ),
    ] {
        let accepted = format!("{accepted} of {}", contest.both);
        rows.add_row(vec![clean(name), accepted, alone.to_string(), money(cost, currency), seconds(millis)]);
    }
    say!("{}", rows.trim_fmt());
    let (low, high) = contest.interval;
    say!(
        "of what they do not agree on, the candidate has {:.0} % to {:.0} % (95 %)",
        low * 100.0,
        high * 100.0
    );
    say!(
        "{}",
        if contest.wins {
            "it wins"
        } else {
            "it does not win: more than half would be needed at the low end"
        }
    );
}

/// What came of trying again.
pub(crate) fn replayed(case: &Case, tried: &Try, currency: &str) {
    let outcome = if tried.accepted { "the oracle takes it now" } else { "it is missed again" };
    let cost = money(tried.cost_micros, currency);
    say!("{} {}: {outcome} ({cost}, {:.1} s)", case.release, clean(&case.goal), tried.millis as f64 / 1000.0);
}

/// Curves as text.
pub(crate) fn curves(curves: &[Curve]) {
    if curves.is_empty() {
        say!("nothing was tried yet");
        return;
    }
    let mut rows =
        table::new(&["", "from", "tried", "accepted", "share", "95 %", "cost of one", "median time"]);
    for curve in curves {
        for point in &curve.points {
            let day = point.from.to_string().chars().take(10).collect::<String>();
            rows.add_row(vec![
                clean(&curve.name),
                day,
                point.tried.to_string(),
                point.accepted.to_string(),
                format!("{:.0} %", point.share * 100.0),
                format!("{:.0} to {:.0} %", point.interval.0 * 100.0, point.interval.1 * 100.0),
                money(point.micros_per_accepted, ""),
                format!("{:.1} s", point.median_millis as f64 / 1000.0),
            ]);
        }
    }
    say!("{}", rows.trim_fmt());
}
