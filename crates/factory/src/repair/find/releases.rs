//! The releases around the fix: what changed between their source archives, where no commit can be read.

use super::trim;
use crate::pipeline::{Archive, source_archive};
use crate::repair::{Material, Repairs, Task};
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

/// What changed between the last release that is affected and the first that is not. It holds the fix, and more.
pub(super) async fn difference(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Option<Material>, StepError> {
    let world = &repairs.world;
    let release = &task.release;
    let ecosystem = world.ecosystem(release)?;
    let project = ecosystem.project(&release.name()).await?;
    let Some(scheme) = repairs.schemes.iter().find(|scheme| scheme.ty() == release.ty()) else {
        return Ok(None);
    };
    let mut versions: Vec<&str> = project.versions.iter().map(String::as_str).collect();
    versions.sort_by(|a, b| scheme.compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
    for fixed in &finding.fixed {
        let Some(at) =
            versions.iter().position(|one| scheme.compare(one, fixed).is_some_and(std::cmp::Ordering::is_eq))
        else {
            continue;
        };
        let Some(fixed) = versions.get(at) else { continue };
        let is_before = |one: &&&str| scheme.is_prerelease(one) == scheme.is_prerelease(fixed);
        let before = versions.get(..at).unwrap_or_default().iter().rev().find(is_before);
        let Some(before) = before else { continue };
        let old = source(world, workshop, release, before).await?;
        let new = source(world, workshop, release, fixed).await?;
        let (Ok(old), Ok(new)) = (old, new) else { continue };
        let origin =
            format!("{} to {}", release.without_version().at(before), release.without_version().at(fixed));
        return Ok(Some(trim::material(origin, &old.contents, &new.contents, false, workshop)));
    }
    Ok(None)
}
