//! Attest: what was found is said in signed statements, and no more than was found.

use super::decide::Finding;
use crate::{StepError, World};
use trustmill_core::attempt::AttemptResult;
use trustmill_core::{Purl, Sha256};
use trustmill_trust::attest::{comparison, provenance, sign};

/// The signed statements about one file, as a bundle in the blob store: one DSSE envelope a line. `None`
/// where nothing was tried: there is nothing to vouch for.
pub(super) async fn bundle(
    world: &World,
    purl: &Purl,
    name: &str,
    finding: &Finding,
) -> Result<Option<Sha256>, StepError> {
    let mut lines = String::new();
    if let Some(envelope) = provenance_of(world, purl, name, finding)? {
        lines.push_str(&envelope);
        lines.push('\n');
    }
    if let (Some(sha256), false) = (finding.published, finding.rungs.is_empty()) {
        let published = comparison::Published { purl, filename: name, sha256 };
        let attempts: Vec<_> = finding.rungs.iter().map(|rung| rung.attempt.clone()).collect();
        let statement = comparison::of_attempts(&published, &attempts)?;
        lines.push_str(&sign(&statement, &world.signer)?.to_json());
        lines.push('\n');
    }
    if lines.is_empty() {
        return Ok(None);
    }
    Ok(Some(world.blobs.put(lines.into()).await?))
}

/// How the file that the verdict rests on was built.
fn provenance_of(
    world: &World,
    purl: &Purl,
    name: &str,
    finding: &Finding,
) -> Result<Option<String>, StepError> {
    let Some(rung) = finding.best() else { return Ok(None) };
    let filename = match &rung.attempt.result {
        AttemptResult::Failed { .. } => return Ok(None),
        AttemptResult::Built { filename, .. } => filename.as_str(),
        AttemptResult::Compared(_) => name,
    };
    let usage = &rung.attempt;
    let wall = std::time::Duration::from_millis(usage.environment_usage.wall_ms + usage.build_usage.wall_ms);
    let builder = provenance::Builder::of(world.signer.public().id(), env!("CARGO_PKG_VERSION"));
    let statement = provenance::statement(&provenance::Build {
        purl,
        filename,
        published: finding.published,
        attempt: &rung.attempt,
        builder: &builder,
        invocation: &format!("{purl}#{}", rung.ended),
        started: rung.ended.checked_sub(wall).unwrap_or(rung.ended),
        finished: rung.ended,
    })?;
    Ok(Some(sign(&statement, &world.signer)?.to_json()))
}
