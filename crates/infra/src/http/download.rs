//! Files: streamed into the blob store, resumed when they break, visible only when their digest is right.

use super::failure::{Failure, Patience};
use super::flights::Landed;
use super::page::text;
use super::{RedactedUrl, Shared};
use crate::store::fs::Staged;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};
use std::time::Duration;
use tokio::time::Instant;
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::{FetchError, Validators};

/// A try that brought fewer new bytes than this did not get on.
const PROGRESS: u64 = 64 << 10;

/// What is there of a file.
struct Partial {
    staged: Staged,
    /// What the next part must match: a strong `ETag`, else `Last-Modified`.
    validator: Option<String>,
    /// Whether the bytes come from more than one answer.
    spliced: bool,
    /// What makes the request conditional.
    known: Option<Validators>,
    /// For the next one.
    validators: Validators,
    /// Whether the server says that nothing changed since `known`.
    unchanged: bool,
}

/// What stands at a URL now, in a file that no blob is made of.
pub(crate) enum Snapshot {
    /// The bytes; they vanish when this is dropped.
    Fresh(Staged, Validators),
    /// They did not change since the validators were given.
    Unchanged,
}

impl Shared {
    /// The file, where its digest is known and it is here already.
    pub(super) async fn stored(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
    ) -> Result<Option<(Sha256, u64)>, FetchError> {
        let Some(Checksum::Sha256(digest)) = expected else { return Ok(None) };
        match self.blobs.size(digest).await {
            Ok(size) => Ok(size.map(|size| (*digest, size))),
            Err(error) => Err(in_store(url, &error)),
        }
    }

    /// Downloads a file, however many tries it takes.
    pub(super) async fn download(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
        limit: u64,
    ) -> Result<Landed, FetchError> {
        let staged = self.blobs.stage(expected).await.map_err(|error| in_store(url, &error))?;
        let mut partial = Partial::new(staged, None);
        self.persist_in_time(url, expected, limit, &mut partial).await?;
        let len = partial.staged.len();
        let digest = partial.staged.commit().await.map_err(|error| in_store(url, &error))?;
        Ok(Landed { digest, len, checked: expected.cloned() })
    }

    /// Downloads what changed since `known`, however many tries it takes.
    pub(super) async fn snapshot(
        &self,
        url: &RedactedUrl,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Snapshot, FetchError> {
        let staged = self.blobs.stage(None).await.map_err(|error| in_store(url, &error))?;
        let mut partial = Partial::new(staged, known.cloned());
        self.persist_in_time(url, None, limit, &mut partial).await?;
        match partial.unchanged {
            true => Ok(Snapshot::Unchanged),
            false => Ok(Snapshot::Fresh(partial.staged, partial.validators)),
        }
    }

    async fn persist_in_time(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
        limit: u64,
        partial: &mut Partial,
    ) -> Result<(), FetchError> {
        let all = self.persist(url, expected, limit, partial);
        match tokio::time::timeout(self.config.file_timeout, all).await {
            Ok(result) => result,
            Err(_) => Err(unavailable(url, "the file did not arrive in time")),
        }
    }

    /// Tries until the bytes are complete and have the digest that was promised.
    async fn persist(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
        limit: u64,
        partial: &mut Partial,
    ) -> Result<(), FetchError> {
        let mut patience = Patience::new(&self.config);
        loop {
            let before = partial.staged.len();
            if let Err(failure) = self.try_file(url, expected, limit, partial).await {
                let made = partial.staged.len() >= before.saturating_add(PROGRESS);
                patience.bear(url, failure.with_progress(made)).await?;
                continue;
            }
            let (_, got) = partial.staged.digest().await.map_err(|error| in_store(url, &error))?;
            match expected {
                Some(expected) if *expected != got => {
                    if !partial.spliced {
                        return Err(FetchError::Digest {
                            url: url.to_string(),
                            expected: expected.clone(),
                            got,
                        });
                    }
                    // The parts may be of two versions of the file: only a whole answer counts against it.
                    partial.restart().await.map_err(|error| in_store(url, &error))?;
                    let failure = Failure::passing("the parts of the file do not fit together");
                    patience.bear(url, failure).await?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// One request, for the whole file or for the rest of it.
    async fn try_file(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
        limit: u64,
        partial: &mut Partial,
    ) -> Result<(), Failure> {
        let store = |error| Failure::store(url, &error);
        // Without a validator only the digest can tell whether the parts belong together.
        if partial.validator.is_none() && expected.is_none() {
            partial.restart().await.map_err(store)?;
        }
        let admission = self.admit(url).await?;
        let response = self.send(&self.files, &admission, url, partial.request_headers()).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if continues(&response, partial.staged.len()) => {
                partial.spliced = true;
            }
            StatusCode::OK => {
                partial.restart().await.map_err(store)?;
                partial.validator = validator(response.headers());
                let text = |name| text(response.headers(), name);
                partial.validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
            }
            StatusCode::NOT_MODIFIED if partial.is_conditional() => {
                partial.unchanged = true;
                return Ok(());
            }
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT if !partial.staged.is_empty() => {
                partial.restart().await.map_err(store)?;
                return Err(Failure::passing("the server cannot continue the file"));
            }
            other => {
                return Err(Failure::malformed(url, format!("it answers with status {}", other.as_u16())));
            }
        }
        self.receive(url, limit, response, partial).await
    }

    /// Reads a body to its end.
    async fn receive(
        &self,
        url: &RedactedUrl,
        limit: u64,
        mut response: Response,
        partial: &mut Partial,
    ) -> Result<(), Failure> {
        let too_large = || Failure::too_large(url, limit);
        let promised = response.content_length().unwrap_or(0);
        if partial.staged.len().saturating_add(promised) > limit {
            return Err(too_large());
        }
        let mut pace = Pace::new(self.config.slow_bytes, self.config.slow_window);
        while let Some(piece) = response.chunk().await.map_err(|error| Failure::of(url, error))? {
            if partial.staged.len().saturating_add(piece.len() as u64) > limit {
                return Err(too_large());
            }
            if !pace.keeps(piece.len() as u64) {
                return Err(Failure::passing("the file arrives too slowly"));
            }
            partial.staged.write(piece).await.map_err(|error| Failure::store(url, &error))?;
        }
        Ok(())
    }
}

impl Partial {
    fn new(staged: Staged, known: Option<Validators>) -> Self {
        let validators = Validators::default();
        Self { staged, validator: None, spliced: false, known, validators, unchanged: false }
    }

    /// What there is already is continued whatever was known before.
    fn is_conditional(&self) -> bool {
        self.staged.is_empty() && self.known.as_ref().is_some_and(|known| *known != Validators::default())
    }

    async fn restart(&mut self) -> Result<(), trustmill_core::port::blobs::BlobError> {
        self.validator = None;
        self.spliced = false;
        if self.staged.is_empty() { Ok(()) } else { self.staged.restart().await }
    }

    /// `Range` with `If-Range` (RFC 9110, section 13.1.5) where there is something to continue.
    fn request_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.staged.is_empty() {
            let known = self.known.iter();
            let known = known
                .flat_map(|known| [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)]);
            for (name, value) in known {
                if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
                    headers.insert(name, value);
                }
            }
            return headers;
        }
        if let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", self.staged.len())) {
            headers.insert(RANGE, range);
        }
        if let Some(validator) = self.validator.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(IF_RANGE, validator);
        }
        headers
    }
}

/// A strong `ETag`, else `Last-Modified`; a weak one must not be used with `If-Range`.
fn validator(headers: &HeaderMap) -> Option<String> {
    let strong = text(headers, ETAG).filter(|etag| etag.starts_with('"'));
    strong.or_else(|| text(headers, LAST_MODIFIED))
}

/// Whether a partial answer begins where the bytes so far end.
fn continues(response: &Response, at: u64) -> bool {
    let range = text(response.headers(), CONTENT_RANGE);
    let first = range.as_deref().and_then(|range| range.strip_prefix("bytes "));
    let first = first.and_then(|range| range.split_once('-')).and_then(|(first, _)| first.parse().ok());
    at > 0 && first == Some(at)
}

/// Tells a slow body from one that only drips to keep the connection.
struct Pace {
    least: u64,
    window: Duration,
    began: Instant,
    bytes: u64,
}

impl Pace {
    fn new(bytes_per_second: u64, window: Duration) -> Self {
        let least = bytes_per_second.saturating_mul(window.as_secs().max(1));
        Self { least, window, began: Instant::now(), bytes: 0 }
    }

    fn keeps(&mut self, more: u64) -> bool {
        self.bytes = self.bytes.saturating_add(more);
        if self.began.elapsed() < self.window {
            return true;
        }
        let enough = self.bytes >= self.least;
        (self.began, self.bytes) = (Instant::now(), 0);
        enough
    }
}

fn in_store(url: &RedactedUrl, error: &trustmill_core::port::blobs::BlobError) -> FetchError {
    FetchError::Store { url: url.to_string(), why: super::failure::chain(error) }
}

fn unavailable(url: &RedactedUrl, why: &str) -> FetchError {
    FetchError::Unavailable { url: url.to_string(), why: why.to_owned(), retry_after: None }
}
