//! The serving side of PyPI: what `pip` and `uv` are answered under `/pypi`.
//!
//! Pages are upstream's, with what the mill knows laid over them: its own wheels, refusals with their
//! reason, statements, and the digests that were seen first. `docs/serving.md` has the grammar.

mod answers;
mod files;
mod judged;
mod metadata;
mod releases;
mod route;
mod state;

use super::index::{self, Representation, negotiate};
use super::upstream::Upstream;
use crate::flights::Flights;
use crate::rulings::{Asker, Rulings};
use crate::stop::{ALARM, Stop};
use answers::{broken, failed};
use async_trait::async_trait;
use jiff::SignedDuration;
use judged::Judged;
use quick_cache::sync::Cache;
use route::{Route, route};
use state::State;
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
use trustmill_core::port::registry::{Answer, NoReleases, Registry, Releases, RenderedPage, Request};
use trustmill_core::ruling::Listed;
use trustmill_core::{Purl, Sha256, Timestamp};

/// How the registry serves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// How long clients may use a page unasked. Short: a refusal should arrive.
    pub page_max_age: Duration,
    /// Largest file that is brought from upstream, in bytes.
    pub max_file: u64,
    /// Bytes of rendered pages kept in memory.
    pub page_memory: u64,
    /// How long a page bridges an outage of upstream before upstream is asked again.
    pub stale_pause: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            page_max_age: Duration::from_secs(60),
            max_file: 4 << 30,
            page_memory: 32 << 20,
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

/// The serving side of PyPI.
pub struct PypiRegistry {
    inner: Arc<Inner>,
    /// The same with repaired releases, for those who ask for them.
    repaired: Arc<Inner>,
}

/// The folder below the mount under which repaired releases are seen.
const REPAIRED: &str = "remediated";

struct Inner {
    /// Whether repaired releases are among what it serves.
    repaired: bool,
    upstream: Arc<Upstream>,
    records: Arc<dyn Records>,
    blobs: Arc<dyn Blobs>,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
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

#[derive(Clone, PartialEq, Eq, Hash)]
struct PageKey {
    project: String,
    as_of: Option<Timestamp>,
    representation: Representation,
    /// What the page shows of a ruling.
    shown: Sha256,
}

/// A rendered page, and what makes it still right.
#[derive(Clone)]
struct Rendered {
    page: Arc<RenderedPage>,
    current: Current,
}

#[derive(Clone)]
struct StateWeight;

impl quick_cache::Weighter<String, Current> for StateWeight {
    fn weight(&self, key: &String, current: &Current) -> u64 {
        (key.len() + current.state.weight()) as u64
    }
}

#[derive(Clone)]
struct PageWeight;

impl quick_cache::Weighter<PageKey, Rendered> for PageWeight {
    fn weight(&self, key: &PageKey, rendered: &Rendered) -> u64 {
        let gzip = rendered.page.gzip.as_ref().map_or(0, bytes::Bytes::len);
        (key.project.len() + rendered.page.body.len() + gzip + 256) as u64
    }
}

/// Pages that are rendered at once.
const RENDERING: usize = 2;
/// Bytes of projects' states, upstream's pages under them included.
const STATE_MEMORY: u64 = 32 << 20;

impl PypiRegistry {
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
            rulings: Rulings::new(ports.gate, ports.clock.clone()),
            clock: ports.clock,
            states: Cache::with_weighter(1024, STATE_MEMORY, StateWeight),
            pages: Cache::with_weighter(1024, options.page_memory, PageWeight),
            flights: Flights::default(),
            ids: AtomicU64::new(0),
            rendering: Semaphore::new(RENDERING),
            options,
        };
        let repaired = view(true, ports.clone(), options.clone());
        Self { inner: Arc::new(view(false, ports, options)), repaired: Arc::new(repaired) }
    }
}

#[async_trait]
impl Registry for PypiRegistry {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn usage(&self) -> &'static [&'static str] {
        &[
            "pip install --index-url {mount}/simple/ PACKAGE",
            "uv pip install --default-index {mount}/simple/ PACKAGE",
        ]
    }

    async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        let name = project.name();
        let current = async |view: &Arc<Inner>| {
            let current = view.current(&name).await;
            current.map(|current| current.state).map_err(|answer| NoReleases::of(project, &answer))
        };
        let state = current(&self.inner).await?;
        let releases = state.releases.listed().into_iter().map(Listed::into_owned).collect();
        let all = Releases { project: state.project.clone(), releases };
        let view = current(&self.repaired).await?;
        Ok(all.with_repaired(view.releases.listed()))
    }

    async fn answer(&self, request: &Request) -> Answer {
        let below =
            request.path.strip_prefix(REPAIRED).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let (inner, path, folder) = match below {
            Some(rest) => (&self.repaired, rest.trim_start_matches('/'), format!("/{REPAIRED}")),
            None => (&self.inner, request.path.as_str(), String::new()),
        };
        match route(path) {
            Route::Root => inner.root(negotiate(request.accept.as_deref())).await,
            Route::Project(name) => {
                let representation = negotiate(request.accept.as_deref());
                inner.page(&Asker::new(name, request), request.as_of, representation).await
            }
            Route::Moved(path) => Answer::Redirect(format!("{}{folder}/{path}", request.mount)),
            Route::File(name, filename) => {
                inner.file(&Asker::new(name, request), filename, request.as_of).await
            }
            Route::Metadata(name, filename) => {
                inner.metadata(&Asker::new(name, request), filename, request.as_of).await
            }
            Route::Provenance(name, filename) => {
                inner.provenance(&Asker::new(name, request), filename, request.as_of).await
            }
            Route::Unknown => Answer::NotFound("there is nothing under this path".into()),
        }
    }
}

impl Inner {
    /// `simple/`: the projects that the mill watches.
    async fn root(&self, representation: Representation) -> Answer {
        let watched = match self.records.watched().await {
            Ok(watched) => watched,
            Err(error) => return broken(&error),
        };
        let names: BTreeSet<String> =
            watched.iter().filter(|(purl, _)| purl.ty() == "pypi").map(|(purl, _)| purl.name()).collect();
        let names: Vec<String> = names.into_iter().collect();
        Answer::Page(Arc::new(index::root(&names, representation, self.options.page_max_age)))
    }

    /// `simple/{name}/`. A hot page costs two look-ups.
    async fn page(&self, asker: &Asker, as_of: Option<Timestamp>, representation: Representation) -> Answer {
        let project = asker.project();
        let key = |shown| PageKey { project: project.to_owned(), as_of, representation, shown };
        if let Some(given) = self.rulings.standing(asker)
            && let Some(hot) = self.pages.get(&key(given.ruled.shown()))
            && hot.current.state.id == given.state
            && self.is_current(&hot.current)
        {
            return Answer::Page(hot.page);
        }
        let (current, judged) = match self.judged(asker).await {
            Ok(judged) => judged,
            Err(answer) => return answer,
        };
        let key = key(judged.ruled.shown());
        let _turn = self.flights.enter(&format!("render {project}")).await;
        let known = self.pages.get(&key).filter(|known| known.current.state.id == current.state.id);
        let page = match known {
            Some(known) => known.page,
            None => match self.rendered(judged, as_of, representation).await {
                Some(page) => page,
                None => {
                    return Answer::Unavailable { why: "the page was cut short".into(), retry_after: None };
                }
            },
        };
        self.pages.insert(key, Rendered { page: page.clone(), current });
        Answer::Page(page)
    }

    /// Whether a state is what upstream and the facts say just now.
    fn is_current(&self, current: &Current) -> bool {
        let now = self.clock.now();
        let fresh = current.since <= now && now < current.until;
        fresh && current.state.revision == self.records.revision(&current.state.project)
    }

    /// Thousands of files and their compression take tens of milliseconds: off the threads that answer,
    /// and few at once, for memory's sake.
    async fn rendered(
        &self,
        judged: Judged,
        as_of: Option<Timestamp>,
        representation: Representation,
    ) -> Option<Arc<RenderedPage>> {
        let _turn = self.rendering.acquire().await.ok()?;
        let max_age = self.options.page_max_age;
        let rendering = move || {
            let state = &judged.state;
            let files: Vec<_> = judged.files(as_of).collect();
            let versions = judged.versions(&files, as_of);
            let entries: Vec<_> = files.into_iter().map(|file| file.entry).collect();
            index::project(&state.page.name, &entries, &versions, state.stale, representation, max_age)
        };
        tokio::task::spawn_blocking(rendering).await.ok().map(Arc::new)
    }

    /// What one who asks sees of a project just now.
    async fn judged(&self, asker: &Asker) -> Result<(Current, Judged), Answer> {
        let current = self.current(asker.project()).await?;
        let state = &current.state;
        let ruled = self.rulings.of(asker, state.id, &state.project, || state.releases.listed()).await;
        let ruled = ruled.map_err(|error| broken(&error))?;
        let judged = Judged { state: state.clone(), ruled };
        Ok((current, judged))
    }

    /// What is known about a project just now.
    async fn current(&self, name: &str) -> Result<Current, Answer> {
        let is_current = |current: &Current| self.is_current(current);
        if let Some(current) = self.states.get(name).filter(is_current) {
            return Ok(current);
        }
        let listing = match self.upstream.listing(name).await {
            Ok(listing) => listing,
            Err(error) => return Err(self.without_upstream(error)),
        };
        let _turn = self.flights.enter(&format!("state {name}")).await;
        let known = self.states.get(name);
        if let Some(current) = known.clone().filter(is_current) {
            return Ok(current);
        }
        let project = Purl::project("pypi", name);
        let revision = self.records.revision(&project);
        let same = known.filter(|known| {
            let state = &known.state;
            Arc::ptr_eq(&state.page, &listing.page)
                && state.revision == revision
                && state.stale == listing.stale
        });
        let state = match same {
            Some(known) => known.state,
            None => {
                let id = self.ids.fetch_add(1, Ordering::Relaxed);
                let built = State::build(
                    id,
                    self.records.as_ref(),
                    &project,
                    listing.page,
                    listing.stale,
                    self.repaired,
                )
                .await;
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

    fn without_upstream(&self, error: FetchError) -> Answer {
        if error.is_infrastructure() {
            tracing::warn!(%error, "a project cannot be served");
        }
        failed(error)
    }

    /// One alarm per file and digest that upstream moved; those that were raised before stay as they are.
    async fn raise_alarms(&self, project: &Purl, state: &State) -> Result<(), Answer> {
        let now = self.clock.now();
        let mut alarms: Vec<Fact> = state
            .moved()
            .map(|(filename, version, stop)| alarm(&state.page.name, version, filename, stop, now))
            .collect();
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

/// An alarm about a file.
fn alarm(project: &str, version: &str, filename: &str, stop: &Stop, at: Timestamp) -> Fact {
    stop.alarm(Purl::release("pypi", project, version), filename, at)
}
