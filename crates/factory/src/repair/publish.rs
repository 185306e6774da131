//! What was accepted is signed and kept: the files, the difference that people read, and the statements.

use super::oracle::Files;
use super::{Repaired, Task, VERSION};
use crate::{StepError, World, facts};
use trustmill_core::fact::Fact;
use trustmill_core::repair::{Candidate, Judgement, Patch};
use trustmill_core::shelf::{OwnFile, Shelf};
use trustmill_core::{Purl, Sha256, Timestamp, Verdict};
use trustmill_patch::unified;
use trustmill_trust::attest::remediation::{self, Remediation};
use trustmill_trust::attest::statement::Resource;

/// Signs and keeps a repaired release.
pub(super) async fn keep(
    world: &World,
    task: &Task,
    candidate: &Candidate,
    judgement: Judgement,
    files: Files,
) -> Result<Repaired, StepError> {
    let at = world.clock.now();
    let difference = world.blobs.put(unified_text(candidate).into()).await?;
    let ruling = judgement.ruling();
    let said = Remediation {
        release: task.release.clone(),
        repaired: task.repaired.clone(),
        advisories: task.ids.clone(),
        source: Resource::file(&task.archive.filename, task.archive_sha256),
        patch: remediation::Patch {
            digest: candidate.fix.digest(),
            difference,
            paths: candidate.fix.edits.keys().chain(candidate.tests.edits.keys()).cloned().collect(),
            derived_from: candidate.derived_from.clone(),
        },
        proposer: candidate.proposer.clone(),
        judgement: judgement.clone(),
        ruling,
        finished: at,
    };
    let (mut bundle, mut kept) = (String::new(), Vec::new());
    for (name, bytes) in files {
        let size = bytes.len() as u64;
        let sha256 = world.blobs.put(bytes).await?;
        bundle.push_str(&remediation::sign(&name, sha256, &said, &world.signer)?.to_json());
        bundle.push('\n');
        kept.push((name, sha256, size));
    }
    let repaired = Repaired {
        version: VERSION,
        release: task.release.clone(),
        repaired: task.repaired.clone(),
        advisories: task.ids.clone(),
        proposer: candidate.proposer.clone(),
        derived_from: candidate.derived_from.clone(),
        judgement,
        ruling,
        patch: candidate.fix.digest(),
        difference,
        files: kept,
        bundle: world.blobs.put(bundle.into()).await?,
        at,
        withdrawn: None,
    };
    let subject = task.repaired.version().map(str::to_owned);
    let mut all = vec![facts::fact(&task.release, subject.as_deref(), at, &repaired)?];
    for (name, sha256, size) in &repaired.files {
        all.push(on_shelf(task, &repaired, name, *sha256, *size)?);
    }
    world.records.append(&all).await?;
    Ok(repaired)
}

/// A file of the repaired release, for those who ask for repaired ones. It was made of what was uploaded then.
fn on_shelf(
    task: &Task,
    repaired: &Repaired,
    name: &str,
    sha256: Sha256,
    size: u64,
) -> Result<Fact, StepError> {
    let own = OwnFile {
        sha256,
        size,
        upload_time: task.as_of,
        requires_python: task.archive.requires_runtime.clone(),
        metadata_sha256: None,
    };
    let shelf = Shelf {
        own: Some(own),
        provenance: Some(repaired.bundle),
        verdict: Some(Verdict::Built),
        decided_at: Some(repaired.at),
        ..Shelf::new()
    };
    shelved(&task.repaired, name, repaired.at, &shelf)
}

/// How a file of a repaired release is served, as a fact.
pub(super) fn shelved(repaired: &Purl, file: &str, at: Timestamp, shelf: &Shelf) -> Result<Fact, StepError> {
    Ok(Fact {
        format: Fact::FORMAT,
        about: repaired.clone(),
        kind: Shelf::REPAIRED.to_owned(),
        subject: Some(file.to_owned()),
        at,
        body: serde_json::to_value(shelf).map_err(|error| StepError::Internal(error.to_string()))?,
    })
}

/// The candidate as a unified difference: the fix first, then its tests.
fn unified_text(candidate: &Candidate) -> String {
    let text = |patch: &Patch| -> String {
        let side = |bytes: &Option<bytes::Bytes>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let edits = patch.edits.iter();
        edits
            .map(|(path, edit)| {
                unified::write(path, side(&edit.before).as_deref(), side(&edit.after).as_deref())
            })
            .collect()
    };
    text(&candidate.fix) + &text(&candidate.tests)
}
