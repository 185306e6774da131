//! Repairs as keys of the queue: what is due, and bringing one release where it should be.
//!
//! Level, not edge: what is due follows from what is watched, advised and remembered, whatever was missed before.

mod models;

pub use models::Models;

use super::{Miss, Outcome as Came, RepairError, Repairs, VERSION, facts as known};
use crate::facts::{self, Judgement};
use crate::pipeline::{PIPELINE, SEARCH, Searched, Widened, widen};
use crate::progress::Event;
use crate::report::weakest;
use crate::{StepError, inventory};
use jiff::SignedDuration;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use trustmill_core::advisory::Finding;
use trustmill_core::outcome::Outcome;
use trustmill_core::port::queue::KeyState;
use trustmill_core::{Key, Purl, Timestamp, Verdict};

/// What led to nothing is tried again after this long, though nothing that it depends on is known to have changed: a
/// repository may have come within reach, a package that the tests need may have been published.
const AGAIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Works on keys of repairs, as far as the operator lets it.
#[derive(Clone)]
pub struct Mending {
    /// What repairs.
    pub repairs: Repairs,
    /// Whether fixes are carried to vulnerable releases.
    pub backports: bool,
    /// Whether recipes are searched.
    pub recipes: bool,
    /// Builds at most, for each file, of a search for a recipe.
    pub builds: usize,
    /// What works on fixes that strategies could not carry; `None` where nobody is to be asked.
    pub models: Option<Arc<Models>>,
}

impl Mending {
    /// The keys that have work now. Those that were set aside are among them only if `parked`: what cannot be done is
    /// not asked for over and over.
    ///
    /// # Errors
    /// The records, the advisories or the queue cannot be read.
    pub async fn due(&self, parked: bool) -> Result<Vec<Key>, StepError> {
        let mut due = BTreeSet::new();
        let watched = self.watched().await?;
        if self.backports {
            // What upstream made needless since is taken back, whoever asked for it.
            let mut looked_at = BTreeSet::new();
            for one in known::all_repaired(&self.repairs.world).await? {
                if one.withdrawn.is_none() {
                    due.insert(Key::Backport(one.release.clone()));
                    looked_at.insert(one.release);
                }
            }
            for release in watched.difference(&looked_at) {
                if self.has_work(release).await? {
                    due.insert(Key::Backport(release.clone()));
                }
            }
        }
        if self.recipes {
            for release in &watched {
                if self.wants_recipe(release).await? {
                    due.insert(Key::Recipe(release.clone()));
                }
            }
        }
        for key in self.repairs.world.queue.enumerate().await? {
            let Ok(read) = key.key.parse::<Key>() else { continue };
            let ours = match read {
                Key::Rebuild(_) => false,
                Key::Backport(_) => self.backports,
                Key::Recipe(_) => self.recipes,
            };
            if key.state != KeyState::Parked || !ours || parked {
                continue;
            }
            // What was set aside and is due no more is asked for once: it ends at once and leaves the queue.
            if !due.remove(&read) {
                due.insert(read);
            }
        }
        Ok(due.into_iter().collect())
    }

    /// Gives a release the fixes that it lacks, and takes back what upstream has made needless. What strategies miss,
    /// models work on until `stopped` says that the process is to end.
    ///
    /// # Errors
    /// [`StepError`] where the mill or the world around it failed.
    pub async fn backport(
        &self,
        release: &Purl,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<Outcome, StepError> {
        if !self.backports {
            return Ok(off("backports"));
        }
        let key = Key::Backport(release.clone());
        for one in known::repaired(&self.repairs.world, release).await? {
            if let Some(why) = self.repairs.superseded_by(&one).await? {
                self.repairs.withdraw(&one, &why).await?;
                self.conclude(&key, format!("{} is withdrawn: {why}", one.repaired));
            }
        }
        for (finding, _) in self.lacks(release).await?.iter().filter(|(_, standing)| standing.is_empty()) {
            let what = match self.repairs.repair(finding).await? {
                Came::Repaired(done) => {
                    format!("{} as {}", done.ruling.as_str(), done.repaired)
                }
                Came::Missed(miss) => format!("{}: {}", miss.class.as_str(), miss.why),
            };
            let id = finding.ids.first().map_or("", String::as_str);
            self.conclude(&key, format!("{id} {what}"));
        }
        // Strategies first, for all of it: they wait for nobody.
        for (finding, standing) in self.lacks(release).await? {
            if let Some(miss) = self.for_models(&finding, &standing).await?
                && let Some(outcome) = self.by_models(&finding, miss, stopped).await?
            {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Done)
    }

    /// Searches for a better recipe of a release; if one is found, the release is rebuilt with it.
    ///
    /// # Errors
    /// As [`Self::backport`].
    pub async fn recipe(&self, release: &Purl) -> Result<Outcome, StepError> {
        if !self.recipes {
            return Ok(off("recipes"));
        }
        if !self.wants_recipe(release).await? {
            return Ok(Outcome::Done);
        }
        let key = Key::Recipe(release.clone());
        let all = widen(&self.repairs.world, release, self.builds).await?;
        for one in &all {
            self.conclude(&key, said(one));
        }
        let found = all.iter().any(|one| one.recipe.is_some());
        Ok(if found { Outcome::Enqueue(vec![release.clone().into()]) } else { Outcome::Done })
    }

    fn conclude(&self, key: &Key, what: String) {
        self.repairs.world.observer.observe(&Event::Concluded { key: key.clone(), what });
    }

    /// The releases whose repairs are looked after: those that are watched, and the newest of watched projects that was
    /// judged.
    async fn watched(&self) -> Result<BTreeSet<Purl>, StepError> {
        let records = self.repairs.world.records.as_ref();
        let named = records.watched().await?;
        let named: BTreeSet<Purl> = named.into_iter().map(|(purl, _)| purl).collect();
        let mut newest: BTreeMap<Purl, Purl> = BTreeMap::new();
        let mut out = BTreeSet::new();
        for release in inventory::watched(records).await? {
            let project = release.without_version();
            if named.contains(&project) {
                let newer = newest.get(&project).is_none_or(|known| self.follows(&release, known));
                if newer && !named.contains(&release) {
                    newest.insert(project, release.clone());
                }
            }
            if named.contains(&release) {
                out.insert(release);
            }
        }
        out.extend(newest.into_values());
        Ok(out)
    }

    /// Whether a release is newer than another of its project; one of which the order is not known is not.
    fn follows(&self, release: &Purl, other: &Purl) -> bool {
        let scheme = self.repairs.schemes.iter().find(|scheme| scheme.ty() == release.ty());
        let versions = release.version().zip(other.version());
        scheme.zip(versions).is_some_and(|(scheme, (version, other))| {
            let stable = |version| !scheme.is_prerelease(version);
            let order = scheme.compare(version, other).unwrap_or(Ordering::Equal);
            stable(version).cmp(&stable(other)).then(order).is_gt()
        })
    }

    /// Whether strategies or models have something to do about a release.
    async fn has_work(&self, release: &Purl) -> Result<bool, StepError> {
        for (finding, standing) in self.lacks(release).await? {
            if standing.is_empty() || self.for_models(&finding, &standing).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What hits a release and is not repaired, each with the misses that stand, oldest first: with none, strategies have
    /// not tried.
    async fn lacks(&self, release: &Purl) -> Result<Vec<(Finding, Vec<Miss>)>, StepError> {
        let findings = match self.repairs.hits(release, None).await {
            Ok(findings) => findings,
            Err(RepairError::Advisories(error)) => return Err(error.into()),
            Err(RepairError::Step(error)) => return Err(error),
            Err(RepairError::NotHit(_) | RepairError::OtherAdvisory { .. } | RepairError::NoVersion(_)) => {
                return Ok(Vec::new());
            }
        };
        let world = &self.repairs.world;
        let repaired = known::repaired(world, release).await?;
        let misses = facts::all::<Miss>(world.records.as_ref(), release).await?;
        let now = world.clock.now();
        let open = findings.into_iter().filter(|finding| {
            // What was withdrawn was withdrawn for a reason, and is not made again unless somebody asks.
            let mends = repaired
                .iter()
                .any(|one| one.is_about(finding) && (one.version == VERSION || one.withdrawn.is_some()));
            !mends
        });
        let with_misses = open.map(|finding| {
            let all = misses.iter().map(|(_, miss)| miss);
            let standing = all.filter(|miss| miss.stands(&finding, now)).cloned().collect();
            (finding, standing)
        });
        Ok(with_misses.collect())
    }

    /// Whether the bytes of a release did not come out, and no search like this one was made since.
    async fn wants_recipe(&self, release: &Purl) -> Result<bool, StepError> {
        let world = &self.repairs.world;
        let mut newest: BTreeMap<String, Judgement> = BTreeMap::new();
        for (fact, judgement) in facts::all::<Judgement>(world.records.as_ref(), release).await? {
            newest.extend(fact.subject.map(|file| (file, judgement)));
        }
        let verdict = weakest(newest.values().map(|judgement| (judgement.verdict, judgement.native)));
        if !matches!(verdict, Some(Verdict::BuildFailed | Verdict::Unexplained)) {
            return Ok(false);
        }
        let now = world.clock.now();
        let searches = facts::all::<Searched>(world.records.as_ref(), release).await?;
        let is_like_this = |search: &Searched| {
            (search.version, search.pipeline) == (SEARCH, PIPELINE)
                && search.most >= self.builds
                && !is_long_ago(search.at, now)
        };
        Ok(!searches.iter().any(|(_, search)| is_like_this(search)))
    }
}

impl Miss {
    /// Whether a strategy would fare no better now: the judgement and what is known of the problem are the same.
    fn stands(&self, finding: &Finding, now: Timestamp) -> bool {
        // Somebody's own change that was refused says nothing of what strategies can do.
        let proposed = |by: &str| by.starts_with("person ");
        self.version == VERSION
            && self.finding == Some(known::digest(finding))
            && !self.tried.iter().any(|tried| proposed(&tried.by))
            && !is_long_ago(self.at, now)
    }
}

fn is_long_ago(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) >= AGAIN
}

fn off(what: &str) -> Outcome {
    Outcome::GiveUp { why: format!("`[repair] {what}` of the configuration is off") }
}

/// One search in one line.
fn said(one: &Widened) -> String {
    let instead = match one.recipe {
        Some(_) => format!("{} instead of {}", one.after, one.before),
        None => format!("still {}", one.after),
    };
    let left = one.left.as_ref().map(|left| format!("; in the way: {left}")).unwrap_or_default();
    let builds = if one.builds == 1 { "build" } else { "builds" };
    format!("{}: {instead}, after {} more {builds}{left}", one.file, one.builds)
}
