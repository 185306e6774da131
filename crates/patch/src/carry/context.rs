//! Looking for a place by what is left of the surroundings. The best place must be clearly better than the next one,
//! and within the function that the change was made in.

use super::{Found, Left, Place, Texts};
use crate::hunk::Hunk;
use crate::lines::Splice;
use crate::symbol::{enclosing, named};
use std::ops::Range;

/// Lines around a hunk that are looked for.
const AROUND: usize = 6;
/// How far off its place in the surroundings a line may stand.
const WINDOW: usize = 10;

/// A place and how well it fits, in parts of a thousand.
struct Fit {
    at: usize,
    score: usize,
    /// The line of the target whose indentation tells how far new lines are to be moved, and that of the change.
    anchor: (usize, usize),
}

pub(super) fn place(texts: &Texts<'_>, hunk: &Hunk) -> Found {
    let within = scope(texts, hunk)?;
    let mut fits: Vec<Fit> =
        within.filter_map(|at| fit(texts, hunk, at)).filter(|fit| fit.score >= floor(texts, hunk)).collect();
    fits.sort_by_key(|fit| std::cmp::Reverse(fit.score));
    let mut fits = fits.into_iter();
    let best = fits.next().ok_or(Left::NoPlace)?;
    // Neighbouring places of an insertion, parted by empty lines only, are one.
    let other = fits.find(|fit| !texts.only_empty(fit.at, best.at));
    if other.is_some_and(|other| other.score * 10 >= best.score * 8) {
        return Err(Left::Ambiguous);
    }
    let (from, to) = best.anchor;
    let with = moved(&texts.new_lines(hunk), indent(texts, from), texts.target_indent(to));
    Ok(Place::At(Splice { at: best.at..best.at + hunk.before.len(), with }))
}

/// The lines of the target among which the place is: those of the function of the same name, where the change is in
/// one.
fn scope(texts: &Texts<'_>, hunk: &Hunk) -> Result<Range<usize>, Left> {
    let [before, _, target] = &texts.symbols;
    let line = if hunk.before.is_empty() { hunk.before.start.saturating_sub(1) } else { hunk.before.start };
    match enclosing(before, line) {
        None => Ok(0..texts.target.len() + 1),
        Some(block) => match named(target, &block.name) {
            Some(same) => Ok(same.lines.start..same.lines.end + 1),
            None => Err(Left::NoPlace),
        },
    }
}

/// How well a place must fit: what is taken away is evidence, too.
fn floor(texts: &Texts<'_>, hunk: &Hunk) -> usize {
    let gone = texts.before.range(hunk.before.clone());
    let telling = gone.iter().filter(|line| line.trim().len() >= 8).count();
    match telling {
        0 => 600,
        1 => 350,
        _ => 200,
    }
}

fn fit(texts: &Texts<'_>, hunk: &Hunk, at: usize) -> Option<Fit> {
    let gone = texts.before.range(hunk.before.clone());
    let there = texts.target.range(at..at + gone.len());
    if there.len() != gone.len() || gone.iter().zip(there).any(|(a, b)| a.trim() != b.trim()) {
        return None;
    }
    let above: Vec<&str> = (hunk.before.start.saturating_sub(AROUND)..hunk.before.start)
        .rev()
        .filter_map(|line| texts.before.text.get(line).copied())
        .collect();
    let below: Vec<&str> = texts.before.range(hunk.before.end..hunk.before.end + AROUND).to_vec();
    let target_above: Vec<&str> = (at.saturating_sub(WINDOW)..at)
        .rev()
        .filter_map(|line| texts.target.text.get(line).copied())
        .collect();
    let end = at + gone.len();
    let target_below = texts.target.range(end..end + WINDOW);
    let (up, up_most, up_next) = agreement(&above, &target_above);
    let (down, down_most, down_next) = agreement(&below, target_below);
    // An insertion has to touch a line that it touched before.
    if gone.is_empty() && !up_next && !down_next {
        return None;
    }
    let most = (up_most + down_most).max(1);
    let from = anchor(texts.before.range(hunk.before.clone()), hunk.before.start)
        .or_else(|| nearest(&texts.before.text, hunk.before.start));
    let to = anchor(there, at).or_else(|| nearest(&texts.target.text, at));
    let anchor = if up_next || !gone.is_empty() { (from.unwrap_or(0), to.unwrap_or(0)) } else { (0, 0) };
    Some(Fit { at, score: (up + down) * 1000 / most, anchor })
}

/// The number of the first line that is not empty.
fn anchor(lines: &[&str], start: usize) -> Option<usize> {
    lines.iter().position(|line| !line.trim().is_empty()).map(|offset| start + offset)
}

/// The nearest line above that is not empty.
fn nearest(lines: &[&str], at: usize) -> Option<usize> {
    (0..at).rev().find(|line| lines.get(*line).is_some_and(|line| !line.trim().is_empty()))
}

/// How much of the surroundings is there, in order and not far off; how much could be; and whether the nearest line is.
fn agreement(wanted: &[&str], there: &[&str]) -> (usize, usize, bool) {
    let (mut sum, mut most, mut from) = (0, 0, 0);
    let mut next = None;
    for (distance, line) in wanted.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let weight = AROUND + 1 - distance.min(AROUND);
        most += weight;
        let rest = there.get(from..).unwrap_or_default();
        let found = rest.iter().position(|other| other.trim() == line.trim());
        if let Some(found) = found {
            sum += weight;
            let passed = there.get(from..from + found).unwrap_or_default();
            if next.is_none() {
                next = Some(passed.iter().all(|line| line.trim().is_empty()));
            }
            from += found + 1;
        } else if next.is_none() {
            next = Some(false);
        }
    }
    (sum, most, next.unwrap_or(false))
}

fn indent(texts: &Texts<'_>, line: usize) -> usize {
    texts.before.text.get(line).map_or(0, |line| width(line))
}

fn width(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

impl Texts<'_> {
    fn target_indent(&self, line: usize) -> usize {
        self.target.text.get(line).map_or(0, |line| width(line))
    }

    /// Whether nothing but empty lines stands between two places.
    fn only_empty(&self, a: usize, b: usize) -> bool {
        let (from, to) = (a.min(b), a.max(b));
        self.target.range(from..to).iter().all(|line| line.trim().is_empty())
    }
}

/// The lines, indented as their surroundings are now.
pub(super) fn moved(lines: &[String], from: usize, to: usize) -> Vec<String> {
    let enough = lines.iter().filter(|line| !line.trim().is_empty()).all(|line| width(line) + to >= from);
    if from == to || !enough {
        return lines.to_vec();
    }
    let one = |line: &String| match line.trim().is_empty() {
        true => line.clone(),
        false => format!("{}{}", " ".repeat(width(line) + to - from), line.trim_start_matches(' ')),
    };
    lines.iter().map(one).collect()
}
