//! The commits that an advisory names, or that name it, in a repository that can be read from here.

use super::trim;
use crate::StepError;
use crate::repair::{Extent, Material, Repairs, Task};
use std::collections::BTreeSet;
use trustmill_core::advisory::{Advisory, Finding, RangeEvent, RangeKind};
use trustmill_core::content::Contents;
use trustmill_core::port::repositories::{Repositories, RepositoryError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;
use trustmill_core::source::{ObjectId, clean_address};
use trustmill_patch::hunk::hunks;
use trustmill_patch::lines::Lines;

/// Commits that are looked at.
const MOST: usize = 12;
/// A commit that changes more files of code than this is no fix, but a merge of many things.
const MOST_FILES: usize = 60;

/// The fixes that the advisory's commits hold, nearest to the release first. Commits that say the same for several
/// branches are versions of one fix; those that say different things are its parts, and go together.
pub(super) async fn of(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Vec<Material>, StepError> {
    let Some(repositories) = &repairs.world.repositories else { return Ok(Vec::new()) };
    let records = repairs.advisories.about(&finding.release.without_version()).await;
    let records = records.map_err(|error| StepError::Internal(error.to_string()))?;
    let records: Vec<&Advisory> = records
        .iter()
        .map(AsRef::as_ref)
        .filter(|record: &&Advisory| finding.ids.contains(&record.id))
        .collect();
    let named: Vec<(String, ObjectId)> = records.iter().flat_map(|record| in_record(record)).collect();
    let named = named.into_iter().take(MOST).collect();
    let mut read = read(repositories.as_ref(), named, workshop).await;
    if !read.iter().any(|material| super::has_fix(material, workshop)) {
        let said = super::mentions::between(repairs, finding, task, &records).await?;
        let speaking = super::mentions::of(finding, &records, &said);
        read.extend(self::read(repositories.as_ref(), speaking, workshop).await);
        if !read.iter().any(|material| super::has_fix(material, workshop)) {
            return Ok(super::likely::of(repositories.as_ref(), task, &said, workshop).await);
        }
    }
    let code = |material: &Material| {
        super::changed(&material.before, &material.after)
            .filter(|path| workshop.role(path) == Role::Code)
            .count()
    };
    read.retain(|material| super::has_fix(material, workshop) && code(material) <= MOST_FILES);
    Ok(grouped(read, task))
}

/// What commits change, each once.
pub(super) async fn read(
    repositories: &dyn Repositories,
    mut named: Vec<(String, ObjectId)>,
    workshop: &dyn Workshop,
) -> Vec<Material> {
    let mut seen = BTreeSet::new();
    named.retain(|(_, commit)| seen.insert(commit.clone()));
    let mut read: Vec<Material> = Vec::new();
    for (repository, commit) in named {
        match changes(repositories, &repository, &commit, workshop).await {
            Ok(material) if !material.before.members.is_empty() || !material.after.members.is_empty() => {
                read.push(material);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::info!(%repository, %commit, %error, "a commit of an advisory cannot be read");
            }
        }
    }
    read
}

/// The commits of a record: what ranges over commits call fixed, and links to one.
fn in_record(record: &Advisory) -> Vec<(String, ObjectId)> {
    let links = record.references.iter().filter_map(|link| commit_of(link));
    let mut all: Vec<(String, ObjectId)> = links.collect();
    let repositories: BTreeSet<String> = record
        .references
        .iter()
        .filter_map(|link| clean_address(link.split("/commit/").next()?.split("/pull/").next()?))
        .map(|(repository, _)| repository)
        .filter(|repository| trustmill_core::source::is_on_forge(repository))
        .collect();
    let ranges = record
        .affected
        .iter()
        .flat_map(|affected| &affected.ranges)
        .filter(|range| range.kind == RangeKind::Git);
    for event in ranges.flat_map(|range| &range.events) {
        if let RangeEvent::Fixed(commit) = event
            && let Ok(commit) = commit.parse::<ObjectId>()
        {
            all.extend(repositories.iter().map(|repository| (repository.clone(), commit.clone())));
        }
    }
    all
}

/// `https://forge/owner/name/commit/ID`, `…/pull/7/commits/ID`, and the like.
fn commit_of(link: &str) -> Option<(String, ObjectId)> {
    let parted = ["/-/commit/", "/commit/", "/commits/"].iter().find_map(|by| link.split_once(by));
    let (repository, rest) = parted?;
    let repository = repository.split("/pull/").next()?;
    let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    Some((clean_address(repository)?.0, id.parse().ok()?))
}

/// What a commit changes against its first parent.
async fn changes(
    repositories: &dyn Repositories,
    repository: &str,
    commit: &ObjectId,
    workshop: &dyn Workshop,
) -> Result<Material, RepositoryError> {
    let after = repositories.tree(repository, commit).await?;
    let origin = format!("{repository}@{commit}");
    let Some(parent) = after.parents.first() else {
        return Ok(trim::material(origin, &Contents::default(), &Contents::default(), Extent::Fix, workshop));
    };
    let before = repositories.tree(repository, parent).await?;
    let matters = |path: &str| {
        let matters = matches!(workshop.role(path), Role::Code | Role::Test | Role::Vendored);
        matters || workshop.bounds_requirements(path)
    };
    let [old, new] = super::differing(repositories, repository, [&before, &after], &matters).await?;
    Ok(trim::material(origin, &old, &new, Extent::Fix, workshop))
}

/// Versions of one fix are told from parts of it by the lines that they bring.
fn grouped(read: Vec<Material>, task: &Task) -> Vec<Material> {
    let lines: Vec<BTreeSet<String>> = read.iter().map(brought).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, own) in lines.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            group.iter().filter_map(|other| lines.get(*other)).any(|other| is_alike(own, other))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    // In each group the one that was made to what the release looks like.
    let nearest: Vec<usize> = groups
        .iter()
        .filter_map(|group| {
            group.iter().copied().max_by_key(|index| read.get(*index).map(|one| nearness(one, task)))
        })
        .collect();
    let chosen: Vec<&Material> = nearest.iter().filter_map(|index| read.get(*index)).collect();
    let mut out: Vec<Material> = joined(&chosen).into_iter().collect();
    if chosen.len() > 1 {
        // Each alone may be what matters, and then it is not certain that it is all.
        out.extend(chosen.iter().map(|part| Material { extent: Extent::Part, ..(*part).clone() }));
    }
    if groups.len() == 1 {
        let mut others: Vec<&Material> =
            read.iter().filter(|one| !chosen.iter().any(|chosen| chosen.origin == one.origin)).collect();
        others.sort_by_key(|one| std::cmp::Reverse(nearness(one, task)));
        out.extend(others.into_iter().take(2).cloned());
    }
    out
}

fn brought(material: &Material) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for path in super::changed(&material.before, &material.after) {
        let (old, new) =
            (material.before.text(path).unwrap_or_default(), material.after.text(path).unwrap_or_default());
        let (old, new) = (Lines::of(old), Lines::of(new));
        for hunk in hunks(&old.text, &new.text) {
            let telling = new.range(hunk.after).iter().map(|line| line.trim()).filter(|line| line.len() > 5);
            out.extend(telling.map(str::to_owned));
        }
    }
    out
}

fn is_alike(one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    let shared = one.intersection(other).count();
    shared * 10 >= one.len().min(other.len()).max(1) * 5
}

/// How many lines of the files that a change was made to the release has, in parts of a thousand.
fn nearness(material: &Material, task: &Task) -> u32 {
    let scores = material.before.members.keys().map(|path| {
        let (before, there) = (material.before.text(path), task.tree.text(path));
        before.zip(there).map_or(0, |(before, there)| trustmill_patch::similar::in_common(before, there))
    });
    let scores: Vec<u32> = scores.collect();
    scores.iter().sum::<u32>() / u32::try_from(scores.len().max(1)).unwrap_or(1)
}

/// Parts of one fix as one change; `None` where they change the same file, of which then only one knows the end.
fn joined(parts: &[&Material]) -> Option<Material> {
    let (first, rest) = parts.split_first()?;
    let mut all = (*first).clone();
    for part in rest {
        for path in super::changed(&part.before, &part.after) {
            let known = all.before.get(path).is_some() || all.after.get(path).is_some();
            let bytes = |tree: &Contents| tree.get(path).map(|member| member.bytes.clone());
            if !known {
                all.before.set(path, bytes(&part.before));
                all.after.set(path, bytes(&part.after));
                continue;
            }
            // The part goes on top of what the others made of the file.
            let (Some(old), Some(new), Some(now)) =
                (part.before.text(path), part.after.text(path), all.after.text(path))
            else {
                return Some(all);
            };
            let carried =
                trustmill_patch::carry::carry(path, old, new, now, trustmill_patch::carry::Means::Context);
            if !carried.is_whole() {
                all.extent = Extent::Part;
                continue;
            }
            all.after.set(path, Some(carried.text.into()));
        }
        all.origin = format!("{} {}", all.origin, part.origin);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_commits_are_read() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        for link in [
            format!("https://github.com/kit/kit/commit/{id}"),
            format!("https://github.com/kit/kit/pull/7/commits/{id}"),
            format!("https://github.com/kit/kit/commit/{id}.patch"),
        ] {
            let (repository, commit) = commit_of(&link).unwrap();
            assert_eq!(
                (repository.as_str(), commit.to_string().as_str()),
                ("https://github.com/kit/kit", id),
                "{link}"
            );
        }
        assert_eq!(commit_of("https://github.com/kit/kit/commit/short"), None);
        assert_eq!(commit_of("https://github.com/kit/kit/issues/1"), None);
    }
}
