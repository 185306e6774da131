//! The serving side of npm: what `npm`, `pnpm`, `yarn` and `bun` are answered under `/npm`.
//!
//! Packuments are upstream's, with what the mill knows laid over them: refusals with their reason, and tags that
//! lead to what can be installed. `docs/npm.md` has the grammar.

mod answers;
mod audit;
mod files;
mod judged;
mod pages;
mod route;
mod state;

use super::packument::Packument;
use super::upstream::Upstream;
use crate::flights::Flights;
use crate::rulings::{Asker, Rulings};
use crate::stop::{ALARM, Stop, broken};
use answers::{error, failed, json, not_found, refused};
use async_trait::async_trait;
use jiff::SignedDuration;
use judged::Judged;
use pages::{PageKey, PageWeight, Rendered};
use quick_cache::sync::Cache;
use route::{Route, route};
use state::{Repairs, State};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::port::gate::Gate;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{
    Answer, Method, NoReleases, Registry, Releases, Request, StatusAnswer, Takes,
};
use trustmill_core::ruling::Listed;
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Timestamp};

/// How the registry serves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// How long clients may use a packument unasked. Short: a refusal should arrive.
    pub page_max_age: Duration,
    /// Largest file that is brought from upstream, in bytes.
    pub max_file: u64,
    /// Bytes of rendered pages kept in memory.
    pub page_memory: u64,
    /// How long a packument bridges an outage of upstream before upstream is asked again.
    pub stale_pause: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            page_max_age: Duration::from_secs(60),
            max_file: 1 << 30,
            page_memory: 16 << 20,
            stale_pause: Duration::from_secs(5),
        }
    }
}

/// The ports that the registry stands on.
#[derive(Clone)]
pub struct RegistryPorts {
    /// Facts, locks, the watch set.
    pub records: Arc<dyn Records>,
    /// Where files are.
    pub blobs: Arc<dyn Blobs>,
    /// How files get there. It MUST store into `blobs`.
    pub fetch: Arc<dyn Fetch>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Decides what is handed out.
    pub gate: Arc<dyn Gate>,
}

/// The serving side of npm.
pub struct NpmRegistry {
    inner: Arc<Inner>,
    /// The same with repaired releases, for those who ask for them.
    repaired: Arc<Inner>,
}

/// The folder below the mount under which repaired releases are seen. No package has a name with nothing behind it that
/// would be taken for one: `remediated` alone is still the package of that name.
const REPAIRED: &str = "remediated/";

struct Inner {
    /// Whether repaired releases are among what it serves.
    repaired: bool,
    upstream: Arc<Upstream>,
    records: Arc<dyn Records>,
    blobs: Arc<dyn Blobs>,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    gate: Arc<dyn Gate>,
    rulings: Rulings,
    options: RegistryOptions,
    states: Cache<String, Current, StateWeight>,
    pages: Cache<PageKey, Rendered, PageWeight>,
    flights: Flights,
    ids: AtomicU64,
    rendering: Semaphore,
}

/// A state, and how long it needs no second look at upstream.
#[derive(Clone)]
struct Current {
    state: Arc<State>,
    since: Timestamp,
    until: Timestamp,
}

#[derive(Clone)]
struct StateWeight;

impl quick_cache::Weighter<String, Current> for StateWeight {
    fn weight(&self, key: &String, current: &Current) -> u64 {
        (key.len() + current.state.weight()) as u64
    }
}

/// Mebibytes of packuments that are rendered at once; a larger one is rendered alone.
const RENDERING: u32 = 16;
/// Bytes of packages' states, upstream's indexes under them included.
const STATE_MEMORY: u64 = 24 << 20;

impl NpmRegistry {
    /// A registry over `upstream` with the usual settings.
    pub fn new(upstream: Arc<Upstream>, ports: RegistryPorts) -> Self {
        Self::with_options(upstream, ports, RegistryOptions::default())
    }

    /// A registry with every setting.
    pub fn with_options(upstream: Arc<Upstream>, ports: RegistryPorts, options: RegistryOptions) -> Self {
        let view = |repaired: bool, ports: RegistryPorts, options: RegistryOptions| Inner {
            repaired,
            upstream: Arc::clone(&upstream),
            records: ports.records,
            blobs: ports.blobs,
            fetch: ports.fetch,
            rulings: Rulings::new(ports.gate.clone(), ports.clock.clone()),
            gate: ports.gate,
            clock: ports.clock,
            states: Cache::with_weighter(1024, STATE_MEMORY, StateWeight),
            pages: Cache::with_weighter(1024, options.page_memory, PageWeight),
            flights: Flights::default(),
            ids: AtomicU64::new(0),
            rendering: Semaphore::new(RENDERING as usize),
            options,
        };
        let repaired = Arc::new(view(true, ports.clone(), options.clone()));
        Self { inner: Arc::new(view(false, ports, options)), repaired }
    }
}

#[async_trait]
impl Registry for NpmRegistry {
    fn ty(&self) -> &'static str {
        "npm"
    }

    /// Writes are answered, so that whoever publishes reads why not; what they carry is not read. Audits are
    /// questions in a `POST`, where there is anything to answer them from.
    fn takes(&self, method: Method, path: &str) -> Takes {
        let audited = method == Method::Post && audit::is_asked(path) && self.inner.gate.has_advisories();
        if audited { Takes::Body(audit::MAX_BODY) } else { Takes::Head }
    }

    fn usage(&self) -> &'static [&'static str] {
        &[
            "npm install --registry {mount}/ PACKAGE",
            "pnpm add --registry {mount}/ PACKAGE",
            "yarn config set npmRegistryServer {mount}",
        ]
    }

    /// npm and its kin name in their message what is wanted; they send Bearer, and Basic is for people with a browser.
    fn challenge(&self, _origin: Option<&str>) -> String {
        "Bearer realm=\"Trustmill\", Basic realm=\"Trustmill\"".to_owned()
    }

    async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        let name = project.name();
        let current = async |view: &Arc<Inner>| {
            let current = view.current(&name).await;
            current.map(|current| current.state).map_err(|answer| NoReleases::of(project, &answer))
        };
        let state = current(&self.inner).await?;
        let releases = state.releases().into_iter().map(Listed::into_owned).collect();
        let all = Releases { project: state.project.clone(), releases };
        let view = current(&self.repaired).await?;
        Ok(all.with_repaired(view.releases()))
    }

    async fn answer(&self, request: &Request) -> Answer {
        if let Some(below) = request.path.strip_prefix(REPAIRED) {
            let mount = format!("{}/{}", request.mount, REPAIRED.trim_end_matches('/'));
            let request = Request { path: below.to_owned(), mount, ..request.clone() };
            return Self::answered(&self.repaired, &request).await;
        }
        Self::answered(&self.inner, request).await
    }
}

impl NpmRegistry {
    async fn answered(inner: &Arc<Inner>, request: &Request) -> Answer {
        let as_of = request.as_of;
        match request.method {
            Method::Get => {}
            Method::Post if audit::is_asked(&request.path) && inner.gate.has_advisories() => {
                return inner.audit(&request.path, &request.body).await;
            }
            _ => return written(request),
        }
        match route(&request.path) {
            Route::Root | Route::Ping => json(&serde_json::json!({})),
            Route::Packument(name) => inner.packument(name, request).await,
            Route::Version(name, version) => inner.version(name, version, request).await,
            Route::File(name, file) => inner.file(&Asker::new(name, request), file, as_of).await,
            Route::Provenance(name, file) => inner.provenance(&Asker::new(name, request), file, as_of).await,
            Route::Tags(name) => inner.tags(&Asker::new(name, request), as_of).await,
            Route::Login => error(401, "nobody logs in here: the mill serves everybody alike"),
            // What upstream finds or signed today was not there in the past.
            Route::Search | Route::Signed if as_of.is_none() => inner.passed_on(request).await,
            Route::Search | Route::Signed | Route::Unknown => not_found(),
        }
    }
}

/// What is not a question, or not one that the mill answers. Clients take a 404 on an audit for "no audits here"
/// and go on.
fn written(request: &Request) -> Answer {
    if request.method == Method::Post && request.path.starts_with("-/npm/v1/security/") {
        return error(404, "this registry audits nothing: it holds no advisories");
    }
    let why = "this registry takes no writes: publish, tag and log in where the package comes from";
    refused(&Stop::new("TM0707", why))
}

impl Inner {
    /// A page of upstream's, as it is. Nothing in it is installed without passing here again.
    async fn passed_on(&self, request: &Request) -> Answer {
        match self.upstream.passed_on(&request.path, request.query.as_deref()).await {
            Ok(body) => Answer::Status(StatusAnswer {
                status: 200,
                content_type: "application/json",
                body,
                challenge: None,
            }),
            Err(FetchError::Refused { status, .. }) => error(status, "upstream refuses"),
            Err(error) => failed(error),
        }
    }

    /// What one who asks sees of a package just now.
    async fn judged(&self, asker: &Asker) -> Result<(Current, Judged), Answer> {
        let current = self.current(asker.project()).await?;
        let state = &current.state;
        let ruled = self.rulings.of(asker, state.id, &state.project, || state.releases()).await;
        let ruled = ruled.map_err(|error| broken(&error))?;
        let judged = Judged { state: state.clone(), ruled };
        Ok((current, judged))
    }

    /// Whether a state is what upstream and the facts say just now.
    fn is_current(&self, current: &Current) -> bool {
        let now = self.clock.now();
        let fresh = current.since <= now && now < current.until;
        fresh && current.state.revision == self.records.revision(&current.state.project)
    }

    /// What is known about a package just now.
    async fn current(&self, name: &str) -> Result<Current, Answer> {
        let is_current = |current: &Current| self.is_current(current);
        if let Some(current) = self.states.get(name).filter(is_current) {
            return Ok(current);
        }
        let listing = self.upstream.listing(name).await.map_err(|error| {
            if error.is_infrastructure() {
                tracing::warn!(%error, "a package cannot be served");
            }
            failed(error)
        })?;
        let _turn = self.flights.enter(&format!("state {name}")).await;
        let known = self.states.get(name);
        if let Some(current) = known.clone().filter(is_current) {
            return Ok(current);
        }
        let project = Purl::project("npm", name);
        let revision = self.records.revision(&project);
        let same = known.filter(|known| {
            let state = &known.state;
            Arc::ptr_eq(&state.upstream, &listing.page)
                && state.revision == revision
                && state.stale == listing.stale
        });
        let state = match same {
            Some(known) => known.state,
            None => {
                let id = self.ids.fetch_add(1, Ordering::Relaxed);
                let records = self.records.as_ref();
                let repairs = self.repairs(&project, &listing.page).await?;
                let built = State::build(id, records, &project, listing.page, listing.stale, repairs).await;
                let state = Arc::new(built.map_err(|error| broken(&error))?);
                self.raise_alarms(&project, &state).await?;
                state
            }
        };
        let now = self.clock.now();
        let pause = SignedDuration::try_from(self.options.stale_pause).unwrap_or(SignedDuration::ZERO);
        let until = if listing.stale { now.checked_add(pause).unwrap_or(now) } else { listing.fresh_until };
        let current = Current { state, since: now, until };
        self.states.insert(name.to_owned(), current.clone());
        Ok(current)
    }

    /// What this view adds to what upstream lists.
    async fn repairs(&self, project: &Purl, page: &Packument) -> Result<Repairs, Answer> {
        if !self.repaired {
            return Ok(Repairs::default());
        }
        let facts = self.records.facts(project, Some(Shelf::REPAIRED)).await;
        let facts = facts.map_err(|error| broken(&error))?;
        if facts.is_empty() {
            return Ok(Repairs::default());
        }
        let body = self.upstream.body(page).await.map_err(failed)?;
        Ok(Repairs::new(page, &body, facts))
    }

    /// One alarm per file and digest that upstream moved; those that were raised before stay as they are.
    async fn raise_alarms(&self, project: &Purl, state: &State) -> Result<(), Answer> {
        let now = self.clock.now();
        let alarm = |listed: &super::packument::Listed, stop: &Stop| {
            let filename = super::names::filename(&state.packument.name, &listed.version);
            stop.alarm(project.at(&listed.version), &filename, now)
        };
        let mut alarms: Vec<Fact> = state.moved().map(|(listed, stop)| alarm(listed, stop)).collect();
        if alarms.is_empty() {
            return Ok(());
        }
        let raised = self.records.facts(project, Some(ALARM)).await.map_err(|error| broken(&error))?;
        let raised: BTreeSet<_> = raised.iter().map(Fact::address).collect();
        alarms.retain(|alarm| !raised.contains(&alarm.address()));
        if alarms.is_empty() {
            return Ok(());
        }
        self.records.append(&alarms).await.map_err(|error| broken(&error))
    }
}
