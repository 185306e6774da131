//! What is remembered of repairs.

use super::VERSION;
use crate::facts::{self, Kind};
use crate::{StepError, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trustmill_core::advisory::Finding;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::Records;
use trustmill_core::repair::{Edit, Judgement, Layer, MissClass, Patch, Proposer, Ruling};
use trustmill_core::{Purl, Sha256};

/// A release that was repaired. About the release; the subject is the repaired version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// The version of the judgement.
    pub version: u32,
    /// The release that is repaired.
    pub release: Purl,
    /// The repaired release: `pkg:pypi/jinja2@2.11.2+tm.1`.
    pub repaired: Purl,
    /// What is repaired, by its ids; those of the layers below come after.
    pub advisories: Vec<String>,
    /// The repairs that this one was made on top of, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// Who proposed it.
    pub proposer: Proposer,
    /// Where the change comes from.
    pub derived_from: Vec<String>,
    /// What the oracle found.
    pub judgement: Judgement,
    /// What followed.
    pub ruling: Ruling,
    /// The name of the change to what users run.
    pub patch: Sha256,
    /// The unified difference, in the blob store.
    pub difference: Sha256,
    /// Every file that differs from the published source, so that another repair can go on top.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// The files: name, digest, bytes.
    pub files: Vec<(String, Sha256, u64)>,
    /// The signed statements, in the blob store.
    pub bundle: Sha256,
    /// How long it took to find, in milliseconds.
    #[serde(default)]
    pub millis: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Why it is no longer handed out, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// What became of one file of the published source; contents are in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its path below the source's top folder.
    pub path: String,
    /// Whether it is a test, which users do not run.
    pub test: bool,
    /// What was published; `None` for a new file.
    pub before: Option<Sha256>,
    /// What it is now; `None` where it is gone.
    pub after: Option<Sha256>,
}

impl Kind for Repaired {
    const NAME: &'static str = "repaired";
}

impl Repaired {
    /// Whether this is the release that is asked about, handed out, and repaired of something of these ids.
    pub fn mends(&self, release: &Purl, ids: &[String]) -> bool {
        self.withdrawn.is_none()
            && self.repaired == *release
            && self.advisories.iter().any(|id| ids.contains(id))
    }

    /// The change to what users run and the change to tests, as they were made; `None` where a content is lost, or where
    /// the repair is older than such records.
    pub(super) async fn patches(&self, world: &World) -> Result<Option<(Patch, Patch)>, StepError> {
        let (mut fix, mut tests) = (Patch::default(), Patch::default());
        for change in &self.changes {
            let mut sides = [None, None];
            for (side, digest) in sides.iter_mut().zip([change.before, change.after]) {
                let Some(digest) = digest else { continue };
                let Some(bytes) = world.blobs.get(&digest).await? else { return Ok(None) };
                *side = Some(bytes);
            }
            let [before, after] = sides;
            let patch = if change.test { &mut tests } else { &mut fix };
            patch.edits.insert(change.path.clone(), Edit { before, after });
        }
        Ok((!fix.is_empty()).then_some((fix, tests)))
    }

    /// Whether it mends, or mended, what a finding is about.
    pub fn is_about(&self, finding: &Finding) -> bool {
        self.advisories.iter().any(|id| finding.ids.contains(id))
    }

    /// Whether a finding needs no more work.
    pub fn counts_for(&self, finding: &Finding) -> bool {
        self.version == VERSION && self.withdrawn.is_none() && self.is_about(finding)
    }
}

/// A repair that could not be made. About the release; the subject is the advisory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The version of the judgement.
    pub version: u32,
    /// What was to be repaired, by its ids.
    pub advisories: Vec<String>,
    /// What was known of it, by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Sha256>,
    /// The class.
    pub class: MissClass,
    /// One sentence for a reader.
    pub why: String,
    /// The end of the log that shows it, in the blob store.
    pub log: Option<Sha256>,
    /// Every candidate that was judged, in order.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// How long that took, in milliseconds.
    #[serde(default)]
    pub millis: u64,
    /// When it was tried.
    pub at: Timestamp,
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Who proposed it: `strategy merge 1`.
    pub by: String,
    /// The files that it changes, tests left out.
    pub files: Vec<String>,
    /// The class.
    pub class: MissClass,
    /// One sentence for a reader.
    pub why: String,
}

impl Kind for Miss {
    const NAME: &'static str = "repair-miss";
}

/// What is known of a problem, as one number that changes with it.
pub(super) fn digest(finding: &Finding) -> Sha256 {
    // A finding is plain data, and has no part that cannot be written.
    Sha256::of(&serde_json::to_vec(finding).unwrap_or_default())
}

/// The repairs of a release, the newest of each repaired version, oldest first.
pub async fn repaired(world: &World, release: &Purl) -> Result<Vec<Repaired>, StepError> {
    let mut newest: Vec<Repaired> = Vec::new();
    for (_, one) in facts::all::<Repaired>(world.records.as_ref(), release).await? {
        newest.retain(|known| known.repaired != one.repaired);
        newest.push(one);
    }
    Ok(newest)
}

/// What could not be repaired of a release, the newest of each problem, oldest first.
pub async fn missed(records: &dyn Records, release: &Purl) -> Result<Vec<Miss>, StepError> {
    Ok(newest(facts::all::<Miss>(records, release).await?).into_iter().map(|(_, miss)| miss).collect())
}

/// The same of every release.
pub async fn all_missed(records: &dyn Records) -> Result<Vec<(Purl, Miss)>, StepError> {
    let all = records.of_kind(Miss::NAME, 0).await?;
    let all = all.into_iter().map(|(_, fact)| facts::read::<Miss>(&fact).map(|miss| (fact, miss)));
    let newest = newest(all.collect::<Result<_, _>>()?);
    Ok(newest.into_iter().map(|(fact, miss)| (fact.about, miss)).collect())
}

fn newest(all: Vec<(Fact, Miss)>) -> Vec<(Fact, Miss)> {
    let mut newest: Vec<(Fact, Miss)> = Vec::new();
    for (fact, miss) in all {
        newest.retain(|(known, _)| (&known.about, &known.subject) != (&fact.about, &fact.subject));
        newest.push((fact, miss));
    }
    newest
}

/// Every repaired release, the newest fact of each, in the order of their package URLs.
pub async fn all_repaired(world: &World) -> Result<Vec<Repaired>, StepError> {
    in_records(world.records.as_ref()).await
}

/// The same, where nothing but the records is open.
///
/// # Errors
/// The records cannot be read.
pub async fn in_records(records: &dyn Records) -> Result<Vec<Repaired>, StepError> {
    let mut newest = std::collections::BTreeMap::new();
    for (_, fact) in records.of_kind(Repaired::NAME, 0).await? {
        let one: Repaired = facts::read(&fact)?;
        newest.insert(one.repaired.clone(), one);
    }
    Ok(newest.into_values().collect())
}
