//! Pages of a registry above the mill: one request for any number of callers, conditional where possible, and
//! bridged from memory for a bounded time while the registry is down. What a page means is the caller's.

use crate::flights::Flights;
use crate::page_store::{PageStore, StoredPage};
use bytes::Bytes;
use jiff::SignedDuration;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use trustmill_core::Timestamp;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use url::Url;

/// Mebibytes of bodies that are parsed at once; a larger one is parsed alone.
const PARSING: u32 = 32;

/// How pages are read and kept.
#[derive(Debug, Clone)]
pub struct PageOptions {
    /// How long a page is used unasked where the registry does not say.
    pub default_max_age: Duration,
    /// Longest that a page is used unasked, whatever the registry says.
    pub longest_max_age: Duration,
    /// How long after its last confirmation a page bridges an outage.
    pub max_stale: Duration,
    /// How long a failure is remembered before the registry is asked again, unless it says itself.
    pub failure_pause: Duration,
    /// How long what does not exist is remembered as such.
    pub unknown_pause: Duration,
    /// Bytes of parsed pages kept in memory.
    pub memory: u64,
}

impl Default for PageOptions {
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

/// A page as its reader understood it.
pub(crate) trait Parsed: PartialEq + Send + Sync + 'static {
    /// Rough bytes in memory.
    fn weight(&self) -> usize;
}

/// Where a page is and how it is read.
#[derive(Clone)]
pub(crate) struct Source<F> {
    /// Its address.
    pub(crate) url: Url,
    /// `Accept`.
    pub(crate) accept: &'static str,
    /// Reads the body; what is wrong with it is for people.
    pub(crate) parse: F,
}

/// A page, and how sure it is.
#[derive(Debug)]
pub(crate) struct Listing<P> {
    /// The page. The same `Arc` until the registry changes it.
    pub(crate) page: Arc<P>,
    /// Until when it needs no confirmation.
    pub(crate) fresh_until: Timestamp,
    /// Whether the registry is down and this is what it said before.
    pub(crate) stale: bool,
}

/// The pages of one registry, or of several.
pub(crate) struct Pages<P: Parsed> {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    store: Option<Arc<dyn PageStore>>,
    options: PageOptions,
    kept: Cache<String, Arc<Kept<P>>, Weight>,
    failures: Cache<String, Arc<Failure>>,
    flights: Flights,
    parsing: Semaphore,
}

/// A page in memory.
struct Kept<P> {
    page: Arc<P>,
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

impl<P: Parsed> quick_cache::Weighter<String, Arc<Kept<P>>> for Weight {
    fn weight(&self, key: &String, kept: &Arc<Kept<P>>) -> u64 {
        u64::try_from(key.len() + kept.page.weight()).unwrap_or(u64::MAX)
    }
}

impl<P: Parsed> Pages<P> {
    pub(crate) fn new(
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        store: Option<Arc<dyn PageStore>>,
        options: PageOptions,
    ) -> Self {
        Self {
            fetch,
            clock,
            store,
            kept: Cache::with_weighter(1024, options.memory, Weight),
            failures: Cache::new(4096),
            flights: Flights::default(),
            parsing: Semaphore::new(PARSING as usize),
            options,
        }
    }

    /// The page called `key`.
    ///
    /// # Errors
    /// The registry does not know it, cannot be read and nothing usable is kept, or sends what is no page.
    pub(crate) async fn get<F>(&self, key: &str, source: Source<F>) -> Result<Listing<P>, FetchError>
    where
        F: FnOnce(Bytes) -> Result<P, String> + Clone + Send + 'static,
    {
        if let Some(answer) = self.remembered(key) {
            return answer;
        }
        let arrived = self.clock.now();
        let _turn = self.flights.enter(key).await;
        // Whoever was here before may have brought it.
        if let Some(answer) = self.remembered(key) {
            return answer;
        }
        let known = match self.kept.get(key) {
            Some(kept) => Some(kept),
            None => self.restored(key, &source).await,
        };
        // What was confirmed while this caller waited is good for it, however short its life.
        let while_waiting =
            |kept: &Kept<P>| arrived <= kept.checked_at && kept.checked_at <= self.clock.now();
        if let Some(kept) = known.as_ref().filter(|kept| self.is_fresh(kept) || while_waiting(kept)) {
            return Ok(kept.listing(false));
        }
        self.ask(key, source, known).await
    }

    /// The body of a page as the store has it just now.
    pub(crate) async fn stored(&self, url: &Url) -> Option<Bytes> {
        Some(self.store.as_ref()?.load(url.as_str()).await?.body)
    }

    /// Whether bodies survive in a store.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Forgets a page, so that the next caller reads it anew.
    pub(crate) fn forget(&self, key: &str) {
        self.kept.remove(key);
    }

    /// What memory alone can answer.
    fn remembered(&self, key: &str) -> Option<Result<Listing<P>, FetchError>> {
        let kept = self.kept.get(key);
        if let Some(kept) = kept.as_ref().filter(|kept| self.is_fresh(kept)) {
            return Some(Ok(kept.listing(false)));
        }
        let failure = self.failures.get(key)?;
        let now = self.clock.now();
        let paused = failure.at <= now && now < failure.until;
        paused.then(|| self.bridged(kept, failure.error.clone()))
    }

    /// A clock that went backwards makes nothing fresh for longer.
    fn is_fresh(&self, kept: &Kept<P>) -> bool {
        let now = self.clock.now();
        kept.checked_at <= now && now < kept.fresh_until
    }

    /// The page from before a restart.
    async fn restored<F>(&self, key: &str, source: &Source<F>) -> Option<Arc<Kept<P>>>
    where
        F: FnOnce(Bytes) -> Result<P, String> + Clone + Send + 'static,
    {
        let stored = self.store.as_ref()?.load(source.url.as_str()).await?;
        let page = self.parse(source.parse.clone(), stored.body).await.ok()?;
        let kept = Arc::new(Kept {
            page: Arc::new(page),
            validators: stored.validators,
            checked_at: stored.checked_at,
            fresh_until: stored.fresh_until,
        });
        self.kept.insert(key.to_owned(), kept.clone());
        Some(kept)
    }

    /// One request to the registry.
    async fn ask<F>(
        &self,
        key: &str,
        source: Source<F>,
        known: Option<Arc<Kept<P>>>,
    ) -> Result<Listing<P>, FetchError>
    where
        F: FnOnce(Bytes) -> Result<P, String> + Clone + Send + 'static,
    {
        let url = source.url.clone();
        let validators = known.as_ref().map(|kept| &kept.validators);
        match self.fetch.page(url.as_str(), source.accept, validators).await {
            Ok(answer) => match self.accept(source, answer, known.as_deref()).await {
                Ok(kept) => {
                    self.failures.remove(key);
                    self.kept.insert(key.to_owned(), kept.clone());
                    Ok(kept.listing(false))
                }
                Err(why) => self.failed(key, FetchError::Malformed { url: redact(&url), why }, known),
            },
            Err(error) => self.failed(key, error, known),
        }
    }

    /// Makes a kept page of an answer.
    async fn accept<F>(
        &self,
        source: Source<F>,
        answer: Page,
        known: Option<&Kept<P>>,
    ) -> Result<Arc<Kept<P>>, String>
    where
        F: FnOnce(Bytes) -> Result<P, String> + Clone + Send + 'static,
    {
        let now = self.clock.now();
        match (answer, known) {
            (Page::NotModified { max_age }, Some(known)) => Ok(Arc::new(Kept {
                page: known.page.clone(),
                validators: known.validators.clone(),
                checked_at: now,
                fresh_until: self.fresh_until(now, max_age),
            })),
            (Page::NotModified { .. }, None) => Err("it answers 304 to an unconditional request".into()),
            (Page::Fresh { body, content_type, validators, max_age }, _) => {
                let fresh_until = self.fresh_until(now, max_age);
                let page = self.parse(source.parse, body.clone()).await?;
                if let Some(store) = &self.store {
                    let validators = validators.clone();
                    let page = StoredPage { body, content_type, validators, checked_at: now, fresh_until };
                    store.save(source.url.as_str(), &page).await;
                }
                // An unchanged page stays the same `Arc`: whatever was rendered from it stays valid.
                let same = known.filter(|known| *known.page == page).map(|known| known.page.clone());
                let page = same.unwrap_or_else(|| Arc::new(page));
                Ok(Arc::new(Kept { page, validators, checked_at: now, fresh_until }))
            }
        }
    }

    fn fresh_until(&self, now: Timestamp, max_age: Option<Duration>) -> Timestamp {
        let age = max_age.unwrap_or(self.options.default_max_age).min(self.options.longest_max_age);
        later(now, age)
    }

    /// Remembers a failure, and bridges it where that is allowed.
    fn failed(
        &self,
        key: &str,
        error: FetchError,
        known: Option<Arc<Kept<P>>>,
    ) -> Result<Listing<P>, FetchError> {
        let pause = match &error {
            FetchError::NotFound { .. } => self.options.unknown_pause,
            FetchError::Unavailable { retry_after, .. } => retry_after.unwrap_or(self.options.failure_pause),
            _ => self.options.failure_pause,
        };
        let at = self.clock.now();
        let until = later(at, pause.min(self.options.longest_max_age));
        self.failures.insert(key.to_owned(), Arc::new(Failure { error: error.clone(), at, until }));
        if let Some(kept) = &known {
            tracing::warn!(page = key, %error, checked_at = %kept.checked_at, "the registry cannot be read");
        }
        self.bridged(known, error)
    }

    /// The last known page while the registry is out of reach; what it denies is gone at once.
    fn bridged(&self, known: Option<Arc<Kept<P>>>, error: FetchError) -> Result<Listing<P>, FetchError> {
        match known {
            Some(kept)
                if error.is_infrastructure()
                    && self.clock.now() < later(kept.checked_at, self.options.max_stale) =>
            {
                Ok(kept.listing(true))
            }
            _ => Err(error),
        }
    }

    /// Parsing a large page takes tens of milliseconds: off the threads that answer requests, and few
    /// mebibytes at once, for each holds a body and what comes of it.
    async fn parse<F>(&self, parse: F, body: Bytes) -> Result<P, String>
    where
        F: FnOnce(Bytes) -> Result<P, String> + Send + 'static,
    {
        let cut_short = || "reading it was cut short".to_owned();
        let mebibytes = u32::try_from(body.len() >> 20).unwrap_or(PARSING).clamp(1, PARSING);
        let _turn = self.parsing.acquire_many(mebibytes).await.map_err(|_| cut_short())?;
        tokio::task::spawn_blocking(move || parse(body)).await.unwrap_or_else(|_| Err(cut_short()))
    }
}

impl<P> Kept<P> {
    fn listing(&self, stale: bool) -> Listing<P> {
        Listing { page: self.page.clone(), fresh_until: self.fresh_until, stale }
    }
}

/// A URL for logs and errors: without user, password and query.
pub(crate) fn redact(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which carry no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.into()
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}
