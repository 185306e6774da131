//! Carrying by names: a function that is the same but for its place and its comments is replaced, a new one goes
//! beside its neighbour, and an import goes to the imports.

use super::context::moved;
use super::{Found, Left, Place, Texts};
use crate::hunk::{Hunk, hunks};
use crate::lines::Splice;
use crate::similar::in_common;
use crate::symbol::{Brought, Kind, Symbol, brought, enclosing, named};
use std::ops::Range;

pub(super) fn place(texts: &Texts<'_>, hunk: &Hunk) -> Found {
    import(texts, hunk)
        .or_else(|| whole(texts, hunk))
        .or_else(|| merged(texts, hunk))
        .or_else(|| new(texts, hunk))
        .or_else(|| nearly(texts, hunk))
        .ok_or(Left::NoPlace)
}

/// The innermost block of the change that a hunk lies in as a whole, before and after, and its namesake in the target.
fn block<'a>(texts: &'a Texts<'_>, hunk: &Hunk) -> Option<[&'a Symbol; 3]> {
    let [before, after, target] = &texts.symbols;
    let inside = |symbol: &&Symbol| {
        symbol.kind == Kind::Block
            && symbol.lines.start <= hunk.before.start
            && hunk.before.end <= symbol.lines.end
            && (!hunk.before.is_empty() || hunk.before.start < symbol.lines.end)
    };
    let old = before.iter().rfind(inside)?;
    let new = named(after, &old.name)?;
    let inside = new.lines.start <= hunk.after.start && hunk.after.end <= new.lines.end;
    inside.then(|| named(target, &old.name).map(|same| [old, new, same]))?
}

/// Lines without comments, empty lines and indentation: what a function does.
fn bare<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The namesake does what the function did: it becomes what the function became.
fn whole(texts: &Texts<'_>, hunk: &Hunk) -> Option<Place> {
    replaced(texts, hunk, |was, is| bare(was) == bare(is))
}

/// The namesake does nearly what the function did, and the fix wrote that anew.
fn nearly(texts: &Texts<'_>, hunk: &Hunk) -> Option<Place> {
    replaced(texts, hunk, |was, is| in_common(&was.join("\n"), &is.join("\n")) >= NEARLY)
}

/// How much of a function must be as it was for it to become what the fix made of it, in parts of a thousand.
const NEARLY: u32 = 750;

fn replaced(texts: &Texts<'_>, hunk: &Hunk, alike: impl Fn(&[&str], &[&str]) -> bool) -> Option<Place> {
    let [old, new, same] = block(texts, hunk)?;
    let was = texts.before.range(old.lines.clone());
    let is = texts.target.range(same.lines.clone());
    if !alike(was, is) {
        return None;
    }
    let indent = |lines: &[&str]| lines.first().map_or(0, |line| line.len() - line.trim_start().len());
    let lines: Vec<String> =
        texts.after.range(new.lines.clone()).iter().map(|line| (*line).to_owned()).collect();
    let with = moved(&lines, indent(was), indent(is));
    Some(Place::At(Splice { at: same.lines.clone(), with }))
}

/// A three-way merge of the function alone: what moved around it does not matter.
fn merged(texts: &Texts<'_>, hunk: &Hunk) -> Option<Place> {
    let [old, _, same] = block(texts, hunk)?;
    let was = texts.before.range(old.lines.clone());
    let is = texts.target.range(same.lines.clone());
    let start = hunk.before.start - old.lines.start;
    let span = start..start + hunk.before.len();
    let ours = hunks(was, is);
    let free = |own: &Hunk| own.before.end < span.start || own.before.start > span.end;
    if !ours.iter().all(free) {
        return None;
    }
    let shift = |at: usize| {
        let above = ours.iter().filter(|own| own.before.end < span.start);
        above.fold(at, |at, own| (at + own.after.len()).saturating_sub(own.before.len()))
    };
    let at = same.lines.start + shift(start);
    Some(Place::At(Splice { at: at..at + hunk.before.len(), with: texts.new_lines(hunk) }))
}

/// A function that the change brings goes behind the neighbour that stands before it, or before the next one.
fn new(texts: &Texts<'_>, hunk: &Hunk) -> Option<Place> {
    let [_, after, target] = &texts.symbols;
    if !hunk.before.is_empty() {
        return None;
    }
    let lines = texts.after.range(hunk.after.clone());
    let first = hunk.after.start + lines.iter().position(|line| !line.trim().is_empty())?;
    let last = hunk.after.start + lines.iter().rposition(|line| !line.trim().is_empty())?;
    let brought = after.iter().find(|symbol| symbol.kind != Kind::Import && symbol.lines.start == first)?;
    let closes = after.iter().any(|symbol| symbol.lines.end == last + 1 && symbol.lines.start >= first);
    let known = |name: &str| target.iter().any(|symbol| symbol.kind != Kind::Import && symbol.name == name);
    if !closes || known(&brought.name) {
        return None;
    }
    let outer = |name: &str| name.rsplit_once('.').map(|(outer, _)| outer.to_owned());
    let parent = outer(&brought.name);
    let sibling = |symbol: &&Symbol| symbol.kind == Kind::Block && outer(&symbol.name) == parent;
    let siblings: Vec<&Symbol> = after.iter().filter(sibling).collect();
    let above = siblings.iter().rev().filter(|symbol| symbol.lines.end <= first);
    let above = above.filter_map(|symbol| named(target, &symbol.name)).map(|symbol| symbol.lines.end).next();
    let below = siblings.iter().filter(|symbol| symbol.lines.start > last);
    let mut below = below.filter_map(|symbol| named(target, &symbol.name)).map(|symbol| symbol.lines.start);
    let gap = if parent.is_some() { 1 } else { 2 };
    let code = texts.after.range(first..last + 1).iter().map(|line| (*line).to_owned());
    let empty = || std::iter::repeat_n(String::new(), gap);
    let (at, with): (usize, Vec<String>) = match above {
        Some(end) => (end, empty().chain(code).collect()),
        None => (below.next()?, code.chain(empty()).collect()),
    };
    Some(Place::At(Splice { at: at..at, with }))
}

/// Imports that the change brings: each goes behind the target's last import at the top, unless it is there.
fn import(texts: &Texts<'_>, hunk: &Hunk) -> Option<Place> {
    let [before, after, target] = &texts.symbols;
    let covered = |symbols: &[Symbol], range: &Range<usize>, lines: &crate::lines::Lines<'_>| {
        range.clone().all(|line| {
            let text = lines.text.get(line).map_or("", |line| line.trim());
            let import = |symbol: &Symbol| symbol.kind == Kind::Import && symbol.lines.contains(&line);
            text.is_empty() || text.starts_with('#') || symbols.iter().any(import)
        })
    };
    let all = covered(before, &hunk.before, &texts.before) && covered(after, &hunk.after, &texts.after);
    if !all || hunk.after.is_empty() || enclosing(after, hunk.after.start).is_some() {
        return None;
    }
    let statements =
        |symbols: &[Symbol], lines: &crate::lines::Lines<'_>, of: &Range<usize>| -> Vec<Brought> {
            let hit = |symbol: &&Symbol| {
                let meets = symbol.lines.start < of.end && of.start < symbol.lines.end;
                symbol.kind == Kind::Import && meets
            };
            symbols.iter().filter(hit).flat_map(|symbol| brought(lines.range(symbol.lines.clone()))).collect()
        };
    let old = statements(before, &texts.before, &hunk.before);
    let whole = 0..texts.target.len();
    let there = statements(target, &texts.target, &whole);
    let wanted: Vec<Brought> =
        statements(after, &texts.after, &hunk.after).into_iter().filter(|one| !old.contains(one)).collect();
    let missing: Vec<String> =
        wanted.iter().filter(|one| !there.contains(one)).map(Brought::statement).collect();
    if missing.is_empty() {
        return Some(Place::There);
    }
    let top = |symbol: &&Symbol| {
        symbol.kind == Kind::Import
            && texts.target.text.get(symbol.lines.start).is_some_and(|line| !line.starts_with([' ', '\t']))
            && !symbol.name.contains("__future__")
    };
    // The imports at the head, not one in the middle that something depends on.
    let blocks =
        target.iter().find(|symbol| symbol.kind == Kind::Block).map_or(usize::MAX, |b| b.lines.start);
    let at = target.iter().filter(top).map(|symbol| symbol.lines.end).rfind(|end| *end <= blocks)?;
    Some(Place::At(Splice { at: at..at, with: missing }))
}
