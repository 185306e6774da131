//! What can be set about the HTTP client.

use super::RedactedUrl;
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use std::path::PathBuf;
use std::time::Duration;
use trustmill_core::port::Coded;
use trustmill_core::port::fetch::{Credential, Scheme};

/// A chain of redirects is cut after this many.
const REDIRECTS: usize = 10;

/// Limits and roots of trust of the HTTP client.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// `User-Agent`: `trustmill/VERSION`.
    pub user_agent: String,
    /// For the connection, TLS included.
    pub connect_timeout: Duration,
    /// From the request to the answer's head.
    pub response_timeout: Duration,
    /// Between two pieces of a body.
    pub idle_timeout: Duration,
    /// For one try of a page, its body included.
    pub page_timeout: Duration,
    /// For a file, all tries together.
    pub file_timeout: Duration,
    /// A body slower than this many bytes per second, over `slow_window`, counts as broken.
    pub slow_bytes: u64,
    /// See `slow_bytes`.
    pub slow_window: Duration,
    /// The largest page, inflated, in bytes.
    pub page_limit: u64,
    /// Tries of one request; a download that got on is not counted against it.
    pub tries: u32,
    /// The wait after the first failure; it doubles, and half of it is random.
    pub first_wait: Duration,
    /// The longest wait between tries. If upstream asks for more, the request fails and says so.
    pub longest_wait: Duration,
    /// Requests at once to one host.
    pub per_host: usize,
    /// Files in PEM with roots that are trusted beside those of the system (pip's `cert`).
    pub roots: Vec<PathBuf>,
    /// What is sent where a URL carries no credentials of its own.
    pub credentials: Vec<Credential>,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            user_agent: concat!("trustmill/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            page_timeout: Duration::from_secs(120),
            file_timeout: Duration::from_secs(3600),
            slow_bytes: 1024,
            slow_window: Duration::from_secs(30),
            page_limit: 128 << 20,
            tries: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            per_host: 16,
            roots: Vec::new(),
            credentials: Vec::new(),
        }
    }
}

impl FetchConfig {
    /// What both clients have in common.
    pub(super) fn client(&self) -> Result<ClientBuilder, SetupError> {
        let mut roots = Vec::new();
        for path in &self.roots {
            let unreadable = |source| SetupError::Roots { path: path.clone(), source };
            let pem = std::fs::read(path).map_err(unreadable)?;
            let found = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| SetupError::NoCertificate { path: path.clone() })?;
            roots.extend(found);
        }
        Ok(Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.idle_timeout)
            .redirect(redirect::Policy::custom(follow))
            .referer(false)
            .tls_certs_merge(roots))
    }

    /// What was configured for the URL's place: of those above it the nearest.
    pub(super) fn credential_for(&self, url: &RedactedUrl) -> Option<&Scheme> {
        let url = url.expose();
        let above = self.credentials.iter().filter(|known| {
            known.below.origin() == url.origin() && url.path().starts_with(known.below.path())
        });
        above.max_by_key(|known| known.below.path().len()).map(|known| &known.scheme)
    }
}

/// Follows a bounded chain, and never from an authenticated channel to a plain one.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secure = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if was_secure && attempt.url().scheme() != "https" {
        return attempt.error(BadRedirect::Downgrade);
    }
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(BadRedirect::TooMany);
    }
    attempt.follow()
}

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
enum BadRedirect {
    #[error("it redirects from https to http")]
    Downgrade,
    #[error("it redirects more than {REDIRECTS} times")]
    TooMany,
}

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file of roots cannot be read.
    #[error("the certificates in {} cannot be read", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file of roots holds none.
    #[error("{} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// TLS could not be set up: mostly a system without roots of trust.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Coded for SetupError {
    fn code(&self) -> &'static str {
        "TM0690"
    }

    fn help(&self) -> String {
        match self {
            Self::Roots { .. } | Self::NoCertificate { .. } => {
                "name a readable file in PEM form with the roots that your network uses"
            }
            Self::Client(_) => {
                "install the system's certificates (the package `ca-certificates`), or set SSL_CERT_FILE"
            }
        }
        .into()
    }
}
