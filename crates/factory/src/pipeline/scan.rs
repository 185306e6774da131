//! Scan: what was fetched of a release is looked at, so that whoever asks for it later need not wait.

use super::{long_step, step};
use crate::{StepError, World};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::ecosystem::Plan;

/// Scans the release's files that are in the store. What cannot be scanned now is scanned when somebody asks for it,
/// and does not go out before.
pub(super) async fn files(world: &World, purl: &Purl, plan: &Plan) -> Result<(), StepError> {
    let Some(screen) = &world.screen else { return Ok(()) };
    for artifact in plan.subjects.iter().filter_map(|subject| subject.artifact.as_ref()) {
        let Some(digest) = world.records.locked(purl.ty(), &artifact.filename).await? else { continue };
        if world.blobs.size(&digest).await?.is_none() {
            continue;
        }
        let of = Arc::new((purl.clone(), artifact.filename.clone()));
        if let Err(error) = long_step(world, purl, "scan", screen.look(&of, digest)).await {
            tracing::warn!(%purl, %error, "a file is not scanned yet");
            step(world, purl, "scan: not done");
        }
    }
    Ok(())
}
