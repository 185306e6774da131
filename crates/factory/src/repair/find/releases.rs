//! The releases around the fix: what changed between their source archives, where no commit can be read.

use super::trim;
use crate::pipeline::{Archive, source_archive};
use crate::repair::{Extent, Material, Repairs, Task};
use crate::{StepError, World};
use trustmill_core::Purl;
use trustmill_core::advisory::Finding;
use trustmill_core::port::workshop::Workshop;

/// Opens the source archive of a release; why there is none, in words, where there is none.
pub(crate) async fn source(
    world: &World,
    workshop: &dyn Workshop,
    release: &Purl,
    version: &str,
) -> Result<Result<Archive, String>, StepError> {
    let ecosystem = world.ecosystem(release)?;
    let project = ecosystem.project(&release.name()).await?;
    let plan = ecosystem.plan(&project, version)?;
    let Some(artifact) = workshop.source(&plan) else {
        return Ok(Err("the release publishes nothing that a patch could be applied to".to_owned()));
    };
    source_archive(world, &release.without_version().at(&plan.version), &artifact).await
}

/// The last release that is affected and the first that is not, of each line that has a fix; the line that comes next
/// after the release first.
pub(super) async fn around(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
) -> Result<Vec<(String, String)>, StepError> {
    let release = &task.release;
    let project = repairs.world.ecosystem(release)?.project(&release.name()).await?;
    let Some(scheme) = repairs.schemes.iter().find(|scheme| scheme.ty() == release.ty()) else {
        return Ok(Vec::new());
    };
    let mut versions: Vec<&str> = project.versions.iter().map(String::as_str).collect();
    versions.sort_by(|a, b| scheme.compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
    let pair = |fixed: &String| {
        let is_it = |one: &&str| scheme.compare(one, fixed).is_some_and(std::cmp::Ordering::is_eq);
        let at = versions.iter().position(is_it)?;
        let fixed = versions.get(at)?;
        let is_alike = |one: &&&str| scheme.is_prerelease(one) == scheme.is_prerelease(fixed);
        let before = versions.get(..at)?.iter().rev().find(is_alike)?;
        Some(((*before).to_owned(), (*fixed).to_owned()))
    };
    let mut pairs: Vec<(String, String)> = finding.fixed.iter().filter_map(pair).collect();
    // The fix of the release's own line was made to what it looks like.
    let own = release.version().unwrap_or_default();
    let is_before = |fixed: &str| scheme.compare(fixed, own) != Some(std::cmp::Ordering::Greater);
    pairs.sort_by(|(_, a), (_, b)| {
        let order = scheme.compare(a, b).unwrap_or(std::cmp::Ordering::Equal);
        is_before(a).cmp(&is_before(b)).then(order)
    });
    Ok(pairs)
}

/// What changed between these two. It holds the fix, and more.
pub(super) async fn difference(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Option<Material>, StepError> {
    let (world, release) = (&repairs.world, &task.release);
    for (before, fixed) in around(repairs, finding, task).await? {
        let old = source(world, workshop, release, &before).await?;
        let new = source(world, workshop, release, &fixed).await?;
        let (Ok(old), Ok(new)) = (old, new) else { continue };
        let [before, fixed] = [before, fixed].map(|version| release.without_version().at(&version));
        let origin = format!("{before} to {fixed}");
        return Ok(Some(trim::material(origin, &old.contents, &new.contents, Extent::Releases, workshop)));
    }
    Ok(None)
}
