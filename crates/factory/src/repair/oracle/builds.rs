//! It builds, and what comes out differs from what the unpatched release gives only where the patch and the version
//! say so.

use super::memory::{cached, keep};
use super::{Files, Oracle, Trees, UNPATCHED};
use crate::StepError;
use crate::repair::{Task, task};
use bytes::Bytes;
use trustmill_core::Sha256;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Role};
use trustmill_inspect::archive::{Limits, published};

/// What was built of the patched release, and of the unpatched one with the same version.
pub(super) struct Built {
    /// The files of the repaired release.
    pub(super) files: Files,
    /// Each built distribution: name, content, and the content of the one that the unpatched release gives.
    pub(super) pairs: Vec<(String, Contents, Contents)>,
    /// The file of the unpatched release by the name of the patched one's.
    pub(super) unpatched: Files,
}

type Result_ = Result<Result<(Built, String), String>, StepError>;

pub(super) async fn check(oracle: &Oracle<'_>, task: &Task, candidate: &Candidate, trees: &Trees) -> Result_ {
    let version = task.repaired.version().unwrap_or_default();
    let renumber = |tree: &Contents| oracle.workshop.renumbered(tree, &task.release, version);
    let packed_tree = task::packed(&task.tree, &trees.patched, &candidate.tests);
    let (patched, unpatched) = match (renumber(&packed_tree), renumber(&task.tree)) {
        (Ok(patched), Ok(unpatched)) => (patched, unpatched),
        (Err(failure), _) | (_, Err(failure)) => {
            return Ok(Err(format!("{UNPATCHED}: the version cannot be changed: {}", failure.detail)));
        }
    };
    let before = match packed(oracle, task, &unpatched).await? {
        Ok(files) => files,
        Err(why) => return Ok(Err(format!("{UNPATCHED}, the release does not build here: {why}"))),
    };
    let files = match oracle.workshop.pack(&task.bench(), &patched).await? {
        Ok(files) => files,
        Err(failure) => return Ok(Err(format!("{}: {}", failure.class.as_str(), failure.detail))),
    };
    let mut pairs = Vec::new();
    for (name, bytes) in &files {
        let Some((_, other)) = before.iter().find(|(other, _)| other == name) else {
            return Ok(Err(format!("{name} comes out, and the unpatched release does not give it")));
        };
        if !oracle.workshop.is_built(name) {
            continue;
        }
        let (new, old) = match (read(name, bytes), read(name, other)) {
            (Ok(new), Ok(old)) => (new, old),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        if let Err(why) = only_patched(&new, &old, candidate, &unpatched, oracle.workshop) {
            return Ok(Err(format!("{name}: {why}")));
        }
        pairs.push((name.clone(), new, old));
    }
    if pairs.is_empty() {
        return Ok(Err("no built distribution came out".to_owned()));
    }
    let detail = format!("{} differs only in what the patch changes", files_of(&pairs));
    Ok(Ok((Built { files, pairs, unpatched: before }, detail)))
}

fn files_of(pairs: &[(String, Contents, Contents)]) -> String {
    pairs.iter().map(|(name, _, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn read(name: &str, bytes: &Bytes) -> Result<Contents, String> {
    published::read(name, bytes, &Limits::default()).map_err(|error| format!("{name}: {error}"))
}

/// What the unpatched release gives, built once for all candidates.
async fn packed(
    oracle: &Oracle<'_>,
    task: &Task,
    tree: &Contents,
) -> Result<Result<Files, String>, StepError> {
    let key = format!("{} {}", task.repaired, tree.digest());
    let blobs = &oracle.world.blobs;
    if let Some(known) = cached::<Vec<(String, Sha256)>>(oracle.world, &task.release, "packed", &key).await? {
        let mut files = Vec::new();
        for (name, digest) in known {
            files.extend(blobs.get(&digest).await?.map(|bytes| (name, bytes)));
        }
        if !files.is_empty() {
            return Ok(Ok(files));
        }
    }
    let files = match oracle.workshop.pack(&task.bench(), tree).await? {
        Ok(files) => files,
        Err(failure) => return Ok(Err(format!("{}: {}", failure.class.as_str(), failure.detail))),
    };
    let mut known = Vec::new();
    for (name, bytes) in &files {
        known.push((name.clone(), blobs.put(bytes.clone()).await?));
    }
    keep(oracle.world, &task.release, "packed", &key, &known).await?;
    Ok(Ok(files))
}

/// Every member that differs is one that the patch changes, and every one that is gone or new, too.
/// A build may translate a file; then what comes out is not what the patch makes, and was not what the source says either.
fn only_patched(
    new: &Contents,
    old: &Contents,
    candidate: &Candidate,
    source: &Contents,
    workshop: &dyn Workshop,
) -> Result<(), String> {
    let edits = || candidate.fix.edits.iter().chain(&candidate.tests.edits);
    let covers = |edited: &str, member: &str| {
        let member = installed(member);
        edited == member || edited.ends_with(&format!("/{member}"))
    };
    for path in crate::repair::find::changed(old, new) {
        // What records the other files has a check of its own.
        if path.contains(".dist-info/") {
            continue;
        }
        let ours = edits().find(|(edited, _)| covers(edited, path));
        let Some((edited, edit)) = ours else {
            return Err(format!("{path} differs, and the patch does not change it"));
        };
        let now = new.get(path).map(|member| &member.bytes);
        let bytes = |tree: &Contents, path: &str| tree.get(path).map(|member| member.bytes.clone());
        let translated =
            bytes(old, path).is_some_and(|was| bytes(source, edited).is_some_and(|text| text != was));
        // It has its new version there, and a check of its own.
        let states = workshop.role(edited) == Role::Metadata;
        if now != edit.after.as_ref() && !translated && !states {
            return Err(format!("{path} is not what the patch makes of it"));
        }
    }
    Ok(())
}

/// A member's path without the folder of a wheel that says where it is installed: `kit-1.0.data/scripts/` (binary
/// distribution format, "The .data directory").
fn installed(member: &str) -> &str {
    let below = member.split_once('/').filter(|(top, _)| top.ends_with(".data"));
    below.and_then(|(_, below)| below.split_once('/')).map_or(member, |(_, path)| path)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn scripts_stand_in_a_folder_of_their_own() {
        assert_eq!(installed("kit-1.0.data/scripts/kit.py"), "kit.py");
        assert_eq!(installed("kit-1.0.data/purelib/kit/core.py"), "kit/core.py");
        assert_eq!(installed("kit/data/core.py"), "kit/data/core.py");
        assert_eq!(installed("kit-1.0.data"), "kit-1.0.data");
    }
}
