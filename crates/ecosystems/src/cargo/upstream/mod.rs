//! Reads the index above the mill: one request for any number of callers, conditional where possible, and
//! bridged from memory for a bounded time while the index is down.

mod discover;

pub use discover::{BadIndexUrl, Discovered, discover, index_url, redact, token_for};

use super::index::{IndexConfig, IndexFile};
use super::names;
use crate::flights::Flights;
use crate::page_store::{PageStore, StoredPage};
use bytes::Bytes;
use jiff::SignedDuration;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use trustmill_core::port::registry::Secret;
use trustmill_core::release::Project;
use url::Url;

/// How the upstream is read.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// How long a file is used unasked where the index does not say.
    pub default_max_age: Duration,
    /// Longest that a file is used unasked, whatever the index says.
    pub longest_max_age: Duration,
    /// How long after its last confirmation a file bridges an outage.
    pub max_stale: Duration,
    /// How long a failure is remembered before the index is asked again, unless it says itself.
    pub failure_pause: Duration,
    /// How long an unknown crate is remembered as unknown.
    pub unknown_pause: Duration,
    /// Bytes of index files kept in memory.
    pub memory: u64,
}

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            default_max_age: Duration::from_secs(600),
            longest_max_age: Duration::from_secs(24 * 3600),
            max_stale: Duration::from_secs(24 * 3600),
            failure_pause: Duration::from_secs(5),
            unknown_pause: Duration::from_secs(60),
            memory: 32 << 20,
        }
    }
}

/// What the index lists for a crate, and how sure that is.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The releases. The same `Arc` until the index changes them.
    pub file: Arc<IndexFile>,
    /// Until when they need no confirmation.
    pub fresh_until: Timestamp,
    /// Whether the index is down and this is what it said before.
    pub stale: bool,
}

/// The index above the mill.
pub struct Upstream {
    index: Url,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    store: Option<Arc<dyn PageStore>>,
    options: UpstreamOptions,
    files: Cache<String, Arc<Kept<IndexFile>>, Weight>,
    config: Cache<(), Arc<Kept<IndexConfig>>>,
    failures: Cache<String, Arc<Failure>>,
    flights: Flights,
}

/// A document in memory.
struct Kept<T> {
    value: Arc<T>,
    validators: Validators,
    checked_at: Timestamp,
    fresh_until: Timestamp,
}

/// A failure in memory.
struct Failure {
    error: FetchError,
    at: Timestamp,
    until: Timestamp,
}

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<String, Arc<Kept<IndexFile>>> for Weight {
    fn weight(&self, key: &String, kept: &Arc<Kept<IndexFile>>) -> u64 {
        u64::try_from(key.len() + kept.value.weight()).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upstream({})", self.shown_url())
    }
}

/// How the body of a document is read.
type Read<T> = dyn Fn(&Bytes) -> Result<T, String> + Send + Sync;

impl Upstream {
    /// Reads the index at `index_url` (see [`index_url`] and [`discover`]) through `fetch`.
    pub fn new(index_url: Url, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self::with_options(index_url, fetch, clock, None, UpstreamOptions::default())
    }

    /// As [`Self::new`], with a store for index files and every setting.
    pub fn with_options(
        index_url: Url,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        store: Option<Arc<dyn PageStore>>,
        options: UpstreamOptions,
    ) -> Self {
        Self {
            index: index_url,
            fetch,
            clock,
            store,
            files: Cache::with_weighter(1024, options.memory, Weight),
            config: Cache::new(1),
            failures: Cache::new(4096),
            flights: Flights::default(),
            options,
        }
    }

    /// The index that this machine's own `cargo` is configured for.
    ///
    /// # Errors
    /// The configuration replaces crates.io with what the mill does not read.
    pub fn discover() -> Result<Discovered, BadIndexUrl> {
        discover(|name| std::env::var(name).ok(), |path| std::fs::read_to_string(path).ok())
    }

    /// The token that this machine's own `cargo` has for an index.
    pub fn token_for(index: &Url) -> Option<Secret> {
        token_for(index, |name| std::env::var(name).ok(), |path| std::fs::read_to_string(path).ok())
    }

    /// The index in use, without credentials.
    pub fn shown_url(&self) -> String {
        redact(&self.index)
    }

    /// What the index lists for a crate, in the words of the domain.
    ///
    /// # Errors
    /// As [`Self::listing`].
    pub async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        let listing = self.listing(name).await?;
        Ok(Arc::new(listing.file.project(&*self.config().await?)))
    }

    /// Where files are.
    ///
    /// # Errors
    /// The index cannot be read and nothing usable is kept, or its `config.json` is none.
    pub async fn config(&self) -> Result<Arc<IndexConfig>, FetchError> {
        let path = "config.json";
        let _turn = self.flights.enter(path).await;
        let known = self.config.get(&());
        if let Some(kept) = known.as_ref().filter(|kept| self.is_fresh(kept)) {
            return Ok(kept.value.clone());
        }
        if let Some(error) = self.paused(path) {
            return self.bridged(known, error).map(|kept| kept.value.clone());
        }
        let read = |body: &Bytes| IndexConfig::parse(body).map_err(|why| why.to_string());
        let kept = match self.ask(path, known.as_deref(), &read).await {
            Ok(kept) => kept,
            Err(error) => self.bridged(known, error)?,
        };
        self.config.insert((), kept.clone());
        Ok(kept.value.clone())
    }

    /// What the index lists for a crate. The name's case does not matter.
    ///
    /// # Errors
    /// The index does not know it, cannot be read and nothing usable is kept, or sends what is no index file.
    pub async fn listing(&self, name: &str) -> Result<Listing, FetchError> {
        if !names::is_name(name) {
            return Err(FetchError::NotFound { url: self.shown_url() });
        }
        let name = name.to_ascii_lowercase();
        if let Some(kept) = self.files.get(&name).filter(|kept| self.is_fresh(kept)) {
            return Ok(kept.listing(false));
        }
        let arrived = self.clock.now();
        let _turn = self.flights.enter(&name).await;
        let path = names::index_path(&name);
        let wanted = name.clone();
        let read = move |body: &Bytes| IndexFile::parse(&wanted, body).map_err(|why| why.to_string());
        let known = match self.files.get(&name) {
            Some(kept) => Some(kept),
            None => self.restored(&path, &read).await,
        };
        // What was confirmed while this caller waited is good for it, however short its life.
        let waited_for =
            |kept: &Kept<IndexFile>| arrived <= kept.checked_at && kept.checked_at <= self.clock.now();
        if let Some(kept) = known.as_ref().filter(|kept| self.is_fresh(kept) || waited_for(kept)) {
            self.files.insert(name, kept.clone());
            return Ok(kept.listing(false));
        }
        if let Some(error) = self.paused(&path) {
            return self.bridged(known, error).map(|kept| kept.listing(true));
        }
        match self.ask(&path, known.as_deref(), &read).await {
            Ok(kept) => {
                if kept.value.left_out > 0 {
                    tracing::warn!(
                        name,
                        lines = kept.value.left_out,
                        "lines of the index cannot be read and are left out"
                    );
                }
                self.files.insert(name, kept.clone());
                Ok(kept.listing(false))
            }
            Err(error) => self.bridged(known, error).map(|kept| kept.listing(true)),
        }
    }

    /// A clock that went backwards makes nothing fresh for longer.
    fn is_fresh<T>(&self, kept: &Kept<T>) -> bool {
        let now = self.clock.now();
        kept.checked_at <= now && now < kept.fresh_until
    }

    /// The failure because of which the index is not asked again just now.
    fn paused(&self, path: &str) -> Option<FetchError> {
        let failure = self.failures.get(path)?;
        let now = self.clock.now();
        (failure.at <= now && now < failure.until).then(|| failure.error.clone())
    }

    /// The file from before a restart.
    async fn restored(&self, path: &str, read: &Read<IndexFile>) -> Option<Arc<Kept<IndexFile>>> {
        let url = self.index.join(path).ok()?;
        let stored = self.store.as_ref()?.load(url.as_str()).await?;
        let value = Arc::new(read(&stored.body).ok()?);
        let StoredPage { validators, checked_at, fresh_until, .. } = stored;
        Some(Arc::new(Kept { value, validators, checked_at, fresh_until }))
    }

    /// One request to the index.
    async fn ask<T: PartialEq>(
        &self,
        path: &str,
        known: Option<&Kept<T>>,
        read: &Read<T>,
    ) -> Result<Arc<Kept<T>>, FetchError> {
        let result = match self.index.join(path) {
            Ok(url) => {
                let validators = known.map(|kept| &kept.validators);
                match self.fetch.page(url.as_str(), "*/*", validators).await {
                    Ok(page) => self.accept(&url, page, known, read).await,
                    Err(error) => Err(error),
                }
            }
            Err(_) => Err(FetchError::NotFound { url: self.shown_url() }),
        };
        match &result {
            Ok(_) => {
                self.failures.remove(path);
            }
            Err(error) => self.remember_failure(path, error),
        }
        result
    }

    async fn accept<T: PartialEq>(
        &self,
        url: &Url,
        page: Page,
        known: Option<&Kept<T>>,
        read: &Read<T>,
    ) -> Result<Arc<Kept<T>>, FetchError> {
        let malformed = |why| FetchError::Malformed { url: redact(url), why };
        let checked_at = self.clock.now();
        match (page, known) {
            (Page::NotModified { max_age }, Some(known)) => {
                let fresh_until = self.fresh_until(checked_at, max_age);
                let (value, validators) = (known.value.clone(), known.validators.clone());
                Ok(Arc::new(Kept { value, validators, checked_at, fresh_until }))
            }
            (Page::NotModified { .. }, None) => {
                Err(malformed("it answers 304 to an unconditional request".into()))
            }
            (Page::Fresh { body, content_type, validators, max_age }, _) => {
                let value = read(&body).map_err(malformed)?;
                let fresh_until = self.fresh_until(checked_at, max_age);
                if let Some(store) = &self.store {
                    let validators = validators.clone();
                    let page = StoredPage { body, content_type, validators, checked_at, fresh_until };
                    store.save(url.as_str(), &page).await;
                }
                // What is unchanged stays the same `Arc`: whatever was rendered from it stays valid.
                let same = known.filter(|known| *known.value == value).map(|known| known.value.clone());
                let value = same.unwrap_or_else(|| Arc::new(value));
                Ok(Arc::new(Kept { value, validators, checked_at, fresh_until }))
            }
        }
    }

    fn fresh_until(&self, now: Timestamp, max_age: Option<Duration>) -> Timestamp {
        later(now, max_age.unwrap_or(self.options.default_max_age).min(self.options.longest_max_age))
    }

    fn remember_failure(&self, path: &str, error: &FetchError) {
        let pause = match error {
            FetchError::NotFound { .. } => self.options.unknown_pause,
            FetchError::Unavailable { retry_after, .. } => retry_after.unwrap_or(self.options.failure_pause),
            _ => self.options.failure_pause,
        };
        let at = self.clock.now();
        let until = later(at, pause.min(self.options.longest_max_age));
        self.failures.insert(path.to_owned(), Arc::new(Failure { error: error.clone(), at, until }));
    }

    /// What was last known while the index is out of reach; a crate that it denies is gone at once.
    fn bridged<T>(&self, known: Option<Arc<Kept<T>>>, error: FetchError) -> Result<Arc<Kept<T>>, FetchError> {
        let usable = |kept: &Arc<Kept<T>>| self.clock.now() < later(kept.checked_at, self.options.max_stale);
        known.filter(|kept| error.is_infrastructure() && usable(kept)).ok_or(error)
    }
}

impl Kept<IndexFile> {
    fn listing(&self, stale: bool) -> Listing {
        Listing { file: self.value.clone(), fresh_until: self.fresh_until, stale }
    }
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}
