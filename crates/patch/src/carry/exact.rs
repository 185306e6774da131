//! The same lines in the same surroundings, and only once.

use super::{Found, Left, Place, Texts};
use crate::hunk::Hunk;
use crate::lines::Splice;

/// Lines around a hunk, as unified differences have them.
const AROUND: usize = 3;

/// Whether what the change was made to, with the line above and below it, stood there once and stands in the target
/// more than once.
pub(super) fn became_ambiguous(texts: &Texts<'_>, hunk: &Hunk) -> bool {
    let wanted = texts.before.range(hunk.before.start.saturating_sub(1)..hunk.before.end + 1);
    let count =
        |lines: &[&str]| lines.windows(wanted.len().max(1)).filter(|window| *window == wanted).count();
    count(&texts.before.text) == 1 && count(&texts.target.text) > 1
}

pub(super) fn place(texts: &Texts<'_>, hunk: &Hunk) -> Found {
    let start = hunk.before.start.saturating_sub(AROUND);
    let wanted = texts.before.range(start..hunk.before.end + AROUND);
    let lead = hunk.before.start - start;
    // Around an insertion there must be something to know the place by.
    let telling = wanted.iter().filter(|line| !line.trim().is_empty()).count();
    if telling < 2 {
        return Err(Left::NoPlace);
    }
    let mut windows = texts.target.text.windows(wanted.len()).enumerate();
    let mut found = windows.by_ref().filter(|(_, window)| *window == wanted).map(|(at, _)| at);
    let at = found.next().ok_or(Left::NoPlace)? + lead;
    if found.next().is_some() {
        return Err(Left::Ambiguous);
    }
    let at = at..at + hunk.before.len();
    Ok(Place::At(Splice { at, with: texts.new_lines(hunk) }))
}
