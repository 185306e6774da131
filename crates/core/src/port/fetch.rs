//! Reading from upstream: pages with conditional requests, files into the blob store.

use crate::Sha256;
use crate::digest::Checksum;
use crate::port::registry::Secret;
use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// A reader of foreign servers.
///
/// * Every request MUST have a time-out and a size limit. Failures that may pass (connection errors,
///   408, 425, 429, 5xx) MUST be tried again with backoff, and `Retry-After` MUST be honoured.
/// * `file` MUST resume a download that broke, MUST check the digest before the bytes become visible,
///   and MUST coalesce: any number of callers that ask for one URL at once cause one request.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Reads a page. `known` makes the request conditional.
    async fn page(&self, url: &str, accept: &str, known: Option<&Validators>) -> Result<Page, FetchError>;

    /// Downloads a file into the blob store and returns its digest and length. With `expected`, other
    /// bytes are [`FetchError::Digest`] and are not stored.
    async fn file(
        &self,
        url: &str,
        expected: Option<&Checksum>,
        limit: u64,
    ) -> Result<(Sha256, u64), FetchError>;
}

/// What a server wants to see of us before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Requests to this address and below it carry it: an absolute URL, without credentials, that ends with a slash.
    /// Where several fit, the longest counts.
    pub below: url::Url,
    /// How it is sent.
    pub scheme: Scheme,
}

/// How a credential is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// User and password (RFC 7617).
    Basic(Secret, Secret),
    /// A token (RFC 6750), as npm sends it.
    Bearer(Secret),
    /// The whole value of `Authorization`, as cargo sends its tokens.
    Verbatim(Secret),
}

/// What makes a later request conditional (RFC 9110, section 13).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Validators {
    /// `ETag` as it came.
    pub etag: Option<String>,
    /// `Last-Modified` as it came.
    pub last_modified: Option<String>,
}

/// The answer to a page request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The page as it is now.
    Fresh {
        /// The body, inflated.
        body: Bytes,
        /// `Content-Type` as it came.
        content_type: String,
        /// For the next request.
        validators: Validators,
        /// How long it may be used without asking again (`Cache-Control: max-age`), if it says.
        max_age: Option<Duration>,
    },
    /// It did not change since `known`.
    NotModified {
        /// As above.
        max_age: Option<Duration>,
    },
}

/// Why upstream could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// Upstream says that there is no such thing (404, 410).
    #[error("{url} does not exist upstream")]
    NotFound {
        /// The URL, credentials removed.
        url: String,
    },
    /// Upstream refuses (other 4xx).
    #[error("upstream refuses {url} with status {status}")]
    Refused {
        /// The URL, credentials removed.
        url: String,
        /// The status.
        status: u16,
    },
    /// Upstream is out of reach or failing after every retry.
    #[error("upstream cannot be read at {url}: {why}")]
    Unavailable {
        /// The URL, credentials removed.
        url: String,
        /// The last failure.
        why: String,
        /// When upstream asked to be left alone until, from now.
        retry_after: Option<Duration>,
    },
    /// The bytes are not those that were promised.
    #[error("{url} has {got}, expected {expected}")]
    Digest {
        /// The URL, credentials removed.
        url: String,
        /// What was promised.
        expected: Checksum,
        /// What came.
        got: Checksum,
    },
    /// More bytes than the limit.
    #[error("{url} is larger than {limit} bytes")]
    TooLarge {
        /// The URL, credentials removed.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// What came cannot be stored here.
    #[error("cannot store what {url} sent: {why}")]
    Store {
        /// The URL, credentials removed.
        url: String,
        /// The store's own words.
        why: String,
    },
    /// What came cannot be understood.
    #[error("{url} is not a page that the mill understands: {why}")]
    Malformed {
        /// The URL, credentials removed.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl FetchError {
    /// Whether the cause is outside the request itself, so that trying later may help and no attempt of
    /// the work is burnt.
    pub const fn is_infrastructure(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Store { .. })
    }
}

impl super::Coded for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "TM0101",
            Self::Refused { .. } => "TM0102",
            Self::Unavailable { .. } => "TM0103",
            Self::Digest { .. } => "TM0104",
            Self::TooLarge { .. } => "TM0105",
            Self::Malformed { .. } => "TM0106",
            Self::Store { .. } => "TM0107",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::NotFound { .. } => "check the spelling and the version; `trustmill doctor` shows the upstream in use".into(),
            Self::Refused { .. } => "check the credentials in the upstream address and the upstream's own policy".into(),
            Self::Unavailable { .. } => "check the network and the upstream (`trustmill doctor`); the work is kept and tried again".into(),
            Self::Digest { .. } => "do not install this file: the upstream or a proxy on the way changed it; compare with another network".into(),
            Self::TooLarge { .. } => "raise the limit in the configuration if this file is really meant to be so large".into(),
            Self::Malformed { .. } => "the upstream address may not be a package index; `trustmill doctor` shows it".into(),
            Self::Store { .. } => "free space on the volume of the data folder and check that it is writable".into(),
        }
    }
}
