//! The views of `trustmill alerts`.

use super::{clean, table};
use crate::out::say;
use trustmill_core::Purl;
use trustmill_core::alert::AlertState;
use trustmill_core::port::journal::Handed;
use trustmill_core::ruling::Principal;

/// Prints alerts, each with who has it.
pub(crate) fn print(states: &[AlertState], only_open: bool) {
    if states.is_empty() {
        say!("there are no {}alerts", if only_open { "open " } else { "" });
    }
    for state in states {
        let alert = &state.alert;
        say!("{}  {}  {}  {:.0}", alert.id, state.release, alert.cause.as_str(), state.at);
        say!("  {}", clean(&alert.cause.line()));
        for file in &alert.files {
            say!("  file  {}  sha256:{}", clean(&file.filename), file.sha256);
        }
        for holder in &alert.who {
            let times = if holder.times == 1 { "once".to_owned() } else { format!("{} times", holder.times) };
            say!(
                "  has   {}  {times}, first {:.0}, last {:.0}",
                who(&holder.principal),
                holder.first,
                holder.last
            );
        }
        match (&state.acknowledged, state.acknowledged_at) {
            (Some(ack), Some(at)) => say!("  done  {} at {at:.0}: {}", clean(&ack.who), clean(&ack.why)),
            _ => say!("  open  `trustmill alerts ack {} --who NAME --why TEXT`", alert.id),
        }
        say!();
    }
}

/// Prints who was given what.
pub(crate) fn print_handed(purl: &Purl, handed: &[Handed]) {
    if handed.is_empty() {
        say!("nobody was given files of {purl}, as far as the journal goes back");
        return;
    }
    let mut rows = table::new(&["who", "file", "first", "last", "times", "sha256"]);
    for entry in handed {
        rows.add_row(vec![
            who(&entry.principal),
            clean(&entry.filename),
            format!("{:.0}", entry.first),
            format!("{:.0}", entry.last),
            entry.times.to_string(),
            entry.sha256.to_string(),
        ]);
    }
    say!("{}", rows.trim_fmt());
}

fn who(principal: &Principal) -> String {
    let Some(team) = &principal.team else { return "(no token)".to_owned() };
    let agent = principal.agent.as_ref().map(|agent| format!(", agent {agent}")).unwrap_or_default();
    let token = principal.token.as_ref().map(|token| format!(" ({token})")).unwrap_or_default();
    format!("{team}{agent}{token}")
}
