//! What people read. Each view is one file; JSON is the data itself.

pub(crate) mod advisories;
pub(crate) mod alerts;
pub(crate) mod doctor;
pub(crate) mod list;
pub(crate) mod progress;
pub(crate) mod secure;
pub(crate) mod show;
pub(crate) mod table;
pub(crate) mod token;

/// Prints data as JSON on standard output.
pub(crate) fn to_json(data: &impl serde::Serialize) {
    match serde_json::to_string_pretty(data) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("this result cannot be written as JSON: {error}"),
    }
}

/// Foreign text on one line: control characters and what could move the cursor are shown as `?`.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
