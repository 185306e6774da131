//! Where the release and the fix changed the same lines, the fix's take their place: a conflict, settled as upstream has
//! it. What the release had there of its own goes, which is why only a test can say that it was right.

use super::{Left, Means, Place, Texts};
use crate::hunk::Hunk;
use crate::lines::Splice;
use crate::symbol::{Symbol, enclosing};
use std::ops::Range;

/// Lines of a conflict, on each of its sides.
const LONGEST: usize = 80;

/// A hunk, with its place or why it has none.
pub(super) type Sought = (Result<(Place, Means), Left>, Hunk);

/// Settles what has no place; every hunk that lies in the same conflict goes along.
pub(super) fn settle(texts: &Texts<'_>, found: &mut [Sought], ours: &[Hunk]) {
    let theirs: Vec<Hunk> = found.iter().map(|(_, hunk)| hunk.clone()).collect();
    let without: Vec<Hunk> =
        found.iter().filter(|(place, _)| place.is_err()).map(|(_, hunk)| hunk.clone()).collect();
    for hunk in without {
        let region = region(&hunk, &theirs, ours);
        let Some(splice) = splice(texts, &region, &theirs, ours) else { continue };
        let inside = |other: &Hunk| region.start <= other.before.start && other.before.end <= region.end;
        for (place, _) in found.iter_mut().filter(|(_, other)| inside(other)) {
            *place = Ok((Place::At(splice.clone()), Means::Theirs));
        }
    }
}

/// The lines of the common text that a conflict takes: those of the hunk, and of all that either side changed next to
/// them.
fn region(hunk: &Hunk, theirs: &[Hunk], ours: &[Hunk]) -> Range<usize> {
    let mut region = hunk.before.clone();
    loop {
        let touches = |own: &&Hunk| own.before.start <= region.end && region.start <= own.before.end;
        let mut grown = region.clone();
        for own in theirs.iter().chain(ours).filter(touches) {
            grown = grown.start.min(own.before.start)..grown.end.max(own.before.end);
        }
        if grown == region {
            return region;
        }
        region = grown;
    }
}

fn splice(texts: &Texts<'_>, region: &Range<usize>, theirs: &[Hunk], ours: &[Hunk]) -> Option<Splice> {
    let (at, of) = (through(region, ours)?, through(region, theirs)?);
    if [region, &at, &of].iter().any(|lines| lines.len() > LONGEST) {
        return None;
    }
    // A conflict that reaches over the edge of a function is none of two ways to write the same.
    let [before, after, target] = &texts.symbols;
    let scope = scope(before, region)?;
    if self::scope(target, &at)? != scope || self::scope(after, &of)? != scope {
        return None;
    }
    let with = texts.after.range(of).iter().map(|line| (*line).to_owned()).collect();
    Some(Splice { at, with })
}

/// Where a region whose edges nobody changed is in the other text.
fn through(region: &Range<usize>, hunks: &[Hunk]) -> Option<Range<usize>> {
    let mapped = |line: usize, inside: bool| -> Option<usize> {
        // What is inserted right there stands before the end of the region, and not before its beginning.
        let counts = |own: &&Hunk| own.before.end <= line && (inside || own.before.start < line);
        let (gone, come) = hunks
            .iter()
            .filter(counts)
            .fold((0, 0), |(gone, come), own| (gone + own.before.len(), come + own.after.len()));
        (line + come).checked_sub(gone)
    };
    let (start, end) = (mapped(region.start, false)?, mapped(region.end, true)?);
    (start <= end).then_some(start..end)
}

/// The one function that all lines are in, or none; `None` where they are in several.
fn scope<'a>(symbols: &'a [Symbol], lines: &Range<usize>) -> Option<Option<&'a str>> {
    let name = |line: usize| enclosing(symbols, line).map(|symbol| symbol.name.as_str());
    if lines.is_empty() {
        return Some(name(lines.start.saturating_sub(1)));
    }
    let first = name(lines.start);
    lines.clone().all(|line| name(line) == first).then_some(first)
}
