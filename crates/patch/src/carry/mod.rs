//! Carrying a change to another version of the file.
//!
//! Each hunk is looked for by means that assume more and more: the same lines in the same surroundings; a three-way
//! merge with the text that the change was made to; the surroundings as far as they are left; the function of the same
//! name. Where two means disagree, or a place is not the only one, the hunk is left.

mod context;
mod exact;
mod merge;
mod named;
#[cfg(test)]
mod tests;
mod theirs;

use crate::hunk::{Hunk, hunks};
use crate::lines::{Lines, Splice};
use crate::symbol::{Language, Symbol, symbols};
use std::ops::Range;

/// By which means a hunk was placed, the one that assumes least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Means {
    /// Its lines and three lines around it are there, once.
    Exact,
    /// A three-way merge: what it changes is as it was.
    Merge,
    /// What it changes is there, and enough of what was around it.
    Context,
    /// It belongs to a function, class or list of imports that is there.
    Symbol,
    /// The release has other lines where the fix has its own: the fix's take their place.
    Theirs,
}

/// Why a hunk is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// Nothing there is what it was made for.
    NoPlace,
    /// More than one place is.
    Ambiguous,
    /// Two means say two places.
    Disagreement,
    /// It would change what another hunk changes.
    Overlap,
}

/// A hunk that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The hunk of the change.
    pub hunk: Hunk,
    /// The lines of the target that it replaces; `None` where its lines are there already.
    pub at: Option<Range<usize>>,
    /// How it was placed.
    pub means: Means,
}

/// What came of carrying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The target with every placed hunk.
    pub text: String,
    /// The hunks that were placed, in order.
    pub placed: Vec<Placed>,
    /// Those that were not.
    pub left: Vec<(Hunk, Left)>,
}

impl Carried {
    /// Whether every hunk has its place.
    pub fn is_whole(&self) -> bool {
        self.left.is_empty()
    }
}

/// The three texts, and what is known of each.
struct Texts<'a> {
    before: Lines<'a>,
    after: Lines<'a>,
    target: Lines<'a>,
    symbols: [Vec<Symbol>; 3],
}

/// Where a hunk goes, and what it puts there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    At(Splice),
    /// It is there already.
    There,
}

type Found = Result<Place, Left>;

/// Carries the change from `before` to `after` over to `target`, by means up to `most`. `path` says the language.
pub fn carry(path: &str, before: &str, after: &str, target: &str, most: Means) -> Carried {
    let (before, after, target) = (Lines::of(before), Lines::of(after), Lines::of(target));
    let language = Language::of(path);
    let symbols = [&before, &after, &target].map(|lines| symbols(language, lines));
    let texts = Texts { before, after, target, symbols };
    let all = hunks(&texts.before.text, &texts.after.text);
    let ours = hunks(&texts.before.text, &texts.target.text);
    let mut taken: Vec<(Hunk, Splice, Means)> = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    let mut left: Vec<(Hunk, Left)> = Vec::new();
    let mut found: Vec<theirs::Sought> =
        all.into_iter().map(|hunk| (texts.place(&hunk, &ours, most), hunk)).collect();
    if most == Means::Theirs {
        theirs::settle(&texts, &mut found, &ours);
    }
    // A function that is replaced as a whole carries all the hunks in it.
    let wholes: Vec<Range<usize>> = found
        .iter()
        .filter_map(|(place, _)| match place {
            Ok((Place::At(splice), Means::Symbol)) if splice.at.len() > 1 => Some(splice.at.clone()),
            _ => None,
        })
        .collect();
    for (place, hunk) in found {
        let place = match place {
            Ok((Place::At(splice), means)) => {
                let inside = |whole: &&Range<usize>| {
                    **whole != splice.at && whole.start < splice.at.start && splice.at.end <= whole.end
                };
                if let Some(whole) = wholes.iter().find(inside) {
                    placed.push(Placed { hunk, at: Some(whole.clone()), means: Means::Symbol });
                    continue;
                }
                Ok((Place::At(splice), means))
            }
            other => other,
        };
        match place {
            Ok((Place::There, means)) => placed.push(Placed { hunk, at: None, means }),
            Ok((Place::At(splice), means)) => {
                let again = taken.iter().any(|(_, other, _)| *other == splice && !splice.at.is_empty());
                if again {
                    placed.push(Placed { hunk, at: Some(splice.at), means });
                } else if taken.iter().any(|(_, other, _)| overlap(&other.at, &splice.at)) {
                    left.push((hunk, Left::Overlap));
                } else {
                    taken.push((hunk, splice, means));
                }
            }
            Err(why) => left.push((hunk, why)),
        }
    }
    // Of two insertions at one place the one that stands first in the change goes first: the sort keeps their order.
    taken.sort_by_key(|(_, splice, _)| (splice.at.start, splice.at.end));
    let splices: Vec<Splice> = taken.iter().map(|(_, splice, _)| splice.clone()).collect();
    let text = texts.target.splice(&splices);
    let taken = taken.into_iter();
    placed.extend(taken.map(|(hunk, splice, means)| Placed { hunk, at: Some(splice.at), means }));
    placed.sort_by_key(|placed| (placed.hunk.before.start, placed.hunk.after.start));
    Carried { text, placed, left }
}

/// Whether two ranges of lines cannot both be replaced.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => false,
        (true, false) => b.start < a.start && a.start < b.end,
        (false, true) => a.start < b.start && b.start < a.end,
        (false, false) => a.start < b.end && b.start < a.end,
    }
}

impl Texts<'_> {
    fn place(&self, hunk: &Hunk, ours: &[Hunk], most: Means) -> Result<(Place, Means), Left> {
        let exact = exact::place(self, hunk);
        if most == Means::Exact {
            return exact.map(|place| (place, Means::Exact));
        }
        let merged = merge::place(self, hunk, ours);
        // What was one place and is two: which of them the merge took is chance.
        if exact::became_ambiguous(self, hunk) {
            return Err(Left::Ambiguous);
        }
        match (exact, merged) {
            (Ok(exact), Ok(merged)) if exact == merged => return Ok((exact, Means::Exact)),
            (Ok(_), Ok(Place::At(_))) => return Err(Left::Disagreement),
            (_, Ok(merged)) => return Ok((merged, Means::Merge)),
            (Ok(exact), Err(_)) => return Ok((exact, Means::Exact)),
            (Err(_), Err(_)) => {}
        }
        if most == Means::Merge {
            return Err(Left::NoPlace);
        }
        let around = match context::place(self, hunk) {
            Ok(place) => return Ok((place, Means::Context)),
            Err(why) => why,
        };
        if most == Means::Context {
            return Err(around);
        }
        named::place(self, hunk).map(|place| (place, Means::Symbol)).map_err(|_| around)
    }

    /// The lines that a hunk brings.
    fn new_lines(&self, hunk: &Hunk) -> Vec<String> {
        self.after.range(hunk.after.clone()).iter().map(|line| (*line).to_owned()).collect()
    }
}
