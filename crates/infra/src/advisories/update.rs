//! An update of a feed: what changed where a list of changes is kept, else all of it, and a note of how it went.

use super::error::FeedError;
use super::feed::{Address, Feed, State};
use super::intake::{self, AHEAD_OF_US, Batch, Source};
use super::report::{Progress, Report, Way};
use super::{AdvisoryStore, delta, unread, unwritten};
use crate::http::{HttpFetch, Snapshot};
use bytes::Bytes;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use trustmill_core::Timestamp;
use trustmill_core::advisory::osv::RECORD_BYTES;
use trustmill_core::port::Coded;
use trustmill_core::port::fetch::{FetchError, Validators};
use url::Url;

/// The largest archive.
const ARCHIVE_BYTES: u64 = 4 << 30;
/// The largest list of changes.
const LIST_BYTES: u64 = 256 << 20;
/// More changes than these, or more bytes of them, and the archive is the shorter way.
const CHANGES: usize = 500;
const CHANGES_BYTES: usize = 64 << 20;
/// Records fetched at once.
const AT_ONCE: usize = 8;
/// A list of changes does not tell of what vanished: so often everything is read.
const WHOLE_EVERY: Duration = Duration::from_secs(7 * 86_400);
/// After a failure it is tried again this soon, or at the feed's own pace if that is sooner.
const RETRY: Duration = Duration::from_secs(300);

/// The first feed that is read without a name.
const LOCAL: &str = "local";

/// The feeds of an installation.
#[derive(Debug, Clone)]
pub struct Feeds {
    store: Arc<AdvisoryStore>,
    fetch: HttpFetch,
    feeds: Vec<Feed>,
}

/// How an update is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Everything is read, whatever the server says of changes.
    pub whole: bool,
    /// A feed that is older or much smaller than before is taken nevertheless.
    pub accept_loss: bool,
}

impl Feeds {
    /// Feeds that are read into a store.
    pub fn new(store: Arc<AdvisoryStore>, fetch: HttpFetch, feeds: Vec<Feed>) -> Self {
        Self { store, fetch, feeds }
    }

    /// The feeds, in the order of the configuration.
    pub fn all(&self) -> &[Feed] {
        &self.feeds
    }

    /// The name of the feed that is read from an address: the one of the configuration or the one that was read from
    /// there before, else a new one. What one place says must not pass for an older copy of what another said.
    pub async fn name_of(&self, address: &Address) -> Result<String, FeedError> {
        let shown = address.shown();
        if let Some(feed) = self.feeds.iter().find(|feed| feed.address.shown() == shown) {
            return Ok(feed.name.clone());
        }
        let states = self.store.db.read(intake::states).await.map_err(unread)?;
        if let Some((name, _)) = states.iter().find(|(_, state)| state.address == shown) {
            return Ok(name.clone());
        }
        let taken = |name: &str| {
            self.feeds.iter().any(|feed| feed.name == name)
                || states.iter().any(|(held, state)| held == name && !state.address.is_empty())
        };
        // Records by themselves are added to whatever is there.
        if matches!(address, Address::Record(_)) || !taken(LOCAL) {
            return Ok(LOCAL.to_owned());
        }
        let name = address.short();
        let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
        Ok(std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name))
    }

    /// The feeds whose time has come.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<&Feed>, FeedError> {
        let mut due = Vec::new();
        for feed in &self.feeds {
            let state = self.store.state(&feed.name).await?;
            let elsewhere = state.address != feed.address.shown();
            let is_due = match state.failing_since {
                Some(_) => is_past(state.tried_at, feed.every.min(RETRY), now),
                None => elsewhere || is_past(state.read_at, feed.every, now),
            };
            if is_due {
                due.push(feed);
            }
        }
        Ok(due)
    }

    /// Reads a feed into the store. A failure changes nothing of what is held, and is remembered.
    pub async fn update(
        &self,
        feed: &Feed,
        options: Options,
        progress: &Arc<Progress>,
        now: Timestamp,
    ) -> Result<Report, FeedError> {
        let update = Update { feeds: self, feed, options, progress, now };
        let result = update.run().await;
        match &result {
            Ok(report) if report.conflicts + report.refused > 0 => tracing::warn!(
                feed = feed.name,
                conflicts = report.conflicts,
                refused = report.refused,
                "records of a feed contradict each other or are refused"
            ),
            Ok(_) | Err(FeedError::Store(_) | FeedError::Busy) => {}
            Err(error) => update.note(error).await?,
        }
        result
    }
}

/// What never was is long past.
fn is_past(since: Option<Timestamp>, pause: Duration, now: Timestamp) -> bool {
    since.is_none_or(|since| since.saturating_add(pause).is_ok_and(|at| at <= now))
}

/// One update.
struct Update<'a> {
    feeds: &'a Feeds,
    feed: &'a Feed,
    options: Options,
    progress: &'a Arc<Progress>,
    now: Timestamp,
}

impl Update<'_> {
    async fn run(&self) -> Result<Report, FeedError> {
        let (source, remember) = match &self.feed.address {
            Address::Url(url) => return self.remote(url).await,
            Address::Folder(path) => (Source::Folder(path.clone()), Validators::default()),
            Address::Record(path) => (Source::Record(path.clone()), Validators::default()),
            Address::Archive(path) => {
                let failed = |source| FeedError::Unreadable { path: path.clone(), source };
                (Source::Archive(File::open(path).map_err(failed)?), Validators::default())
            }
        };
        self.take_in(source, move |state| state.archive = remember).await
    }

    async fn remote(&self, url: &Url) -> Result<Report, FeedError> {
        let state = self.feeds.store.state(&self.feed.name).await?;
        let known = state.read_at.is_some() && state.address == self.feed.address.shown();
        let known = known && !self.options.whole && !self.options.accept_loss;
        let lately = !is_past(state.whole_at, WHOLE_EVERY, self.now);
        if known
            && lately
            && let Some(report) = self.changes(url, &state).await?
        {
            return Ok(report);
        }
        let validators = Some(&state.archive).filter(|_| known);
        match self.fetch(url, validators, ARCHIVE_BYTES).await? {
            Snapshot::Unchanged => {
                let now = self.now;
                self.unchanged(move |state| state.whole_at = Some(now)).await
            }
            Snapshot::Fresh(mut staged, validators) => {
                let file = staged.reader().await.map_err(|error| self.unstored(url, &error))?;
                let report =
                    self.take_in(Source::Archive(file), move |state| state.archive = validators).await;
                drop(staged);
                report
            }
        }
    }

    /// Reads what changed; `None` if that is not to be had this way.
    async fn changes(&self, url: &Url, state: &State) -> Result<Option<Report>, FeedError> {
        let Ok(list) = url.join("modified_id.csv") else { return Ok(None) };
        let (mut staged, validators) = match self.fetch(&list, Some(&state.changes), LIST_BYTES).await {
            Ok(Snapshot::Fresh(staged, validators)) => (staged, validators),
            Ok(Snapshot::Unchanged) => return self.unchanged(|_| ()).await.map(Some),
            Err(FeedError::Unreachable(FetchError::NotFound { .. } | FetchError::Refused { .. })) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let file = staged.reader().await.map_err(|error| self.unstored(&list, &error))?;
        let (name, now) = (self.feed.name.clone(), self.now);
        let since = state.newest.unwrap_or(Timestamp::UNIX_EPOCH);
        let read = self.feeds.store.db.read(move |c| {
            let held = intake::held(c, &name)?;
            let horizon = now.saturating_add(AHEAD_OF_US).unwrap_or(now);
            Ok(delta::read(BufReader::new(file), &held, since, horizon))
        });
        let changes = match read.await.map_err(unread)? {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(feed = self.feed.name, %error, "the list of changes is of no use");
                return Ok(None);
            }
        };
        if let (Some(theirs), Some(ours)) = (changes.newest, state.newest)
            && theirs.as_microsecond() < ours.as_microsecond()
        {
            return Err(FeedError::Rollback { theirs, ours });
        }
        if changes.ids.len() > CHANGES {
            return Ok(None);
        }
        let Some(records) = self.records(url, changes.ids).await? else { return Ok(None) };
        self.take_in(Source::Fetched(records), move |state| state.changes = validators).await.map(Some)
    }

    /// Fetches changed records; `None` if one is not where it should be, or all together are too much.
    async fn records(
        &self,
        archive: &Url,
        ids: Vec<String>,
    ) -> Result<Option<Vec<(String, Option<Bytes>)>>, FeedError> {
        self.progress.begin(ids.len() as u64);
        let (mut ids, mut tasks) = (ids.into_iter(), JoinSet::new());
        let (mut records, mut bytes) = (Vec::new(), 0_usize);
        loop {
            while tasks.len() < AT_ONCE
                && let Some(id) = ids.next()
            {
                let Ok(url) = archive.join(&format!("{id}.json")) else { return Ok(None) };
                let fetch = self.feeds.fetch.clone();
                tasks.spawn(async move { (id, record(&fetch, &url).await) });
            }
            match tasks.join_next().await {
                None => return Ok(Some(records)),
                Some(Ok((id, Ok(body)))) => {
                    bytes = bytes.saturating_add(body.as_ref().map_or(0, Bytes::len));
                    records.push((id, body));
                    self.progress.step();
                }
                Some(Ok((_, Err(FetchError::NotFound { .. })))) | Some(Err(_)) => return Ok(None),
                Some(Ok((_, Err(error)))) => return Err(FeedError::Unreachable(error)),
            }
            if bytes > CHANGES_BYTES {
                return Ok(None);
            }
        }
    }

    async fn fetch(&self, url: &Url, known: Option<&Validators>, limit: u64) -> Result<Snapshot, FeedError> {
        self.feeds.fetch.snapshot(url.as_str(), known, limit).await.map_err(FeedError::Unreachable)
    }

    async fn take_in(
        &self,
        source: Source,
        remember: impl FnOnce(&mut State) + Send + 'static,
    ) -> Result<Report, FeedError> {
        let batch = Batch {
            feed: self.feed.name.clone(),
            only: self.feed.ecosystem.clone(),
            accept_loss: self.options.accept_loss,
            now: self.now,
        };
        let (progress, address) = (Arc::clone(self.progress), self.feed.address.shown());
        let alone = matches!(source, Source::Record(_));
        let remember = move |state: &mut State| {
            // One record more is not another place for the rest.
            if !alone || state.address.is_empty() {
                state.address = address;
            }
            remember(state);
        };
        let write = move |c: &_| intake::take_in(c, &batch, source, &progress, remember);
        let taken = self.feeds.store.db.write(write).await.map_err(unwritten);
        let taken =
            taken.map_err(|error| if intake::is_busy(&error) { FeedError::Busy } else { error.into() })?;
        self.feeds.store.look().map_err(unread)?;
        taken
    }

    async fn unchanged(
        &self,
        remember: impl FnOnce(&mut State) + Send + 'static,
    ) -> Result<Report, FeedError> {
        let (name, now) = (self.feed.name.clone(), self.now);
        let write = move |c: &_| {
            intake::amend(c, &name, |state| {
                state.succeeded(now);
                remember(state);
            })?;
            intake::state(c, &name)
        };
        let state = self.feeds.store.db.write(write).await.map_err(unwritten)?;
        let (held, malicious) = (state.records, state.malicious);
        Ok(Report { feed: self.feed.name.clone(), way: Way::Unchanged, held, malicious, ..Report::default() })
    }

    /// Remembers a failure, with the whole chain of causes: it is read long after.
    async fn note(&self, error: &FeedError) -> Result<(), FeedError> {
        let mut text = format!("[{}] {error}", error.code());
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        tracing::warn!(
            feed = self.feed.name,
            error = text,
            "a feed cannot be read; what is held goes on to count"
        );
        let (name, now) = (self.feed.name.clone(), self.now);
        let write = move |c: &_| {
            intake::amend(c, &name, |state| {
                state.tried_at = Some(now);
                state.failing_since.get_or_insert(now);
                state.failure = Some(text);
            })
        };
        Ok(self.feeds.store.db.write(write).await.map_err(unwritten)?)
    }

    fn unstored(&self, url: &Url, error: &trustmill_core::port::blobs::BlobError) -> FeedError {
        let url =
            crate::http::RedactedUrl::parse(url.as_str()).map(|url| url.to_string()).unwrap_or_default();
        FeedError::Unreachable(FetchError::Store { url, why: error.to_string() })
    }
}

/// One record; `None` if it is larger than a record may be.
async fn record(fetch: &HttpFetch, url: &Url) -> Result<Option<Bytes>, FetchError> {
    let limit = RECORD_BYTES as u64;
    let mut staged = match fetch.snapshot(url.as_str(), None, limit).await {
        Ok(Snapshot::Fresh(staged, _)) => staged,
        Ok(Snapshot::Unchanged) | Err(FetchError::TooLarge { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stored = |why: String| FetchError::Store { url: url.to_string(), why };
    let file = staged.reader().await.map_err(|error| stored(error.to_string()))?;
    let read = tokio::task::spawn_blocking(move || super::folder::bounded(file)).await;
    let bytes =
        read.map_err(|error| stored(error.to_string()))?.map_err(|error| stored(error.to_string()))?;
    Ok(bytes.map(Bytes::from))
}
