//! What was accepted is signed and kept: the files, the difference that people read, and the statements.

use super::oracle::Files;
use super::{Repaired, Task, VERSION};
use crate::{StepError, World, facts};
use trustmill_core::repair::{Candidate, Judgement, Patch};
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
    world.records.append(&[facts::fact(&task.release, subject.as_deref(), at, &repaired)?]).await?;
    Ok(repaired)
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
