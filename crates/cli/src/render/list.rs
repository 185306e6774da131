//! The view of `trustmill list`.

use super::{clean, table};
use crate::cmd::Listing;
use crate::out::say;
use trustmill_core::port::queue::KeyState;

/// Prints the watch set, then the keys.
pub(crate) fn print(listing: &Listing) {
    if listing.watched.is_empty() {
        say!("nothing is watched; `trustmill add pkg:pypi/NAME` adds a project");
    } else {
        let mut rows = table::new(&["watched", "since"]);
        for watched in &listing.watched {
            rows.add_row(vec![watched.purl.to_string(), watched.since.to_string()]);
        }
        say!("{}", rows.trim_fmt());
    }
    if listing.keys.is_empty() {
        return;
    }
    let mut rows = table::new(&["key", "state", "failed tries", "why"]);
    for key in &listing.keys {
        let state = match key.state {
            KeyState::Queued => "waits",
            KeyState::Running => "runs",
            KeyState::Parked => "set aside",
        };
        let why = key.why.as_deref().map(clean).unwrap_or_default();
        rows.add_row(vec![key.key.clone(), state.to_owned(), key.attempts.to_string(), why]);
    }
    say!("\n{}", rows.trim_fmt());
}
