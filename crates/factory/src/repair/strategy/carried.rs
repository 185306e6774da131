//! Carrying a change file by file: what all strategies share.

use super::{NotCarried, functions};
use crate::repair::find::changed;
use crate::repair::{Material, Task};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Edit, Patch, Role};
use trustmill_patch::carry::{Carried, Means, carry};
use trustmill_patch::hunk::hunks;
use trustmill_patch::lines::Lines;
use trustmill_patch::similar::{follow, in_common};

/// The change to code. A file that the release does not have is none of the release's: what changes in it is not
/// carried, and the oracle asks whether that may be.
pub(super) fn fix(
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
    means: Means,
) -> Result<Patch, NotCarried> {
    each(task, material, workshop, means, Rest::Left)
}

/// The same, and a file of which not every hunk has a place becomes what the fix made of it, where it was nearly what
/// the fix was made to.
pub(super) fn replaced(
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
) -> Result<Patch, NotCarried> {
    each(task, material, workshop, Means::Symbol, Rest::Files)
}

/// The same, and a function that holds a hunk without a place becomes what the fix made of it.
pub(super) fn with_functions(
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
) -> Result<Patch, NotCarried> {
    each(task, material, workshop, Means::Symbol, Rest::Functions)
}

/// What becomes of a file in which a hunk has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is not carried.
    Left,
    /// The functions around such hunks are taken from the fix.
    Functions,
    /// The file is, where it is nearly the fix's.
    Files,
}

/// How much of a file must be as it was for it to be replaced, in parts of a thousand.
const NEARLY: u32 = 850;

fn each(
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
    means: Means,
    rest: Rest,
) -> Result<Patch, NotCarried> {
    let mut patch = Patch::default();
    let (mut of, mut left, mut why) = (0, 0, None);
    for path in changed(&material.before, &material.after) {
        if workshop.role(path) != Role::Code {
            continue;
        }
        let (before, after) = (material.before.text(path), material.after.text(path));
        match (before, after) {
            (Some(before), Some(after)) => {
                let Some(there) = path_in(&task.tree, path, before) else { continue };
                let Some(target) = task.tree.text(&there) else { continue };
                let mut done = carry(path, before, after, target, means);
                // Tests beside the code go along if they fit, and keep the code from nothing.
                if !done.is_whole()
                    && let Some(code) = workshop.inline_tests(path, after, before)
                {
                    done = carry(path, before, &code, target, means);
                }
                of += done.placed.len() + done.left.len();
                if rest == Rest::Files && !done.is_whole() && in_common(before, target) >= NEARLY {
                    patch.edits.insert(there, edit(Some(target), Some(after)));
                    continue;
                }
                if rest == Rest::Functions
                    && !done.is_whole()
                    && let Some(text) = functions::taken(path, &done, after)
                {
                    patch.edits.insert(there, edit(Some(target), Some(&text)));
                    continue;
                }
                if let Some(first) = done.left.first() {
                    left += done.left.len();
                    why.get_or_insert_with(|| {
                        format!("{there}, line {} of the fix's file", first.0.before.start + 1)
                    });
                }
                if done.text != target {
                    patch.edits.insert(there, edit(Some(target), Some(&done.text)));
                }
            }
            (None, Some(after)) => {
                let there = placed_new(task, material, path);
                of += 1;
                if task.tree.get(&there).is_none() {
                    patch.edits.insert(there, edit(None, Some(after)));
                }
            }
            // Taking a file away is more than carrying: whoever imports it is not known.
            (Some(_) | None, None) => {}
        }
    }
    match why {
        None => Ok(patch),
        Some(why) => Err(NotCarried { hunks: left, of, why }),
    }
}

/// The change to tests: whole files that are new, and the hunks of others as far as they have a place.
pub(super) fn tests(task: &Task, material: &Material, workshop: &dyn Workshop, means: Means) -> Patch {
    let there = task.with_tests(&task.tree);
    let mut patch = Patch::default();
    for path in changed(&material.before, &material.after) {
        if workshop.role(path) != Role::Test {
            continue;
        }
        let (before, after) = (material.before.text(path), material.after.text(path));
        match (before, after) {
            (Some(before), Some(after)) => {
                let Some(known) = path_in(&there, path, before) else {
                    // The release is older than the file: what of it fails for other reasons counts for nothing.
                    patch.edits.insert(path.clone(), edit(None, Some(after)));
                    continue;
                };
                let Some(target) = there.text(&known) else { continue };
                let Carried { text, .. } = carry(path, before, after, target, means);
                if text != target {
                    patch.edits.insert(known, edit(Some(target), Some(&text)));
                }
            }
            (None, Some(after)) if there.get(path).is_none() => {
                patch.edits.insert(path.clone(), edit(None, Some(after)));
            }
            _ => {}
        }
    }
    patch
}

/// A change of a whole file.
pub(super) fn edit(before: Option<&str>, after: Option<&str>) -> Edit {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Edit { before: before.map(bytes), after: after.map(bytes) }
}

/// Where a file of the fix is in the release: at its path, or where most of it stands now. A repository may hold the
/// package in a folder that its archive does not have, or the other way round.
pub(in crate::repair) fn path_in(tree: &Contents, path: &str, before: &str) -> Option<String> {
    if tree.get(path).is_some() {
        return Some(path.to_owned());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let alike = |other: &&String| {
        let other = other.rsplit('/').next().unwrap_or_default();
        other.rsplit_once('.').map(|(_, extension)| extension) == extension
    };
    let ends = |other: &&String| other.ends_with(&format!("/{path}")) || path.ends_with(&format!("/{other}"));
    let mut nested = tree.members.keys().filter(ends);
    if let (Some(only), None) = (nested.next(), nested.next()) {
        return Some(only.clone());
    }
    let candidates =
        tree.members.keys().filter(alike).filter_map(|path| Some((path.as_str(), tree.text(path)?)));
    follow(path, before, candidates).map(str::to_owned)
}

/// Where a new file goes: beside the files that the fix changes, wherever these are in the release.
fn placed_new(task: &Task, material: &Material, path: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = path.rsplit('/').next().unwrap_or(path);
    let sibling = material
        .before
        .members
        .keys()
        .find(|other| other.rsplit_once('/').map_or("", |(folder, _)| folder) == folder);
    let known = sibling.and_then(|sibling| path_in(&task.tree, sibling, material.before.text(sibling)?));
    match known.as_deref().and_then(|known| known.rsplit_once('/')) {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => path.to_owned(),
    }
}

/// How many lines a change brings and takes.
pub(super) fn size(before: &str, after: &str) -> usize {
    let (before, after) = (Lines::of(before), Lines::of(after));
    hunks(&before.text, &after.text).iter().map(|hunk| hunk.before.len() + hunk.after.len()).sum()
}
