//! What there is to repair: the release as it was published, the tests that its repository adds, and the fix.

use super::{Repaired, Repairs, VERSION, facts, find};
use crate::{StepError, World};
use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::advisory::{Advisory, Finding};
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::workshop::{Bench, Workshop};
use trustmill_core::repair::{Edit, MissClass, Patch};
use trustmill_core::{Purl, Sha256};

/// One release and one advisory.
#[derive(Debug, Clone)]
pub struct Task {
    /// The release.
    pub release: Purl,
    /// The repaired release.
    pub repaired: Purl,
    /// The advisory.
    pub advisory: Arc<Advisory>,
    /// Every id of it.
    pub ids: Vec<String>,
    /// When the release was uploaded: dependencies are seen as of then.
    pub as_of: Timestamp,
    /// The published source archive.
    pub archive: Artifact,
    /// Its digest.
    pub archive_sha256: Sha256,
    /// Its files, with what the repairs below changed.
    pub tree: Arc<Contents>,
    /// The repair that this one goes on top of, so that what it mends stays mended.
    pub below: Option<Below>,
    /// Tests and what they read that the repository holds at the release's commit and the archive does not. They are
    /// run, and not packed.
    pub repository_tests: Arc<Contents>,
    /// What is known of the fix, the most certain first.
    pub material: Vec<Material>,
}

/// A repair of other advisories that the release has already.
#[derive(Debug, Clone)]
pub struct Below {
    /// It.
    pub repaired: Repaired,
    /// Its change to what users run.
    pub fix: Patch,
    /// Its change to tests.
    pub tests: Patch,
}

/// A change that is, or holds, the fix: the files that it changes and nothing else, on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Where it comes from: `REPOSITORY@COMMIT`, or two releases.
    pub origin: String,
    /// The files before; a new file is not there.
    pub before: Contents,
    /// The files after; a deleted file is not there.
    pub after: Contents,
    /// How much of the fix it is.
    pub extent: Extent,
}

/// How much of a fix a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The fix and nothing but the fix: all of it has to be there in the end.
    Fix,
    /// A part of it, or several that could not be put together.
    Part,
    /// All that changed between two releases: the fix, and more.
    Releases,
}

impl Task {
    /// What the workshop has to know.
    pub const fn bench(&self) -> Bench<'_> {
        Bench { release: &self.release, as_of: self.as_of, strict: false }
    }

    /// Whether a file becomes what upstream made of it.
    pub(super) fn is_upstreams(&self, path: &str, edit: &Edit) -> bool {
        let theirs = self.material.iter().map(|material| material.after.get(path));
        edit.after.is_some()
            && theirs
                .map(|member| member.map(|member| &member.bytes))
                .any(|bytes| bytes == edit.after.as_ref())
    }

    /// A tree with the repository's tests laid beside it.
    pub fn with_tests(&self, tree: &Contents) -> Contents {
        let mut all = tree.clone();
        for path in &self.repository_tests.order {
            if let Some(member) = self.repository_tests.get(path).filter(|_| tree.get(path).is_none()) {
                all.set(path, Some(member.bytes.clone()));
            }
        }
        all
    }
}

/// Brings everything together; where that is not possible, why.
pub(super) async fn make(
    repairs: &Repairs,
    finding: &Finding,
    workshop: &dyn Workshop,
) -> Result<Result<Task, (MissClass, String)>, StepError> {
    let world = &repairs.world;
    let release = &finding.release;
    let known = facts::repaired(world, release).await?;
    let number = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(1);
    let wanted = release.version().unwrap_or_default();
    repairs_step(repairs, release, "fetch the release");
    let source = match find::releases::source(world, workshop, release, wanted).await? {
        Ok(source) => source,
        Err(why) => return Ok(Err((MissClass::NoSource, why))),
    };
    let as_of = source.artifact.upload_time.unwrap_or_else(|| world.clock.now());
    let release = release.without_version().at(&source.artifact.version);
    let repaired = release.without_version().at(&workshop.repaired(&source.artifact.version, number));
    let mut task = Task {
        release,
        repaired,
        advisory: Arc::clone(&finding.advisory),
        ids: finding.ids.clone(),
        as_of,
        archive: source.artifact,
        archive_sha256: source.digest,
        tree: source.contents,
        below: None,
        repository_tests: Arc::default(),
        material: Vec::new(),
    };
    match below(world, finding, &known, &task.tree).await? {
        Ok(Some((below, tree))) => (task.below, task.tree) = (Some(below), Arc::new(tree)),
        Ok(None) => {}
        // Another repair beside it would take its place, and its fix away.
        Err(earlier) => {
            let why =
                format!("{earlier} has another fix and nothing can be put on top of it: withdraw it first");
            return Ok(Err((MissClass::NotCarried, why)));
        }
    }
    repairs_step(repairs, &task.release, "look for the fix");
    task.material = find::material(repairs, finding, &task, workshop).await?;
    if task.material.is_empty() {
        let why =
            "neither a commit that the advisory names nor the release that fixes it can be read".to_owned();
        return Ok(Err((MissClass::NoFix, why)));
    }
    if task.material.iter().all(|material| !find::has_fix(material, workshop)) {
        let why = "what is known of the fix changes no code".to_owned();
        return Ok(Err((MissClass::NoCode, why)));
    }
    let tests = find::tests::between(repairs, finding, &task, workshop).await?;
    task.material.extend(tests);
    let mut beside = find::tests::beside(repairs, &task, workshop).await?;
    for (path, edit) in task.below.iter().flat_map(|below| &below.tests.edits) {
        if task.tree.get(path).is_none() {
            beside.set(path, edit.after.clone());
        }
    }
    task.repository_tests = Arc::new(beside);
    Ok(Ok(task))
}

/// The newest repair of the release that counts and mends something else, and the tree with it; the repair alone where its
/// change is lost or does not fit what is published.
async fn below(
    world: &World,
    finding: &Finding,
    known: &[Repaired],
    published: &Contents,
) -> Result<Result<Option<(Below, Contents)>, Purl>, StepError> {
    // What an older oracle took is judged anew.
    let other = |one: &&Repaired| one.withdrawn.is_none() && one.version == VERSION && !one.is_about(finding);
    let Some(repaired) = known.iter().rfind(other) else { return Ok(Ok(None)) };
    let fits = repaired.patches(world).await?.and_then(|(fix, tests)| {
        let tree = packed(published, &fix.apply(published).ok()?, &tests);
        Some((Below { repaired: repaired.clone(), fix, tests }, tree))
    });
    Ok(fits.map(Some).ok_or_else(|| repaired.repaired.clone()))
}

/// `patched` with changes to tests, as far as `published` has such files: what is packed of them.
pub(super) fn packed(published: &Contents, patched: &Contents, tests: &Patch) -> Contents {
    let mut tree = patched.clone();
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    for (path, edit) in &tests.edits {
        let beside = published.members.keys().any(|other| folder(other) == folder(path));
        let has =
            published.get(path).is_some() || (edit.before.is_none() && beside && !folder(path).is_empty());
        if has {
            tree.set(path, edit.after.clone());
        }
    }
    tree
}

fn repairs_step(repairs: &Repairs, release: &Purl, step: &str) {
    let event = crate::progress::Event::Step { purl: release.clone(), step: step.to_owned() };
    repairs.world.observer.observe(&event);
}
