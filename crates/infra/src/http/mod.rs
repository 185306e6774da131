//! The one HTTP client: every byte from a foreign server comes through here.

mod config;
mod download;
mod failure;
mod flights;
mod hosts;
mod page;
mod redacted;

pub use config::{FetchConfig, SetupError};
pub use redacted::RedactedUrl;

pub(crate) use download::Snapshot;
pub(crate) use failure::retry_after;

use crate::store::FsBlobs;
use async_trait::async_trait;
use failure::{Failure, Patience};
use flights::Flights;
use hosts::{Admission, Hosts};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response};
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Scheme, Validators};

/// Reads pages, and downloads files into a blob store. Clones share connections and limits.
#[derive(Debug, Clone)]
pub struct HttpFetch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: FetchConfig,
    /// Asks for gzip and inflates it.
    pages: Client,
    /// Takes bytes as they are: a published archive is never inflated on the way.
    files: Client,
    blobs: FsBlobs,
    hosts: Hosts,
    flights: Flights,
}

impl HttpFetch {
    /// A client whose downloads go into `blobs`. Reads the proxies from the environment, and the roots of
    /// trust from the system or `SSL_CERT_FILE` and from the configuration.
    pub fn new(config: FetchConfig, blobs: FsBlobs) -> Result<Self, SetupError> {
        let pages = config.client()?.gzip(true).build().map_err(SetupError::Client)?;
        let files = config.client()?.no_gzip().build().map_err(SetupError::Client)?;
        let hosts = Hosts::new(config.per_host);
        let flights = Flights::default();
        Ok(Self { shared: Arc::new(Shared { config, pages, files, blobs, hosts, flights }) })
    }
}

impl HttpFetch {
    /// Downloads what stands at a URL now, if it changed since `known`. For what is read once and not kept: it becomes
    /// no blob.
    pub(crate) async fn snapshot(
        &self,
        url: &str,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Snapshot, FetchError> {
        self.shared.snapshot(&RedactedUrl::parse(url)?, known, limit).await
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn page(&self, url: &str, accept: &str, known: Option<&Validators>) -> Result<Page, FetchError> {
        let url = RedactedUrl::parse(url)?;
        let mut patience = Patience::new(&self.shared.config);
        loop {
            match self.shared.try_page(&url, accept, known).await {
                Ok(page) => return Ok(page),
                Err(failure) => patience.bear(&url, failure).await?,
            }
        }
    }

    async fn file(
        &self,
        url: &str,
        expected: Option<&Checksum>,
        limit: u64,
    ) -> Result<(Sha256, u64), FetchError> {
        let url = RedactedUrl::parse(url)?;
        if let Some(here) = self.shared.stored(&url, expected).await? {
            return Ok(here);
        }
        let shared = &self.shared;
        let download = || shared.download(&url, expected, limit);
        let landed = shared.flights.join(&url, expected, limit, download).await?;
        Ok((landed.digest, landed.len))
    }
}

impl Shared {
    /// Waits for the right to ask the URL's host.
    async fn admit(&self, url: &RedactedUrl) -> Result<Admission, Failure> {
        self.hosts.admit(url.host(), self.config.longest_wait).await
    }

    /// Sends one GET and sorts out every status that is not a success or "not modified".
    async fn send(
        &self,
        client: &Client,
        admission: &Admission,
        url: &RedactedUrl,
        headers: HeaderMap,
    ) -> Result<Response, Failure> {
        let mut request = client.get(url.expose().clone()).headers(headers);
        if url.has_no_credentials() {
            request = match self.config.credential_for(url) {
                None => request,
                Some(Scheme::Basic(user, password)) => {
                    request.basic_auth(user.expose(), Some(password.expose()))
                }
                Some(Scheme::Bearer(token)) => request.bearer_auth(token.expose()),
                Some(Scheme::Verbatim(token)) => match HeaderValue::from_str(token.expose()) {
                    Ok(mut value) => {
                        value.set_sensitive(true);
                        request.header(AUTHORIZATION, value)
                    }
                    Err(_) => {
                        return Err(Failure::malformed(url, "the token for it is no header".to_owned()));
                    }
                },
            };
        }
        let sent = tokio::time::timeout(self.config.response_timeout, request.send());
        let response = match sent.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::of(url, error)),
            Err(_) => return Err(Failure::passing("no answer in time")),
        };
        match Failure::of_status(url, &response) {
            None => Ok(response),
            Some(failure) => {
                admission.quiet(failure.retry_after());
                Err(failure)
            }
        }
    }
}
