//! Changes to texts: found, read and written as unified differences, merged, and carried to another version.
//!
//! A fix is two texts, before and after. Carrying it to a third one, the older version that somebody is pinned to, is
//! what this crate is about: [`carry`] says for each hunk where it belongs there and by which means that was found, or
//! why no place is the right one. What is not sure is refused, never guessed: a patch at the wrong place applies as
//! cleanly as one at the right place.
//!
//! Pure, and bounded: every text is foreign.

pub mod carry;
pub mod hunk;
pub mod lines;
pub mod similar;
pub mod symbol;
pub mod unified;

/// The longest text that is looked into, in bytes.
pub const MOST_BYTES: usize = 4 << 20;

/// The most lines of a text that is looked into.
pub const MOST_LINES: usize = 100_000;

/// Whether a text is within the bounds: code that people write is.
pub fn is_readable(text: &str) -> bool {
    text.len() <= MOST_BYTES && text.bytes().filter(|byte| *byte == b'\n').count() <= MOST_LINES
}
