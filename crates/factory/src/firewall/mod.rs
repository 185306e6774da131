//! The firewall: the one gate that every registry asks, made of policies, advisories, facts and overrides.
//!
//! A decision is made once and kept for as long as nothing that it came from has changed: `memo` holds rulings by
//! project, and a number, [`Gate::revision`], moves with everything else. What only other processes know of (an
//! override by the command line, a feed) is looked at by [`Firewall::refresh`], which `up` calls every second.

mod book;
mod counter;
mod dossier;
mod explain;
mod judged;
mod memo;
mod names;
pub mod overrides;
mod popular;
mod repaired;
mod rule;
mod scanned;
mod settings;
mod sightings;

pub use book::{Book, Entry};
pub use counter::Counter;
pub use explain::Explanation;
pub use names::{NamePattern, ParseNameError};
pub use popular::Popular;
pub use settings::{Cooldown, FirewallSettings};

use crate::facts::{self, Alarm};
use async_trait::async_trait;
use dossier::Dossier;
use memo::{Key, Memo, Remembered, State, Weight};
use quick_cache::sync::Cache;
use sightings::Sightings;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use trustmill_core::advisory::Finding;
use trustmill_core::port::advisories::Advisories;
use trustmill_core::port::gate::{Gate, GateError};
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::{Action, Decision, Listed, Principal, Question, Ruling};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp};
use trustmill_inspect::vulns;
use trustmill_policy::PolicySet;
use trustmill_trust::keys::TrustedKeys;

/// Releases of which decisions are kept.
const KEPT: u64 = 50_000;

/// Whether what is seen is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// A registry asks about what it shows.
    Real,
    /// A person wants to know: nothing is written down.
    Idle,
}

/// What the firewall reads.
#[derive(Clone)]
pub struct Sources {
    /// What is known to be wrong with releases.
    pub advisories: Arc<dyn Advisories>,
    /// Facts, overrides, the watch set.
    pub records: Arc<dyn Records>,
    /// Who was given what; `None` where nothing is handed out.
    pub journal: Option<Arc<dyn Journal>>,
    /// The keys whose overrides count.
    pub trusted: TrustedKeys,
    /// The order of versions of every ecosystem.
    pub schemes: Vec<&'static dyn VersionScheme>,
}

/// Versions of this type cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error("nobody knows how versions of {0:?} are ordered")]
struct NoOrder(String);

/// The gate.
pub struct Firewall {
    sources: Sources,
    settings: FirewallSettings,
    policies: RwLock<Arc<PolicySet>>,
    book: RwLock<Arc<Book>>,
    watched: RwLock<Arc<HashSet<Purl>>>,
    /// Grows with each change of policies and watch set.
    changes: AtomicU64,
    /// Grows with each change of overrides: they lift what was decided, and are no part of it.
    written: AtomicU64,
    advised: AtomicBool,
    memo: Cache<Key, Arc<Memo>, Weight>,
    alarmed: Mutex<HashSet<Purl>>,
}

impl Firewall {
    /// A firewall that knows its overrides and its watch set.
    ///
    /// # Errors
    /// The records or the advisories cannot be read.
    pub async fn open(
        sources: Sources,
        settings: FirewallSettings,
        policies: PolicySet,
        now: Timestamp,
    ) -> Result<Self, GateError> {
        let firewall = Self {
            sources,
            settings,
            policies: RwLock::new(Arc::new(policies)),
            book: RwLock::default(),
            watched: RwLock::default(),
            changes: AtomicU64::new(0),
            written: AtomicU64::new(0),
            advised: AtomicBool::new(false),
            memo: Cache::with_weighter(1024, KEPT, Weight),
            alarmed: Mutex::default(),
        };
        firewall.refresh(now).await?;
        Ok(firewall)
    }

    /// The policies that decide now.
    pub fn policies(&self) -> Arc<PolicySet> {
        read(&self.policies)
    }

    /// From now on these decide. Requests that are under way are answered by those before.
    pub fn replace(&self, policies: PolicySet) {
        write(&self.policies, policies);
        self.moved();
    }

    /// The overrides that were read.
    pub fn overrides(&self) -> Arc<Book> {
        read(&self.book)
    }

    /// Looks at what other processes may have changed: overrides, the watch set, whether advisories are there. Cheap
    /// where nothing changed.
    ///
    /// # Errors
    /// One of them cannot be read; then what was known before stays.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), GateError> {
        let nothing = Purl::project("mill", "all");
        let Sources { records, trusted, .. } = &self.sources;
        let follow = read(&self.book).follow(&**records, trusted, now).await;
        if let Some(book) = follow.map_err(|error| failed(&nothing, "overrides", error))? {
            write(&self.book, book);
            self.written.fetch_add(1, Ordering::AcqRel);
        }
        let watched = records.watched().await.map_err(|error| failed(&nothing, "facts", error))?;
        let watched: HashSet<_> = watched.into_iter().map(|(purl, _)| purl.without_version()).collect();
        if *read(&self.watched) != watched {
            write(&self.watched, watched);
            self.moved();
        }
        let held = self.sources.advisories.sources().await;
        let held = held.map_err(|error| failed(&nothing, "advisories", error))?;
        self.advised.store(held.iter().any(|source| source.records > 0), Ordering::Release);
        Ok(())
    }

    fn moved(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// A number that moves with everything that the policies' decisions come from, beside the project's own facts.
    fn world(&self) -> u64 {
        mixed(self.sources.advisories.revision(), self.changes.load(Ordering::Acquire))
    }

    fn scheme(&self, ty: &str) -> Option<&'static dyn VersionScheme> {
        self.sources.schemes.iter().copied().find(|scheme| scheme.ty() == ty)
    }

    /// The decisions of the policies, before overrides.
    async fn ruled(
        &self,
        question: &Question<'_>,
        now: Timestamp,
        look: Look,
    ) -> Result<Arc<Memo>, GateError> {
        // Before anything is read: what changes meanwhile makes this memo old, not invisible.
        let state = State { world: self.world(), records: self.sources.records.revision(question.project) };
        let policies = self.policies();
        let principal = match policies.names_principal() {
            true => question.principal.clone(),
            false => Principal::default(),
        };
        let key = Key { project: question.project.clone(), action: question.action, principal };
        let before = self.memo.get(&key);
        if let Some(memo) = before.as_ref().filter(|memo| memo.answers(state, question.releases, now)) {
            return Ok(Arc::clone(memo));
        }
        let dossier = self.dossier(question, now, look).await?;
        // What was decided by other policies, advisories or watch sets is no guide.
        let guide = before.as_deref().filter(|memo| memo.state.world == state.world);
        let ruled = rule::rule(&dossier, &policies, &self.settings.context(question.project.ty()), guide);
        self.alarm(question.project, &ruled, now).await;
        let decisions = ruled.iter().map(|one| one.decision.clone()).collect();
        let ruling = Ruling { decisions, until: rule::until(&ruled, now) };
        let releases = question.releases.iter().cloned().map(Listed::into_owned).collect();
        let memo = Arc::new(Memo { state, releases, ruled, ruling, made_at: now });
        self.memo.insert(key, Arc::clone(&memo));
        Ok(memo)
    }

    /// A ruling after overrides.
    fn lifted(&self, question: &Question<'_>, memo: &Memo, now: Timestamp) -> Ruling {
        let mut ruling = memo.ruling.clone();
        let versions = question.releases.iter().map(|listed| &*listed.version);
        let decisions: Vec<(&str, &mut Decision)> = versions.zip(&mut ruling.decisions).collect();
        let scheme = self.scheme(question.project.ty());
        let next = read(&self.book).lift(
            question.project,
            question.principal,
            now,
            scheme.map(|scheme| scheme as &dyn VersionScheme),
            decisions.into_iter(),
        );
        ruling.until = [ruling.until, next].into_iter().flatten().min();
        ruling
    }

    /// Reads everything that is known about a question's releases.
    async fn dossier<'a>(
        &'a self,
        question: &'a Question<'a>,
        now: Timestamp,
        look: Look,
    ) -> Result<Dossier<'a>, GateError> {
        let project = question.project;
        let scheme = self.scheme(project.ty());
        let advisories = self.sources.advisories.about(project).await;
        let advisories = advisories.map_err(|error| failed(project, "advisories", error))?;
        let repaired = repaired::of(&*self.sources.records, project).await?;
        let mut findings = match scheme {
            _ if advisories.is_empty() => Vec::new(),
            // Without an order nobody knows what a record hits.
            None => return Err(failed(project, "advisories", NoOrder(project.ty().to_owned()))),
            Some(scheme) => {
                let versions: Vec<&str> = question.releases.iter().map(|listed| &*listed.version).collect();
                vulns::find_each(&advisories, scheme, project, &versions)
            }
        };
        // Records name the release and those below its fix: the repaired one is among them by its number alone.
        for (listed, findings) in question.releases.iter().zip(&mut findings) {
            if repaired.contains_key(&*listed.version) {
                findings.retain(|finding| finding.malicious);
            }
        }
        let malicious = findings.iter().flatten().any(|finding| finding.malicious);
        Ok(Dossier {
            question,
            now,
            scheme,
            settings: &self.settings,
            advisories,
            findings,
            judged: judged::of(&*self.sources.records, project).await?,
            repaired,
            scanned: match self.settings.scanned {
                true => scanned::of(&*self.sources.records, project).await?,
                false => HashMap::new(),
            },
            sightings: self.sightings(question, now, look).await?,
            popular: self.popular(project, malicious).await?,
        })
    }

    /// Since when releases are known of which the registry tells no time. Only what clients are shown is remembered: a
    /// view of the past lists less.
    async fn sightings(
        &self,
        question: &Question<'_>,
        now: Timestamp,
        look: Look,
    ) -> Result<Sightings, GateError> {
        let timeless = question.releases.iter().filter(|listed| listed.published.is_none());
        let versions: Vec<&str> = timeless.map(|listed| &*listed.version).collect();
        if versions.is_empty() {
            return Ok(Sightings::default());
        }
        let records = &*self.sources.records;
        let mut sightings = Sightings::of(records, question.project).await?;
        if question.action == Action::Install {
            let new = sightings.see(question.project, &versions, now);
            if look == Look::Idle {
                return Ok(sightings);
            }
            records.append(&new).await.map_err(|error| failed(question.project, "facts", error))?;
        }
        Ok(sightings)
    }

    /// Whether very many depend on a project. The journal is asked only where it may matter: for what is called malware.
    async fn popular(&self, project: &Purl, malicious: bool) -> Result<bool, GateError> {
        let popular = &self.settings.popular;
        if popular.lists(project.ty(), &project.name()) || read(&self.watched).contains(project) {
            return Ok(true);
        }
        let Some(journal) = self.sources.journal.as_ref().filter(|_| malicious && popular.principals > 0)
        else {
            return Ok(false);
        };
        let handed = journal.handed(project).await.map_err(|error| failed(project, "facts", error))?;
        let who: HashSet<_> = handed.into_iter().map(|handed| handed.principal).collect();
        Ok(who.len() >= popular.principals as usize)
    }

    /// Tells a person, once for each project and process, that something waits for one.
    async fn alarm(&self, project: &Purl, ruled: &[Remembered], now: Timestamp) {
        let Some(waiting) = ruled.iter().find(|one| rule::waits_for_a_person(one)) else { return };
        let new = self.alarmed.lock().unwrap_or_else(PoisonError::into_inner).insert(project.clone());
        if !new {
            return;
        }
        tracing::error!(%project, reason = waiting.decision.reason, "a person must look");
        let alarm = Alarm { code: waiting.decision.code.to_string(), what: waiting.decision.reason.clone() };
        let Ok(fact) = facts::fact(project, Some(&waiting.facts.advisory), now, &alarm) else { return };
        if let Err(error) = self.sources.records.append(&[fact]).await {
            tracing::error!(%project, %error, "the alarm cannot be written down");
        }
    }
}

#[async_trait]
impl Gate for Firewall {
    fn revision(&self) -> u64 {
        mixed(self.world(), self.written.load(Ordering::Acquire))
    }

    async fn rule(&self, question: &Question<'_>, now: Timestamp) -> Result<Ruling, GateError> {
        let memo = self.ruled(question, now, Look::Real).await?;
        Ok(self.lifted(question, &memo, now))
    }

    async fn findings(&self, release: &Purl) -> Result<Vec<Finding>, GateError> {
        let project = release.without_version();
        let Some(scheme) = self.scheme(release.ty()) else { return Ok(Vec::new()) };
        let records = self.sources.advisories.about(&project).await;
        let records = records.map_err(|error| failed(&project, "advisories", error))?;
        Ok(vulns::find(&records, scheme, release))
    }

    fn has_advisories(&self) -> bool {
        self.advised.load(Ordering::Acquire)
    }
}

/// One number of two that change by themselves: neither can make up for the other.
const fn mixed(one: u64, other: u64) -> u64 {
    one.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_add(other)
}

fn read<T>(shared: &RwLock<Arc<T>>) -> Arc<T> {
    Arc::clone(&shared.read().unwrap_or_else(PoisonError::into_inner))
}

fn write<T>(shared: &RwLock<Arc<T>>, value: T) {
    *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
}

fn failed(
    project: &Purl,
    what: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> GateError {
    GateError { project: Box::new(project.clone()), what, source: Box::new(error) }
}
