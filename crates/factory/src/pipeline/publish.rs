//! Publish: the judgement and the shelf entry appear together, in one append, or not at all.

use super::PIPELINE;
use super::decide::Finding;
use super::rebuild::usage;
use crate::facts::{self, Judgement, Serves, Winner};
use crate::{StepError, World};
use jiff::Timestamp;
use trustmill_core::attempt::AttemptResult;
use trustmill_core::fact::Fact;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::ecosystem::Subject;
use trustmill_core::shelf::{OwnFile, Shelf, ShelfRefusal};
use trustmill_core::{Purl, Sha256, Verdict};

/// What is to be appended about one file.
pub(super) async fn facts(
    world: &World,
    purl: &Purl,
    subject: &Subject,
    name: &str,
    finding: &Finding,
    bundle: Option<Sha256>,
) -> Result<Vec<Fact>, StepError> {
    let now = world.clock.now();
    let native = subject.artifact.as_ref().is_some_and(|file| file.kind == ArtifactKind::Native);
    let refuse = refusal(world, finding, native);
    let own = own_file(world, finding).await?;
    let judgement = judgement(world, finding, native, bundle, now);
    let served_as = own.as_ref().map_or(name, |(filename, _)| filename.as_str());
    let shelf = Shelf {
        own: own.as_ref().map(|(_, own)| own.clone()),
        upstream_sha256: subject.artifact.as_ref().and(finding.published),
        provenance: bundle,
        refuse,
        verdict: Some(finding.verdict),
        decided_at: Some(now),
        ..Shelf::new()
    };
    let mut all = vec![facts::fact(purl, Some(name), now, &judgement)?];
    all.push(Fact {
        format: Fact::FORMAT,
        about: purl.clone(),
        kind: Shelf::KIND.to_owned(),
        subject: Some(served_as.to_owned()),
        at: now,
        body: serde_json::to_value(&shelf).map_err(|error| StepError::Internal(error.to_string()))?,
    });
    if let Some(best) = finding.best().filter(|_| finding.verdict.same_bytes()) {
        all.push(facts::fact(purl, Some(name), now, &Winner { recipe: best.attempt.recipe.clone() })?);
    }
    Ok(all)
}

/// What serves a judged file under today's policy. What is refused as hostile stays refused whatever the policy.
pub(super) fn serves(world: &World, judgement: &Judgement) -> Serves {
    match judgement.verdict {
        _ if judgement.serves == Serves::Hostile => Serves::Hostile,
        verdict if floor_missed(world, verdict, judgement.native).is_some() => Serves::Refused,
        verdict if verdict.same_bytes() => Serves::UpstreamProven,
        Verdict::Built => Serves::Mill,
        _ => Serves::Upstream,
    }
}

/// The floor of the policy, where the verdict misses it. Platform builds may be let through, as long as nothing about
/// them is unexplained.
fn floor_missed(world: &World, verdict: Verdict, native: bool) -> Option<Verdict> {
    let native = (native || verdict == Verdict::NotAttempted)
        && verdict != Verdict::Unexplained
        && world.policy.native;
    world.policy.require.filter(|floor| !native && !verdict.meets(*floor))
}

fn judgement(
    world: &World,
    finding: &Finding,
    native: bool,
    bundle: Option<Sha256>,
    now: Timestamp,
) -> Judgement {
    let (environment_usage, build_usage) = usage(&finding.rungs);
    let rebuilt = finding.best().and_then(|rung| match &rung.attempt.result {
        AttemptResult::Compared(comparison) => Some(comparison.rebuilt),
        AttemptResult::Built { sha256, .. } => Some(*sha256),
        AttemptResult::Failed { .. } => None,
    });
    let before = if finding.hostile.is_some() { Serves::Hostile } else { Serves::Upstream };
    let mut judgement = Judgement {
        pipeline: PIPELINE,
        decided_at: now,
        verdict: finding.verdict,
        detail: finding.detail.clone(),
        serves: before,
        native,
        published: finding.published,
        rebuilt,
        attempts: u32::try_from(finding.rungs.len()).unwrap_or(u32::MAX),
        bundle,
        provisional: finding.provisional,
        environment_usage,
        build_usage,
    };
    judgement.serves = serves(world, &judgement);
    judgement
}

/// Why the file must not be served: it is hostile, or policy asks for a stronger claim.
fn refusal(world: &World, finding: &Finding, native: bool) -> Option<ShelfRefusal> {
    if let Some(hostile) = &finding.hostile {
        return Some(ShelfRefusal { code: hostile.code.to_owned(), reason: finding.detail.clone() });
    }
    let floor = floor_missed(world, finding.verdict, native)?;
    let reason = format!("verdict {} is weaker than {floor}: {}", finding.verdict, finding.detail);
    Some(ShelfRefusal { code: "TM0703".to_owned(), reason })
}

/// The shelf's entry for a build that the mill serves itself.
async fn own_file(world: &World, finding: &Finding) -> Result<Option<(String, OwnFile)>, StepError> {
    let Some(rung) = finding.best() else { return Ok(None) };
    let AttemptResult::Built { filename, sha256 } = &rung.attempt.result else { return Ok(None) };
    let size = world.blobs.size(sha256).await?.unwrap_or(0);
    let source = finding.found.sources.archive.as_ref().and_then(|source| source.archive());
    let source = source.map(|(artifact, _)| artifact);
    let own = OwnFile {
        sha256: *sha256,
        size,
        upload_time: source.and_then(|source| source.upload_time).unwrap_or(rung.attempt.recipe.as_of),
        requires_python: source.and_then(|source| source.requires_runtime.clone()),
        metadata_sha256: None,
    };
    Ok(Some((filename.clone(), own)))
}
