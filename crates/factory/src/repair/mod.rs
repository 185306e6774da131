//! Repair: a release that an advisory hits gets the fix, and everything else stays as it was published.
//!
//! The fix is found ([`find`]), carried to the release by strategies that assume more and more ([`strategy`]), and
//! judged ([`oracle`]): whoever proposed a candidate, a strategy, a model or a person, only the oracle makes a repair
//! of it. What was accepted is signed and kept; what was not is kept as well, with its class, for those
//! who come next.

mod agent;
pub mod facts;
pub mod find;
mod mending;
pub mod oracle;
mod propose;
mod publish;
pub mod strategy;
mod task;
mod withdraw;

pub use agent::{Agent, AgentError, Attempted, helps};
pub use facts::{Miss, Repaired, Tried};
pub use mending::{Mending, Models};
pub use oracle::Oracle;
pub use task::{Extent, Material, Task};

use crate::progress::Event;
use crate::{StepError, World};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strategy::Proposal;
use trustmill_core::Purl;
use trustmill_core::advisory::Finding;
use trustmill_core::port::advisories::{Advisories, AdvisoriesError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Judgement, MissClass, Ruling};
use trustmill_core::version::VersionScheme;

/// The version of the judgement. Raised when it changes, so that releases are repaired again.
pub const VERSION: u32 = 4;

/// Candidates of one advisory whose tests are run, twice and more each; what is refused before costs little.
const MOST_TESTED: usize = 6;
/// Candidates that are looked at.
const MOST_JUDGED: usize = 24;
/// After this long no other candidate is looked at.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What repairs work with.
#[derive(Clone)]
pub struct Repairs {
    /// The mill.
    pub world: World,
    /// What is known to be wrong with releases.
    pub advisories: Arc<dyn Advisories>,
    /// The order of versions of every ecosystem.
    pub schemes: Vec<&'static dyn VersionScheme>,
}

/// What came of repairing a release of one advisory.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is repaired.
    Repaired(Box<Repaired>),
    /// It is not, and why.
    Missed(Box<Miss>),
}

/// Why a repair was not even tried.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// No advisory that is held hits the release.
    #[error("no advisory that the mill holds hits {0}")]
    NotHit(Purl),
    /// The named one does not hit it.
    #[error("{id} does not hit {release}, as far as the mill knows")]
    OtherAdvisory {
        /// The advisory.
        id: String,
        /// The release.
        release: Purl,
    },
    /// A project and not a release.
    #[error("{0} names no version")]
    NoVersion(Purl),
    /// The advisories cannot be read.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// A step of the work failed.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl trustmill_core::port::Coded for RepairError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotHit(_) | Self::OtherAdvisory { .. } => "TM1201",
            Self::NoVersion(_) => "TM1202",
            Self::Advisories(error) => error.code(),
            Self::Step(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::NotHit(_) | Self::OtherAdvisory { .. } => {
                "read an advisory archive with `trustmill advisories update`; `trustmill advisories show` lists what is known of a project".into()
            }
            Self::NoVersion(_) => "write the release as pkg:pypi/NAME@VERSION".into(),
            Self::Advisories(error) => error.help(),
            Self::Step(error) => error.help(),
        }
    }
}

impl Repairs {
    /// The advisories that hit a release, the worst first; malware and what only informs is left out: no patch helps
    /// against either. `only` names one by any of its ids.
    ///
    /// # Errors
    /// [`RepairError`] where there is none.
    pub async fn hits(&self, release: &Purl, only: Option<&str>) -> Result<Vec<Finding>, RepairError> {
        if release.version().is_none() {
            return Err(RepairError::NoVersion(release.clone()));
        }
        let records = self.advisories.about(&release.without_version()).await?;
        let scheme = self.schemes.iter().find(|scheme| scheme.ty() == release.ty());
        let scheme = scheme.ok_or_else(|| StepError::UnknownEcosystem { purl: Box::new(release.clone()) })?;
        let mut found = trustmill_inspect::vulns::find(&records, *scheme, release);
        found.retain(|finding| !finding.malicious && !finding.advisory.informational);
        if let Some(id) = only {
            found.retain(|finding| finding.ids.iter().any(|known| known.eq_ignore_ascii_case(id)));
            if found.is_empty() {
                return Err(RepairError::OtherAdvisory { id: id.to_owned(), release: release.clone() });
            }
        }
        if found.is_empty() { Err(RepairError::NotHit(release.clone())) } else { Ok(found) }
    }

    /// Repairs a release of one finding, unless that was done before.
    ///
    /// # Errors
    /// [`StepError`] where the mill or the world around it failed; a repair that cannot be made is an
    /// [`Outcome::Missed`].
    pub async fn repair(&self, finding: &Finding) -> Result<Outcome, StepError> {
        let begun = Instant::now();
        let release = &finding.release;
        let known = facts::repaired(&self.world, release).await?;
        if let Some(done) = known.iter().rfind(|done| done.counts_for(finding)) {
            return Ok(Outcome::Repaired(Box::new(done.clone())));
        }
        let ecosystem = Arc::clone(self.world.ecosystem(release)?);
        let Some(workshop) = ecosystem.workshop() else {
            let why = format!("releases of {} are not repaired by this version", release.ty());
            return self.missed(finding, Failed::early(MissClass::NoWorkshop, why), begun).await;
        };
        let task = match task::make(self, finding, workshop).await? {
            Ok(task) => task,
            Err((class, why)) => return self.missed(finding, Failed::early(class, why), begun).await,
        };
        match self.attempt(&task, workshop).await? {
            Ok((proposal, judgement, packed)) => {
                self.step(&task, "sign and keep");
                let done =
                    publish::keep(&self.world, &task, &proposal.candidate, judgement, packed, begun).await?;
                Ok(Outcome::Repaired(Box::new(done)))
            }
            Err(failed) => self.missed(finding, failed, begun).await,
        }
    }

    /// Whether strategies repair a release, tried anew whatever is known of it; nothing is kept of what comes out.
    ///
    /// # Errors
    /// As [`Self::repair`].
    pub async fn would_repair(&self, finding: &Finding) -> Result<bool, StepError> {
        let ecosystem = Arc::clone(self.world.ecosystem(&finding.release)?);
        let Some(workshop) = ecosystem.workshop() else { return Ok(false) };
        match task::make(self, finding, workshop).await? {
            Ok(task) => Ok(self.attempt(&task, workshop).await?.is_ok()),
            Err(_) => Ok(false),
        }
    }

    /// Judges a change that a person, or any other program, proposes as a unified difference; accepted, it is kept like
    /// every other.
    ///
    /// # Errors
    /// As [`Self::repair`].
    pub async fn propose(&self, finding: &Finding, difference: &str, by: &str) -> Result<Outcome, StepError> {
        let begun = Instant::now();
        let ecosystem = Arc::clone(self.world.ecosystem(&finding.release)?);
        let Some(workshop) = ecosystem.workshop() else {
            let why = format!("releases of {} are not repaired by this version", finding.release.ty());
            return self.missed(finding, Failed::early(MissClass::NoWorkshop, why), begun).await;
        };
        let task = match task::make(self, finding, workshop).await? {
            Ok(task) => task,
            Err((class, why)) => return self.missed(finding, Failed::early(class, why), begun).await,
        };
        let candidate = match propose::candidate(&task, workshop, difference, by) {
            Ok(candidate) => candidate,
            Err(why) => return self.missed(finding, Failed::early(MissClass::NotCarried, why), begun).await,
        };
        let mut examined = Oracle::new(&self.world, workshop).examine(&task, &candidate).await?;
        let accepted = examined.judgement.ruling() != Ruling::Refused;
        match examined.files.take().filter(|_| accepted) {
            Some(packed) => {
                let judgement = examined.judgement;
                let done = publish::keep(&self.world, &task, &candidate, judgement, packed, begun).await?;
                Ok(Outcome::Repaired(Box::new(done)))
            }
            None => {
                let mut failed = Failed::of(&examined);
                failed.tried = vec![failed.tried(&candidate)];
                self.missed(finding, failed, begun).await
            }
        }
    }

    /// Tries candidates, the smallest first: the first proven one is taken, else the first unproven one.
    async fn attempt(
        &self,
        task: &Task,
        workshop: &dyn Workshop,
    ) -> Result<Result<Accepted, Failed>, StepError> {
        let (proposals, not_carried) = strategy::propose(task, workshop);
        let oracle = Oracle::new(&self.world, workshop);
        let mut unproven: Option<Accepted> = None;
        // The one that got furthest tells most of what is in the way.
        let mut furthest: Option<(usize, Failed)> = None;
        let mut tried = Vec::new();
        let (begun, mut tested) = (Instant::now(), 0);
        for (number, proposal) in proposals.into_iter().take(MOST_JUDGED).enumerate() {
            // Without its tests a change proves nothing, and one that proves nothing is there.
            if unproven.is_some() && proposal.candidate.tests.is_empty() {
                continue;
            }
            // What a test shows already needs no other test, but all of the fix.
            let is_shown = unproven.as_ref().is_some_and(|(known, judgement, _)| {
                known.candidate.fix == proposal.candidate.fix && holds(judgement, Check::Regression)
            });
            if is_shown {
                continue;
            }
            if tested == MOST_TESTED || begun.elapsed() > PATIENCE {
                break;
            }
            let shown = proposal.candidate.proposer.shown();
            self.step(task, format!("judge candidate {} ({shown})", number + 1));
            let mut examined = oracle.examine(task, &proposal.candidate).await?;
            let got_to_tests = |checked: &Checked| checked.check == Check::NoNewFailures;
            tested += usize::from(examined.judgement.checks.iter().any(got_to_tests));
            match (examined.judgement.ruling(), examined.files.take()) {
                (Ruling::Proven, Some(packed)) => return Ok(Ok((proposal, examined.judgement, packed))),
                (Ruling::Unproven, Some(packed)) if !proposal.needs_proof => {
                    unproven.get_or_insert((proposal, examined.judgement, packed));
                }
                _ => {
                    let failed = Failed::of(&examined);
                    tried.push(failed.tried(&proposal.candidate));
                    let ends = matches!(failed.class, MissClass::NoTests | MissClass::DoesNotBuild);
                    let got = examined.judgement.checks.len();
                    if furthest.as_ref().is_none_or(|(most, _)| got > *most) {
                        furthest = Some((got, failed));
                    }
                    if ends {
                        break;
                    }
                }
            }
        }
        if let Some(accepted) = unproven {
            return Ok(Ok(accepted));
        }
        let mut furthest = furthest.map(|(_, failed)| failed);
        if let (Some(failed), Some(left)) = (&mut furthest, &not_carried) {
            failed.why = format!("{}; {left}", failed.why);
        }
        let none = || {
            let why = not_carried.unwrap_or_else(|| "no strategy has a candidate".to_owned());
            Failed::early(MissClass::NotCarried, why)
        };
        Ok(Err(Failed { tried, ..furthest.unwrap_or_else(none) }))
    }

    /// Writes down why there is no repair.
    async fn missed(&self, finding: &Finding, failed: Failed, begun: Instant) -> Result<Outcome, StepError> {
        let world = &self.world;
        let Failed { class, why, log, tried } = failed;
        let log = match log.filter(|log| !log.is_empty()) {
            Some(log) => Some(world.blobs.put(log.into()).await?),
            None => None,
        };
        let at = world.clock.now();
        let (version, advisories) = (VERSION, finding.ids.clone());
        let (known, millis) = (Some(facts::digest(finding)), millis(begun));
        let miss = Miss { version, advisories, finding: known, class, why, log, tried, millis, at };
        let fact = crate::facts::fact(&finding.release, Some(&finding.advisory.id), at, &miss)?;
        world.records.append(&[fact]).await?;
        Ok(Outcome::Missed(Box::new(miss)))
    }

    fn step(&self, task: &Task, step: impl Into<String>) {
        self.world.observer.observe(&Event::Step { purl: task.release.clone(), step: step.into() });
    }
}

/// Whether a check was made and holds.
fn holds(judgement: &Judgement, check: Check) -> bool {
    judgement.checks.iter().any(|one| one.check == check && one.outcome == CheckOutcome::Held)
}

/// How long something has taken.
fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// An accepted candidate, what was said of it, and the files.
type Accepted = (Proposal, Judgement, oracle::Files);

/// Why no candidate was accepted.
struct Failed {
    class: MissClass,
    why: String,
    log: Option<String>,
    tried: Vec<Tried>,
}

impl Failed {
    /// Before anything was judged.
    const fn early(class: MissClass, why: String) -> Self {
        Self { class, why, log: None, tried: Vec::new() }
    }

    /// What it says of one candidate.
    fn tried(&self, candidate: &Candidate) -> Tried {
        let files = candidate.fix.edits.keys().cloned().collect();
        Tried { by: candidate.proposer.shown(), files, class: self.class, why: self.why.clone() }
    }

    fn of(examined: &oracle::Examined) -> Self {
        let judgement = &examined.judgement;
        // Where nothing is broken, it is what was to be shown and is not.
        let open = |c: &&Checked| c.outcome != CheckOutcome::Held;
        let stopped = judgement.broken().or_else(|| judgement.checks.iter().find(open));
        let Some(stopped) = stopped else {
            return Self::early(MissClass::NotCarried, "nothing was checked".to_owned());
        };
        let class = match stopped.check {
            Check::Applies => MissClass::NotCarried,
            Check::Paths => MissClass::ForbiddenPath,
            Check::Builds if stopped.detail.starts_with(oracle::UNPATCHED) => MissClass::DoesNotBuild,
            Check::Builds | Check::Metadata => MissClass::BuildDiffers,
            Check::NoNewFailures if stopped.detail.starts_with(oracle::UNPATCHED) => MissClass::NoTests,
            Check::NoNewFailures | Check::Regression => MissClass::TestsFail,
            Check::Capability => MissClass::NewCapability,
            Check::Complete => MissClass::Incomplete,
        };
        Self {
            class,
            why: format!("{}: {}", stopped.check.as_str(), stopped.detail),
            log: Some(examined.log.clone()),
            tried: Vec::new(),
        }
    }
}
