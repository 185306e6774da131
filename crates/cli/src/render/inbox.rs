//! The views of `trustmill inbox`.

use super::{cases::step, clean, table};
use crate::cmd::InboxAsked;
use crate::out::say;
use trustmill_factory::inbox::Waiting;
use trustmill_factory::repair::Outcome;

/// What waits.
pub(crate) fn list(all: &[Waiting]) {
    if all.is_empty() {
        say!("nothing waits for a person");
        return;
    }
    let mut rows = table::new(&["id", "since", "release", "class", "question"]);
    for one in all {
        let question: String = clean(&one.question).chars().take(100).collect();
        rows.add_row(vec![
            one.id.to_string(),
            one.since.to_string(),
            one.release.to_string(),
            clean(&one.class),
            question,
        ]);
    }
    say!("{}", rows.trim_fmt());
}

/// One question.
pub(crate) fn show(asked: &InboxAsked) {
    let one = &asked.waiting;
    say!("{}  {}  {}", one.id, one.release, clean(&one.class));
    say!("  wanted    {}", clean(&one.goal));
    say!("  since     {}, after {} turns", one.since, one.turns);
    for happened in &asked.transcript {
        step(happened);
    }
    say!();
    say!("  asked     {}", clean(&one.question));
    say!("  answer it with: trustmill inbox answer {} --text TEXT", one.id);
}

/// What the oracle says of a person's patch.
pub(crate) fn judged(outcome: &Outcome) {
    match outcome {
        Outcome::Repaired(repaired) => {
            for checked in &repaired.judgement.checks {
                say!("  {:<16} {:?}: {}", checked.check.as_str(), checked.outcome, clean(&checked.detail));
            }
            say!("repaired as {}", repaired.repaired);
        }
        Outcome::Missed(miss) => {
            say!("the oracle refuses it ({}): {}", miss.class.as_str(), clean(&miss.why));
            say!("the question still waits");
        }
    }
}
