//! Reads the index above the mill: one request for any number of callers, conditional where possible,
//! and bridged from memory for a bounded time while the index is down.

mod discover;

pub use crate::page_store::{FolderStore, PageStore, StoredPage};
pub use discover::{BadIndexUrl, Discovered, discover, index_url};

use super::names;
use super::page::{self, PageError, ProjectPage};
use crate::flights::Flights;
use jiff::SignedDuration;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use trustmill_core::Timestamp;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use trustmill_core::release::Project;
use url::Url;

/// Pages that are parsed at once.
const PARSING: usize = 2;

/// How the upstream is read.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// How long a page is used unasked where the index does not say.
    pub default_max_age: Duration,
    /// Longest that a page is used unasked, whatever the index says.
    pub longest_max_age: Duration,
    /// How long after its last confirmation a page bridges an outage.
    pub max_stale: Duration,
    /// How long a failure is remembered before the index is asked again, unless it says itself.
    pub failure_pause: Duration,
    /// How long an unknown project is remembered as unknown.
    pub unknown_pause: Duration,
    /// Bytes of parsed pages kept in memory.
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

/// What the index lists for a project, and how sure that is.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The page. The same `Arc` until the index changes it.
    pub page: Arc<ProjectPage>,
    /// When the index last confirmed it.
    pub checked_at: Timestamp,
    /// Until when it needs no confirmation.
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
    pages: Cache<String, Arc<Kept>, Weight>,
    failures: Cache<String, Arc<Failure>>,
    flights: Flights,
    parsing: Semaphore,
}

/// A page in memory.
struct Kept {
    page: Arc<ProjectPage>,
    content_type: String,
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

impl quick_cache::Weighter<String, Arc<Kept>> for Weight {
    fn weight(&self, key: &String, kept: &Arc<Kept>) -> u64 {
        u64::try_from(key.len() + kept.page.weight()).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upstream({})", redact(&self.index))
    }
}

/// A URL for logs and errors: without user, password and query.
pub fn redact(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which carry no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.into()
}

impl Upstream {
    /// Reads the index at `index_url` (see [`index_url`] and [`discover`]) through `fetch`.
    pub fn new(index_url: Url, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self::with_options(index_url, fetch, clock, None, UpstreamOptions::default())
    }

    /// As [`Self::new`], with a store for pages and every setting.
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
            pages: Cache::with_weighter(1024, options.memory, Weight),
            failures: Cache::new(4096),
            flights: Flights::default(),
            parsing: Semaphore::new(PARSING),
            options,
        }
    }

    /// The index that this machine's own `pip` is configured for.
    ///
    /// # Errors
    /// The strongest setting is no `http` or `https` URL.
    pub fn discover() -> Result<Discovered, BadIndexUrl> {
        discover(|name| std::env::var(name).ok(), |path| std::fs::read_to_string(path).ok())
    }

    /// The index in use, without credentials.
    pub fn shown_url(&self) -> String {
        redact(&self.index)
    }

    /// What the index lists for a project, in the words of the domain.
    ///
    /// # Errors
    /// As [`Self::listing`].
    pub async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        Ok(Arc::new(self.listing(name).await?.page.project()))
    }

    /// What the index lists for a project.
    ///
    /// # Errors
    /// The index does not know it, cannot be read and nothing usable is kept, or sends what is no page.
    pub async fn listing(&self, name: &str) -> Result<Listing, FetchError> {
        let Some(name) = names::normalise(name) else {
            return Err(FetchError::NotFound { url: self.shown_url() });
        };
        if let Some(answer) = self.remembered(&name) {
            return answer;
        }
        let arrived = self.clock.now();
        let _turn = self.flights.enter(&name).await;
        // Whoever was here before may have brought it.
        if let Some(answer) = self.remembered(&name) {
            return answer;
        }
        let known = match self.pages.get(name.as_str()) {
            Some(kept) => Some(kept),
            None => self.restored(&name).await,
        };
        // What was confirmed while this caller waited is good for it, however short its life.
        let while_waiting = |kept: &Kept| arrived <= kept.checked_at && kept.checked_at <= self.clock.now();
        if let Some(kept) = known.as_ref().filter(|kept| self.is_fresh(kept) || while_waiting(kept)) {
            return Ok(kept.listing(false));
        }
        self.ask(&name, known).await
    }

    /// What memory alone can answer.
    fn remembered(&self, name: &str) -> Option<Result<Listing, FetchError>> {
        let kept = self.pages.get(name);
        if let Some(kept) = kept.as_ref().filter(|kept| self.is_fresh(kept)) {
            return Some(Ok(kept.listing(false)));
        }
        let failure = self.failures.get(name)?;
        let now = self.clock.now();
        let paused = failure.at <= now && now < failure.until;
        paused.then(|| self.bridged(kept, failure.error.clone()))
    }

    /// A clock that went backwards makes nothing fresh for longer.
    fn is_fresh(&self, kept: &Kept) -> bool {
        let now = self.clock.now();
        kept.checked_at <= now && now < kept.fresh_until
    }

    /// The page from before a restart.
    async fn restored(&self, name: &str) -> Option<Arc<Kept>> {
        let url = self.url_of(name)?;
        let stored = self.store.as_ref()?.load(url.as_str()).await?;
        let page = self.read_page(name, &url, &stored.content_type, stored.body).await.ok()?;
        let kept = Arc::new(Kept {
            page: Arc::new(page),
            content_type: stored.content_type,
            validators: stored.validators,
            checked_at: stored.checked_at,
            fresh_until: stored.fresh_until,
        });
        self.pages.insert(name.to_owned(), kept.clone());
        Some(kept)
    }

    /// One request to the index.
    async fn ask(&self, name: &str, known: Option<Arc<Kept>>) -> Result<Listing, FetchError> {
        let url = self.url_of(name).ok_or_else(|| FetchError::NotFound { url: self.shown_url() })?;
        let validators = known.as_ref().map(|kept| &kept.validators);
        match self.fetch.page(url.as_str(), page::ACCEPT, validators).await {
            Ok(answer) => match self.accept(name, &url, answer, known.as_deref()).await {
                Ok(kept) => {
                    self.failures.remove(name);
                    self.pages.insert(name.to_owned(), kept.clone());
                    Ok(kept.listing(false))
                }
                Err(why) => self.failed(name, FetchError::Malformed { url: redact(&url), why }, known),
            },
            Err(error) => self.failed(name, error, known),
        }
    }

    /// Makes a kept page of an answer.
    async fn accept(
        &self,
        name: &str,
        url: &Url,
        answer: Page,
        known: Option<&Kept>,
    ) -> Result<Arc<Kept>, String> {
        let now = self.clock.now();
        match (answer, known) {
            (Page::NotModified { max_age }, Some(known)) => Ok(Arc::new(Kept {
                page: known.page.clone(),
                content_type: known.content_type.clone(),
                validators: known.validators.clone(),
                checked_at: now,
                fresh_until: self.fresh_until(now, max_age),
            })),
            (Page::NotModified { .. }, None) => Err("it answers 304 to an unconditional request".into()),
            (Page::Fresh { body, content_type, validators, max_age }, _) => {
                let fresh_until = self.fresh_until(now, max_age);
                let page = self
                    .read_page(name, url, &content_type, body.clone())
                    .await
                    .map_err(|e| e.to_string())?;
                if let Some(store) = &self.store {
                    let (content_type, validators) = (content_type.clone(), validators.clone());
                    let page = StoredPage { body, content_type, validators, checked_at: now, fresh_until };
                    store.save(url.as_str(), &page).await;
                }
                // An unchanged page stays the same `Arc`: whatever was rendered from it stays valid.
                let same = known.filter(|known| *known.page == page).map(|known| known.page.clone());
                let page = same.unwrap_or_else(|| Arc::new(page));
                Ok(Arc::new(Kept { page, content_type, validators, checked_at: now, fresh_until }))
            }
        }
    }

    fn fresh_until(&self, now: Timestamp, max_age: Option<Duration>) -> Timestamp {
        let age = max_age.unwrap_or(self.options.default_max_age).min(self.options.longest_max_age);
        later(now, age)
    }

    /// Remembers a failure, and bridges it where that is allowed.
    fn failed(&self, name: &str, error: FetchError, known: Option<Arc<Kept>>) -> Result<Listing, FetchError> {
        let pause = match &error {
            FetchError::NotFound { .. } => self.options.unknown_pause,
            FetchError::Unavailable { retry_after, .. } => retry_after.unwrap_or(self.options.failure_pause),
            _ => self.options.failure_pause,
        };
        let at = self.clock.now();
        let until = later(at, pause.min(self.options.longest_max_age));
        self.failures.insert(name.to_owned(), Arc::new(Failure { error: error.clone(), at, until }));
        if let Some(kept) = &known {
            tracing::warn!(project = name, %error, checked_at = %kept.checked_at, "the index cannot be read");
        }
        self.bridged(known, error)
    }

    /// The last known page while the index is out of reach; a project that it denies is gone at once.
    fn bridged(&self, known: Option<Arc<Kept>>, error: FetchError) -> Result<Listing, FetchError> {
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

    /// Parsing a large page takes tens of milliseconds: off the threads that answer requests, and few at
    /// once, for each holds a body and what comes of it.
    async fn read_page(
        &self,
        name: &str,
        url: &Url,
        kind: &str,
        body: bytes::Bytes,
    ) -> Result<ProjectPage, PageError> {
        let cut_short = PageError::Html("reading it was cut short");
        let Ok(_turn) = self.parsing.acquire().await else { return Err(cut_short) };
        let (name, url, kind) = (name.to_owned(), url.clone(), kind.to_owned());
        let parsing = move || page::parse(&name, &url, &kind, &body);
        tokio::task::spawn_blocking(parsing).await.unwrap_or(Err(cut_short))
    }

    fn url_of(&self, name: &str) -> Option<Url> {
        self.index.join(&format!("{name}/")).ok()
    }
}

impl Kept {
    fn listing(&self, stale: bool) -> Listing {
        Listing { page: self.page.clone(), checked_at: self.checked_at, fresh_until: self.fresh_until, stale }
    }
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}
