//! What people read. Each view is one file; JSON is the data itself.

use crate::out::{complain, write};

pub(crate) mod advisories;
pub(crate) mod alerts;
pub(crate) mod annotations;
pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod curve;
pub(crate) mod cyclonedx;
pub(crate) mod doctor;
pub(crate) mod inbox;
pub(crate) mod list;
pub(crate) mod models;
pub(crate) mod openvex;
pub(crate) mod overrides;
pub(crate) mod policy;
pub(crate) mod progress;
pub(crate) mod repair;
pub(crate) mod sarif;
pub(crate) mod scan;
pub(crate) mod scan_sarif;
pub(crate) mod secure;
pub(crate) mod show;
pub(crate) mod spdx;
pub(crate) mod table;
pub(crate) mod token;

/// Prints data as JSON on standard output.
pub(crate) fn to_json(data: &impl serde::Serialize) {
    match serde_json::to_string_pretty(data) {
        Ok(text) => write(&(text + "\n")),
        Err(error) => complain!("this result cannot be written as JSON: {error}"),
    }
}

/// Foreign text on one line: control characters, and what could move the cursor or turn the direction of writing, are
/// shown as `?`.
pub(crate) fn clean(text: &str) -> String {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '?' } else { c }).collect()
}
