//! Finding the fix: the commits that the advisory names, else those that say that they are it, else what changed between
//! the last release that is affected and the first that is not.

pub(super) mod bounds;
pub mod commits;
mod likely;
mod mentions;
pub mod releases;
mod tags;
pub mod tests;
mod trim;

use super::{Extent, Material, Repairs, Task};
use crate::StepError;
use trustmill_core::advisory::Finding;
use trustmill_core::content::Contents;
use trustmill_core::port::repositories::{Repositories, RepositoryError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;
use trustmill_core::source::Tree;

/// What is known of the fix, the most certain first.
pub(super) async fn material(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Vec<Material>, StepError> {
    let mut found = commits::of(repairs, finding, task, workshop).await?;
    // Where a commit cannot be carried, because it stands on others, the release that has it may be.
    found.extend(releases::difference(repairs, finding, task, workshop).await?);
    // What is only likely to be the fix is tried when what is known to hold it was.
    found.sort_by_key(|material| material.extent == Extent::Part);
    found.retain(|material| has_fix(material, workshop) && !is_there(material, task, workshop));
    Ok(found)
}

/// Whether the release has most of what a change brings: then it is not what the release lacks. Records name the commits
/// that brought a vulnerability, too.
fn is_there(material: &Material, task: &Task, workshop: &dyn Workshop) -> bool {
    let (mut come, mut known) = (0usize, 0usize);
    for path in changed(&material.before, &material.after).filter(|path| workshop.role(path) == Role::Code) {
        let (old, new) =
            (material.before.text(path).unwrap_or_default(), material.after.text(path).unwrap_or_default());
        let there = super::strategy::path_in(&task.tree, path, old);
        let there = there.and_then(|path| task.tree.text(&path)).unwrap_or_default();
        let telling = |line: &&str| line.trim().len() > 8;
        let brought = new.lines().filter(telling).filter(|line| !old.contains(line.trim()));
        for line in brought {
            come += 1;
            known += usize::from(there.contains(line.trim()));
        }
    }
    come > 0 && known * 10 >= come * 7
}

/// Whether it may be a fix: users would run something of it, or get another release of something that they run.
pub(super) fn has_fix(material: &Material, workshop: &dyn Workshop) -> bool {
    let matters = |path: &String| matches!(workshop.role(path), Role::Code | Role::Metadata | Role::Vendored);
    changed(&material.before, &material.after).any(matters)
}

/// Whether users would run something of it.
pub(super) fn has_code(material: &Material, workshop: &dyn Workshop) -> bool {
    changed(&material.before, &material.after).any(|path| workshop.role(path) == Role::Code)
}

/// The files that matter and differ between two commits, on both sides.
async fn differing(
    repositories: &dyn Repositories,
    repository: &str,
    [before, after]: [&Tree; 2],
    matters: &(dyn Fn(&str) -> bool + Sync),
) -> Result<[Contents; 2], RepositoryError> {
    let differs = |path: &str| {
        let id = |tree: &Tree| tree.files.get(path).map(|file| file.id.clone());
        id(before) != id(after) && matters(path)
    };
    let old = repositories.read(repository, before, &differs).await?;
    let new = repositories.read(repository, after, &differs).await?;
    Ok([old, new])
}

/// The paths on which two trees differ, in order.
pub(super) fn changed<'a>(before: &'a Contents, after: &'a Contents) -> impl Iterator<Item = &'a String> {
    let mut paths: Vec<&String> = before.members.keys().chain(after.members.keys()).collect();
    paths.sort();
    paths.dedup();
    paths.into_iter().filter(move |path| {
        let bytes = |tree: &'a Contents| tree.get(path).map(|member| &member.bytes);
        bytes(before) != bytes(after)
    })
}
