//! Resolve: what the registry says of a release, and what there is to do about it.

use crate::facts::{self, Listing};
use crate::{StepError, World};
use trustmill_core::Purl;
use trustmill_core::port::ecosystem::Plan;

/// Reads the project, remembers what it lists for the release, and plans.
pub(super) async fn plan(world: &World, purl: &Purl, version: &str) -> Result<Plan, StepError> {
    let ecosystem = world.ecosystem(purl)?;
    let project = ecosystem.project(&purl.name()).await?;
    let plan = ecosystem.plan(&project, version)?;
    let listing = Listing { files: project.files_of(&plan.version).cloned().collect() };
    world.records.append(&[facts::fact(purl, None, world.clock.now(), &listing)?]).await?;
    Ok(plan)
}
