//! What the gate says of a project's releases: asked once for each who asks, and kept as long as it stands.
//!
//! Equal rulings are one value, and pages are kept under what they show of it: neither grows with the number of teams.

use crate::flights::Flights;
use crate::stop::Stop;
use quick_cache::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::digest::Hasher;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::gate::{Gate, GateError};
use trustmill_core::port::registry::Request;
use trustmill_core::ruling::{Action, Decision, Effect, Listed, Principal, Question};
use trustmill_core::{Purl, Sha256, Timestamp};

/// Bytes of rulings in memory.
const MEMORY: u64 = 16 << 20;
/// Different rulings of which equal ones are found.
const DISTINCT: usize = 1024;

/// Who asks about which project, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    project: String,
    principal: Arc<Principal>,
    action: Action,
}

impl Asker {
    /// `project` is the name by which the registry keeps states.
    pub(crate) fn new(project: &str, request: &Request) -> Self {
        Self { project: project.to_owned(), principal: request.principal.clone(), action: request.action }
    }

    /// The project's name.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }
}

/// The decisions about the releases of one state, as far as they are not plain permission. Releases are known by
/// their place in the question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ruled {
    stops: BTreeMap<usize, Stop>,
    warnings: BTreeMap<usize, Arc<str>>,
    shown: Sha256,
}

impl Ruled {
    fn new(decisions: &[Decision]) -> Self {
        let (mut stops, mut warnings) = (BTreeMap::new(), BTreeMap::new());
        let mut shown = Hasher::new();
        for (release, decision) in decisions.iter().enumerate() {
            let said = || Stop::new(decision.code.clone(), &decision.reason);
            match decision.effect {
                Effect::Allow => {}
                Effect::Warn => {
                    warnings.insert(release, Arc::from(said().line));
                }
                Effect::Hold | Effect::Block => {
                    let stop = said();
                    shown.update(format!("{release} {}\n", stop.line).as_bytes());
                    stops.insert(release, stop);
                }
            }
        }
        Self { stops, warnings, shown: shown.finish() }
    }

    /// Why a release is not handed out.
    pub(crate) fn stop(&self, release: usize) -> Option<&Stop> {
        self.stops.get(&release)
    }

    /// What whoever installs a release should know.
    pub(crate) fn warning(&self, release: usize) -> Option<Arc<str>> {
        self.warnings.get(&release).cloned()
    }

    /// All that pages of one state show of it: equal for rulings whose pages are.
    pub(crate) const fn shown(&self) -> Sha256 {
        self.shown
    }

    fn weight(&self) -> usize {
        256 + self.stops.len() * 384 + self.warnings.len() * 192
    }
}

/// A ruling that stands.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// It.
    pub(crate) ruled: Arc<Ruled>,
    /// Of which state.
    pub(crate) state: u64,
    revision: u64,
    since: Timestamp,
    until: Timestamp,
}

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<Asker, Given> for Weight {
    fn weight(&self, asker: &Asker, given: &Given) -> u64 {
        (asker.project.len() + 128 + given.ruled.weight()) as u64
    }
}

/// The rulings of one registry.
pub(crate) struct Rulings {
    gate: Arc<dyn Gate>,
    clock: Arc<dyn Clock>,
    given: Cache<Asker, Given, Weight>,
    distinct: Cache<(u64, Sha256), Arc<Ruled>>,
    flights: Flights,
}

impl Rulings {
    pub(crate) fn new(gate: Arc<dyn Gate>, clock: Arc<dyn Clock>) -> Self {
        Self {
            gate,
            clock,
            given: Cache::with_weighter(4096, MEMORY, Weight),
            distinct: Cache::new(DISTINCT),
            flights: Flights::default(),
        }
    }

    /// What was ruled last, if neither the gate nor time may have changed it. Of which state it is, the caller
    /// compares.
    pub(crate) fn standing(&self, asker: &Asker) -> Option<Given> {
        let given = self.given.get(asker)?;
        let now = self.clock.now();
        // A clock that went backwards makes nothing stand for longer.
        let stands = given.since <= now && now < given.until && given.revision == self.gate.revision();
        stands.then_some(given)
    }

    /// The ruling on the releases of `state`, which are all of `project`.
    ///
    /// # Errors
    /// It cannot be decided: then nothing of the project is handed out.
    pub(crate) async fn of<'a>(
        &self,
        asker: &Asker,
        state: u64,
        project: &Purl,
        releases: impl FnOnce() -> Vec<Listed<'a>>,
    ) -> Result<Arc<Ruled>, GateError> {
        let standing = || self.standing(asker).filter(|given| given.state == state);
        if let Some(given) = standing() {
            return Ok(given.ruled);
        }
        let _turn = self.flights.enter(&format!("{asker:?}")).await;
        if let Some(given) = standing() {
            return Ok(given.ruled);
        }
        // Before it is asked: what changes meanwhile makes this ruling old, not invisible.
        let (revision, now) = (self.gate.revision(), self.clock.now());
        let releases = releases();
        let question =
            Question { principal: &asker.principal, action: asker.action, project, releases: &releases };
        let ruling = self.gate.rule(&question, now).await?;
        if ruling.decisions.len() != releases.len() {
            return Err(incomplete(project));
        }
        let ruled = self.one_of_equals(state, Ruled::new(&ruling.decisions));
        let until = ruling.until.unwrap_or(Timestamp::MAX);
        let given = Given { ruled: ruled.clone(), state, revision, since: now, until };
        self.given.insert(asker.clone(), given);
        Ok(ruled)
    }

    fn one_of_equals(&self, state: u64, ruled: Ruled) -> Arc<Ruled> {
        let key = (state, ruled.shown);
        if let Some(known) = self.distinct.get(&key).filter(|known| **known == ruled) {
            return known;
        }
        let ruled = Arc::new(ruled);
        self.distinct.insert(key, ruled.clone());
        ruled
    }
}

/// A gate that says nothing about a release permits nothing.
fn incomplete(project: &Purl) -> GateError {
    let source = std::io::Error::other("the gate did not decide about every release").into();
    GateError { project: Box::new(project.clone()), what: "policies", source }
}
