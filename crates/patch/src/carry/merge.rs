//! A three-way merge, hunk by hunk: the change was made to `before`, and the target is another descendant of it.

use super::{Found, Left, Place, Texts};
use crate::hunk::Hunk;
use crate::lines::Splice;
use std::ops::Range;

pub(super) fn place(texts: &Texts<'_>, hunk: &Hunk, ours: &[Hunk]) -> Found {
    let touched: Vec<&Hunk> = ours.iter().filter(|own| touches(&own.before, &hunk.before)).collect();
    if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
        return there(texts, hunk, first, last);
    }
    let shifted = ours
        .iter()
        .filter(|own| own.before.end <= hunk.before.start)
        .fold(hunk.before.start, |at, own| at + own.after.len() - own.before.len().min(at + own.after.len()));
    let at = shifted..shifted + hunk.before.len();
    Ok(Place::At(Splice { at, with: texts.new_lines(hunk) }))
}

/// Whether both change the same lines, or the same place between two lines.
fn touches(own: &Range<usize>, theirs: &Range<usize>) -> bool {
    if own.is_empty() || theirs.is_empty() {
        return own.start <= theirs.end && theirs.start <= own.end;
    }
    own.start < theirs.end && theirs.start < own.end
}

/// A conflict, unless the target says there what the change wants to say.
fn there(texts: &Texts<'_>, hunk: &Hunk, first: &Hunk, last: &Hunk) -> Found {
    let wanted = texts.after.range(hunk.after.clone());
    let gone = texts.before.range(hunk.before.clone());
    let region = texts.target.range(first.after.start..last.after.end);
    let telling = wanted.iter().any(|line| line.trim().len() > 3);
    let is_there = telling && region.windows(wanted.len()).any(|window| window == wanted);
    let still =
        gone.iter().any(|line| !line.trim().is_empty() && region.contains(line) && !wanted.contains(line));
    if is_there && !still { Ok(Place::There) } else { Err(Left::NoPlace) }
}
