//! What was accepted is signed and kept: the files, the difference that people read, and the statements.

use super::facts::Change;
use super::oracle::Files;
use super::{Repaired, Task, VERSION, millis};
use crate::{StepError, World, facts};
use std::time::Instant;
use trustmill_core::fact::Fact;
use trustmill_core::repair::{Candidate, Judgement, Layer, Patch};
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
    begun: Instant,
) -> Result<Repaired, StepError> {
    let at = world.clock.now();
    let (fix, tests) = whole(task, candidate);
    let difference = world.blobs.put(unified_text(&fix, &tests).into()).await?;
    let (layers, advisories) = layers(task);
    let below = layers.iter().map(|layer| &layer.judgement);
    let ruling = trustmill_core::repair::ruling(below.chain([&judgement]));
    let derived_from = candidate.derived_from.clone();
    let said = Remediation {
        release: task.release.clone(),
        repaired: task.repaired.clone(),
        advisories: advisories.clone(),
        layers: layers.clone(),
        source: Resource::file(&task.archive.filename, task.archive_sha256),
        patch: remediation::Patch {
            digest: fix.digest(),
            difference,
            paths: fix.edits.keys().chain(tests.edits.keys()).cloned().collect(),
            derived_from: derived_from.clone(),
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
        advisories,
        layers,
        proposer: candidate.proposer.clone(),
        derived_from,
        judgement,
        ruling,
        patch: fix.digest(),
        difference,
        changes: changes(world, &fix, &tests).await?,
        files: kept,
        bundle: world.blobs.put(bundle.into()).await?,
        millis: millis(begun),
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

/// The change against what was published: that of the repair below, and the candidate's on top.
fn whole(task: &Task, candidate: &Candidate) -> (Patch, Patch) {
    match &task.below {
        None => (candidate.fix.clone(), candidate.tests.clone()),
        Some(below) => (below.fix.then(&candidate.fix), below.tests.then(&candidate.tests)),
    }
}

/// The repairs below, and every id that is mended with them.
fn layers(task: &Task) -> (Vec<Layer>, Vec<String>) {
    let Some(below) = task.below.as_ref().map(|below| &below.repaired) else {
        return (Vec::new(), task.ids.clone());
    };
    let known: Vec<&String> = below.layers.iter().flat_map(|layer| &layer.advisories).collect();
    let own = below.advisories.iter().filter(|id| !known.contains(id)).cloned().collect();
    let newest = Layer {
        advisories: own,
        proposer: below.proposer.clone(),
        derived_from: below.derived_from.clone(),
        judgement: below.judgement.clone(),
    };
    let layers = below.layers.iter().cloned().chain([newest]).collect();
    (layers, task.ids.iter().chain(&below.advisories).cloned().collect())
}

/// Both sides of every file that is changed, kept so that the change can be made again.
async fn changes(world: &World, fix: &Patch, tests: &Patch) -> Result<Vec<Change>, StepError> {
    let mut all = Vec::new();
    for (patch, test) in [(fix, false), (tests, true)] {
        for (path, edit) in &patch.edits {
            let mut sides = [None, None];
            for (side, bytes) in sides.iter_mut().zip([&edit.before, &edit.after]) {
                if let Some(bytes) = bytes {
                    *side = Some(world.blobs.put(bytes.clone()).await?);
                }
            }
            let [before, after] = sides;
            all.push(Change { path: path.clone(), test, before, after });
        }
    }
    Ok(all)
}

/// A change as a unified difference: the fix first, then its tests.
fn unified_text(fix: &Patch, tests: &Patch) -> String {
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
    text(fix) + &text(tests)
}
