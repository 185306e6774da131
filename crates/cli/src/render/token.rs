//! The views of `trustmill token`.

use super::{clean, table, to_json};
use crate::out::{complain, say};
use trustmill_core::Timestamp;
use trustmill_core::port::registry::Secret;
use trustmill_core::token::{Standing, TokenRecord};

/// Prints a token that was just made: the only time that anybody sees it.
pub(crate) fn print_new(record: &TokenRecord, text: &Secret, json: bool) {
    if json {
        return to_json(&serde_json::json!({ "token": text.expose(), "record": record }));
    }
    say!("{}", text.expose());
    let until = record.expires.map_or("does not expire".to_owned(), |at| format!("expires at {at:.0}"));
    complain!(
        "This is the only time that it is shown. It is {}'s, its id is {}, and it {until}.",
        record.team,
        record.id
    );
    complain!("docs/access.md says where pip, uv, npm, pnpm, yarn and cargo want it.");
}

/// Prints every token.
pub(crate) fn print(tokens: &[TokenRecord], now: Timestamp) {
    if tokens.is_empty() {
        say!("there are no tokens; `trustmill token create --team NAME` makes one");
        return;
    }
    let mut rows = table::new(&["id", "team", "agent", "admin", "state", "last used", "note"]);
    for token in tokens {
        let state = match (token.standing(now), token.expires) {
            (Standing::Revoked(at), _) => format!("revoked at {at:.0}"),
            (Standing::Expired(at), _) => format!("expired at {at:.0}"),
            (Standing::Valid, Some(at)) => format!("until {at:.0}"),
            (Standing::Valid, None) => "valid".to_owned(),
        };
        rows.add_row(vec![
            token.id.clone(),
            token.team.clone(),
            token.agent.clone().unwrap_or_default(),
            if token.admin { "yes" } else { "" }.to_owned(),
            state,
            token.last_used.map(|at| format!("{at:.0}")).unwrap_or_default(),
            token.note.as_deref().map(clean).unwrap_or_default(),
        ]);
    }
    say!("{}", rows.trim_fmt());
}
