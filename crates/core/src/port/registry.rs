//! What `serve` asks an ecosystem: the answer to a request of a package manager.

use crate::Sha256;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A request below the ecosystem's mount point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The path below the view, percent-decoded, without a leading slash: `simple/requests/`.
    pub path: String,
    /// `Accept` as it came.
    pub accept: Option<String>,
    /// The time-travel view: nothing uploaded at or after this instant exists.
    pub as_of: Option<Timestamp>,
    /// The path under which this view is mounted, without a trailing slash: `/pypi`, `/pypi/@2024-05-01`.
    pub mount: String,
}

/// The answer; `serve` adds what HTTP asks for (validators, ranges, `HEAD`, compression).
#[derive(Debug, Clone)]
pub enum Answer {
    /// A rendered page.
    Page(Arc<RenderedPage>),
    /// Bytes of the blob store.
    File(FileAnswer),
    /// The canonical place is another path of this server.
    Redirect(String),
    /// Policy or an alarm refuses.
    Refused(Refusal),
    /// There is no such thing.
    NotFound(String),
    /// Upstream cannot be read just now and nothing usable is cached.
    Unavailable {
        /// Why, for people.
        why: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
}

/// A page, rendered once and shared by every request until something changes.
#[derive(Debug)]
pub struct RenderedPage {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// The body, gzip-compressed, where that is worth it.
    pub gzip: Option<Bytes>,
    /// Strong validator, in quotes; differs between representations.
    pub etag: String,
    /// How long a client may use it without asking again.
    pub max_age: Duration,
    /// Names of request headers that chose this representation.
    pub vary: &'static str,
}

/// A file out of the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAnswer {
    /// Its address, and its validator.
    pub digest: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Whether what stands under this URL can ever change.
    pub immutable: bool,
}

/// A refusal that reaches the person (`docs/refusals.md`): the reason goes into the status line's reason
/// phrase and into the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 403 or 451.
    pub status: u16,
    /// Stable code.
    pub code: std::borrow::Cow<'static, str>,
    /// One line of printable ASCII.
    pub reason: String,
    /// `Content-Type` of `body`.
    pub content_type: &'static str,
    /// What the client's own protocol prints.
    pub body: Bytes,
}

/// The serving side of an ecosystem.
///
/// * `answer` MUST NOT serve bytes whose digest it did not check or lock.
/// * Concurrent requests for one cold page or file MUST cause one upstream request.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The package URL type, which is also the first path segment: `pypi`.
    fn ty(&self) -> &'static str;

    /// Answers one request.
    async fn answer(&self, request: &Request) -> Answer;
}
