//! Watch: a project key looks for releases that are newer than its last look.

use crate::{StepError, World};
use trustmill_core::outcome::Outcome;
use trustmill_core::{Key, Purl};

/// Enqueues the newest release, and every release uploaded since the project was added to the watch set.
/// The queue merges what is there already, and a judged release is a quick no-op.
pub(super) async fn project(world: &World, purl: &Purl) -> Result<Outcome, StepError> {
    let ecosystem = world.ecosystem(purl)?;
    let project = ecosystem.project(&purl.name()).await?;
    let watched = world.records.watched().await?;
    let since = watched.iter().find(|(key, _)| key == purl).map(|(_, since)| *since);
    let newest = ecosystem.newest(&project);
    let keys = project
        .versions
        .iter()
        .filter(|version| {
            Some(version.as_str()) == newest
                || since.is_some_and(|since| project.uploaded(version).is_some_and(|at| at >= since))
        })
        .map(|version| Key::Rebuild(purl.at(version)))
        .collect();
    Ok(Outcome::Enqueue(keys))
}
