//! The serving side of crates.io: what `cargo` is answered under `/cargo`.
//!
//! Index files are upstream's lines, with what the mill knows laid over them: refused releases are yanked, and
//! digests are locked at first sight. `docs/serving.md` has the grammar.

mod answers;
mod files;
mod judged;
mod route;
mod state;

use super::upstream::Upstream;
use crate::flights::Flights;
use crate::rulings::{Asker, Rulings};
use crate::stop::{ALARM, Stop, broken};
use answers::{failed, not_here};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::SignedDuration;
use judged::Judged;
use quick_cache::sync::Cache;
use route::{Route, route};
use state::State;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use trustmill_core::digest::Hasher;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::Gate;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{
    Answer, Method, NoReleases, Registry, Releases, RenderedPage, Request, Takes,
};
use trustmill_core::ruling::Listed;
use trustmill_core::{Purl, Sha256, Timestamp};

/// How the registry serves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// How long clients may use an index file unasked. Short: a refusal should arrive.
    pub page_max_age: Duration,
    /// Largest `.crate` that is brought from upstream, in bytes.
    pub max_file: u64,
    /// Bytes of rendered index files kept in memory.
    pub page_memory: u64,
    /// How long an index file bridges an outage of upstream before upstream is asked again.
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
    /// Facts and locks.
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

/// The serving side of crates.io.
pub struct CargoRegistry {
    inner: Arc<Inner>,
    /// The same with repaired releases, for those who ask for them.
    repaired: Arc<Inner>,
}

/// The folder below the mount under which repaired releases are seen.
const REPAIRED: &str = "remediated";

struct Inner {
    /// Whether repaired releases are in the place of those that they repair.
    repaired: bool,
    upstream: Arc<Upstream>,
    ports: RegistryPorts,
    rulings: Rulings,
    options: RegistryOptions,
    states: Cache<String, Current, StateWeight>,
    pages: Cache<PageKey, Rendered, PageWeight>,
    flights: Flights,
    ids: AtomicU64,
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
    name: String,
    as_of: Option<Timestamp>,
    /// What the file shows of a ruling.
    shown: Sha256,
}

/// A rendered index file, and what makes it still right; no page where nothing existed yet.
#[derive(Clone)]
struct Rendered {
    page: Option<Arc<RenderedPage>>,
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
        let body = rendered.page.as_ref().map_or(0, |page| page.body.len());
        (key.name.len() + body + 256) as u64
    }
}

/// Bytes of crates' states, upstream's index files under them included.
const STATE_MEMORY: u64 = 32 << 20;

impl CargoRegistry {
    /// A registry over `upstream` with the usual settings.
    pub fn new(upstream: Arc<Upstream>, ports: RegistryPorts) -> Self {
        Self::with_options(upstream, ports, RegistryOptions::default())
    }

    /// A registry with every setting.
    pub fn with_options(upstream: Arc<Upstream>, ports: RegistryPorts, options: RegistryOptions) -> Self {
        let view = |repaired: bool, ports: RegistryPorts, options: RegistryOptions| Inner {
            repaired,
            upstream: Arc::clone(&upstream),
            rulings: Rulings::new(ports.gate.clone(), ports.clock.clone()),
            ports,
            states: Cache::with_weighter(1024, STATE_MEMORY, StateWeight),
            pages: Cache::with_weighter(1024, options.page_memory, PageWeight),
            flights: Flights::default(),
            ids: AtomicU64::new(0),
            options,
        };
        let repaired = Arc::new(view(true, ports.clone(), options.clone()));
        Self { inner: Arc::new(view(false, ports, options)), repaired }
    }
}

#[async_trait]
impl Registry for CargoRegistry {
    fn ty(&self) -> &'static str {
        "cargo"
    }

    fn takes(&self, method: Method, path: &str) -> Takes {
        // Publishing is refused in cargo's own words, without its body being read.
        if method == Method::Get || matches!(route(path), Route::Api) { Takes::Head } else { Takes::Nothing }
    }

    fn usage(&self) -> &'static [&'static str] {
        &[
            "CARGO_REGISTRIES_MILL_INDEX=sparse+{mount}/ cargo --config 'source.crates-io.replace-with=\"mill\"' fetch",
        ]
    }

    /// cargo asks again with its token when it sees this
    /// (<https://doc.rust-lang.org/cargo/reference/registry-authentication.html>).
    fn challenge(&self, origin: Option<&str>) -> String {
        format!("Cargo login_url=\"{}/\"", origin.unwrap_or("http://localhost"))
    }

    async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        let name = project.name().to_ascii_lowercase();
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
        let (inner, path, folder) =
            match request.path.strip_prefix(REPAIRED).and_then(|rest| rest.strip_prefix('/')) {
                Some(rest) => (&self.repaired, rest, format!("/{REPAIRED}")),
                None => (&self.inner, request.path.as_str(), String::new()),
            };
        match route(path) {
            Route::Config => inner.config(request, &folder),
            Route::Index(name) => inner.index(&Asker::new(name, request), request.as_of).await,
            Route::File(name, version) => {
                let asker = Asker::new(&name.to_ascii_lowercase(), request);
                inner.file(&asker, name, version, request.as_of).await
            }
            Route::Provenance(name, version) => {
                let asker = Asker::new(&name.to_ascii_lowercase(), request);
                inner.provenance(&asker, name, version, request.as_of).await
            }
            Route::Api => not_here(),
            Route::Unknown => Answer::NotFound("there is nothing under this path".into()),
        }
    }
}

impl Inner {
    /// `config.json`. Its addresses are whole, in the client's own words, so it is made for each request.
    fn config(&self, request: &Request, folder: &str) -> Answer {
        let Some(origin) = &request.origin else {
            return Answer::NotFound("the request names no plain host, which config.json must name".into());
        };
        let base = format!("{origin}{}{folder}", request.mount);
        let mut config = serde_json::json!({
            "dl": format!("{base}/files/{{crate}}/{{crate}}-{{version}}.crate"),
            "api": base,
        });
        if let (Some(object), true) = (config.as_object_mut(), request.auth_required) {
            object.insert("auth-required".to_owned(), true.into());
        }
        Answer::Page(Arc::new(self.page(Bytes::from(config.to_string()), "application/json", "Host")))
    }

    /// An index file. A hot one costs two look-ups.
    async fn index(&self, asker: &Asker, as_of: Option<Timestamp>) -> Answer {
        let key = |shown| PageKey { name: asker.project().to_owned(), as_of, shown };
        if let Some(given) = self.rulings.standing(asker)
            && let Some(hot) = self.pages.get(&key(given.ruled.shown()))
            && hot.current.state.id == given.state
            && self.is_current(&hot.current)
        {
            return existing(hot.page);
        }
        let (current, judged) = match self.judged(asker).await {
            Ok(judged) => judged,
            Err(answer) => return answer,
        };
        let key = key(judged.ruled.shown());
        let known = self.pages.get(&key).filter(|known| known.current.state.id == current.state.id);
        let page = match known {
            Some(known) => known.page,
            None => {
                judged.rendered(as_of).map(|body| Arc::new(self.page(body, "text/plain; charset=utf-8", "")))
            }
        };
        self.pages.insert(key, Rendered { page: page.clone(), current });
        existing(page)
    }

    fn page(&self, body: Bytes, content_type: &'static str, vary: &'static str) -> RenderedPage {
        let mut hasher = Hasher::new();
        hasher.update(&body);
        // Half of a SHA-256 tells any two files apart and keeps headers short.
        let etag = format!("\"{:.32}\"", hasher.finish().to_hex());
        RenderedPage { content_type, body, gzip: None, etag, max_age: self.options.page_max_age, vary }
    }

    /// What one who asks sees of a crate just now.
    async fn judged(&self, asker: &Asker) -> Result<(Current, Judged), Answer> {
        let current = self.current(asker.project()).await?;
        let state = &current.state;
        let ruled = self.rulings.of(asker, state.id, &state.project, || state.releases()).await;
        let ruled = ruled.map_err(|error| broken(&error))?;
        let judged = Judged { state: state.clone(), ruled };
        Ok((current, judged))
    }

    /// What is known about a crate just now. `name` is in lower case.
    async fn current(&self, name: &str) -> Result<Current, Answer> {
        if let Some(current) = self.states.get(name).filter(|current| self.is_current(current)) {
            return Ok(current);
        }
        let listing = self.upstream.listing(name).await.map_err(|error| {
            if error.is_infrastructure() {
                tracing::warn!(%error, "a crate cannot be served");
            }
            failed(error)
        })?;
        let _turn = self.flights.enter(&format!("state {name}")).await;
        let known = self.states.get(name);
        if let Some(current) = known.clone().filter(|current| self.is_current(current)) {
            return Ok(current);
        }
        let revision = self.ports.records.revision(&Purl::project("cargo", &listing.file.name));
        let same = known.filter(|known| {
            let state = &known.state;
            Arc::ptr_eq(&state.upstream, &listing.file)
                && state.revision == revision
                && state.stale == listing.stale
        });
        let state = match same {
            Some(known) => known.state,
            None => {
                let id = self.ids.fetch_add(1, Ordering::Relaxed);
                let records = self.ports.records.as_ref();
                let built = State::build(id, records, listing.file, listing.stale, self.repaired).await;
                let state = Arc::new(built.map_err(|error| broken(&error))?);
                self.raise_alarms(&state).await?;
                state
            }
        };
        let now = self.ports.clock.now();
        let pause = SignedDuration::try_from(self.options.stale_pause).unwrap_or(SignedDuration::ZERO);
        let until = if listing.stale { now.checked_add(pause).unwrap_or(now) } else { listing.fresh_until };
        let current = Current { state, since: now, until };
        self.states.insert(name.to_owned(), current.clone());
        Ok(current)
    }

    fn is_current(&self, current: &Current) -> bool {
        let now = self.ports.clock.now();
        let fresh = current.since <= now && now < current.until;
        fresh && current.state.revision == self.ports.records.revision(&current.state.project)
    }

    /// One alarm per release and digest that upstream moved; those that were raised before stay as they are.
    async fn raise_alarms(&self, state: &State) -> Result<(), Answer> {
        let now = self.ports.clock.now();
        let alarm = |version: &str, stop: &Stop| {
            let filename = super::names::filename(&state.file.name, version);
            stop.alarm(state.project.at(version), &filename, now)
        };
        let mut alarms: Vec<Fact> = state.moved().map(|(version, stop)| alarm(version, stop)).collect();
        if alarms.is_empty() {
            return Ok(());
        }
        let raised =
            self.ports.records.facts(&state.project, Some(ALARM)).await.map_err(|error| broken(&error))?;
        let raised: BTreeSet<_> = raised.iter().map(Fact::address).collect();
        alarms.retain(|alarm| !raised.contains(&alarm.address()));
        if alarms.is_empty() {
            return Ok(());
        }
        self.ports.records.append(&alarms).await.map_err(|error| broken(&error))
    }
}

fn existing(page: Option<Arc<RenderedPage>>) -> Answer {
    match page {
        Some(page) => Answer::Page(page),
        None => Answer::NotFound("this crate has no release before that instant".into()),
    }
}
