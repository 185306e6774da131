//! Reads the registries above the mill: the default one, and those that scopes have for themselves.

pub use crate::npm::discover::{BadRegistry, Credential, Discovered, Registries, discover, registry_url};
pub use crate::page_store::{FolderStore, PageStore};
pub use crate::pages::PageOptions;

use super::names;
use super::packument::{self, ACCEPT, ACCEPT_SHORT, Packument};
use crate::pages::{Listing, Pages, Source, redact};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::{Fetch, FetchError, Page};
use trustmill_core::release::Project;
use url::Url;

/// What a name leaves as it is: the at sign and the marks, as npm's own `encodeURIComponent` does.
const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'@').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!');

/// The registries above the mill.
pub struct Upstream {
    registries: Registries,
    fetch: Arc<dyn Fetch>,
    pages: Pages<Packument>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upstream({})", self.shown_url())
    }
}

impl Upstream {
    /// Reads `registries` (see [`discover`]) through `fetch`, keeping nothing on disk.
    pub fn new(registries: Registries, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self::with_options(registries, fetch, clock, None, PageOptions::default())
    }

    /// As [`Self::new`], with a store for packuments and every setting. With a store their bodies are there, and
    /// not in memory.
    pub fn with_options(
        registries: Registries,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        store: Option<Arc<dyn PageStore>>,
        options: PageOptions,
    ) -> Self {
        Self { registries, pages: Pages::new(fetch.clone(), clock, store, options), fetch }
    }

    /// The default registry, without credentials.
    pub fn shown_url(&self) -> String {
        redact(&self.registries.default)
    }

    /// What the registry lists for a package, in the words of the domain.
    ///
    /// # Errors
    /// The registry does not know it, cannot be read and nothing usable is kept, or sends what is no packument.
    pub async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        let listing = self.listing(name).await?;
        let body = self.body(&listing.page).await?;
        let registry = self.registries.of(name).clone();
        let reading = move || {
            let text = std::str::from_utf8(&body).unwrap_or_default();
            Arc::new(listing.page.project(&registry, text))
        };
        tokio::task::spawn_blocking(reading).await.map_err(|_| FetchError::Malformed {
            url: self.shown_url(),
            why: "reading it was cut short".to_owned(),
        })
    }

    /// The index of a package's packument.
    pub(crate) async fn listing(&self, name: &str) -> Result<Listing<Packument>, FetchError> {
        let url = self.packument_url(name)?;
        match self.pages.get(name, self.source(name, url.clone(), ACCEPT)).await {
            // Without the times, then; but the package can be installed.
            Err(FetchError::TooLarge { .. }) => {
                self.pages.get(&format!("{name} short"), self.source(name, url, ACCEPT_SHORT)).await
            }
            other => other,
        }
    }

    /// The body of a packument: from memory, from the store, or, where neither has it, from the registry.
    pub(crate) async fn body(&self, packument: &Packument) -> Result<Bytes, FetchError> {
        if let Some(body) = packument.body() {
            return Ok(body);
        }
        let url = self.packument_url(&packument.name)?;
        let is_it = |body: &Bytes| Sha256::of(body) == packument.digest;
        if let Some(body) = self.pages.stored(&url).await.filter(is_it) {
            return Ok(body);
        }
        if let Page::Fresh { body, .. } = self.fetch.page(url.as_str(), ACCEPT, None).await?
            && is_it(&body)
        {
            return Ok(body);
        }
        self.pages.forget(&packument.name);
        Err(FetchError::Unavailable {
            url: redact(&url),
            why: "the packument changed while it was read".to_owned(),
            retry_after: Some(std::time::Duration::from_secs(1)),
        })
    }

    /// Where a file of a package is.
    pub(crate) fn file_url(&self, packument: &Packument, listed: &packument::Listed) -> Option<String> {
        packument.url_of(self.registries.of(&packument.name), listed)
    }

    /// Hands on a page of the default registry: search, keys.
    pub(crate) async fn passed_on(&self, path: &str, query: Option<&str>) -> Result<Bytes, FetchError> {
        let not_found = || FetchError::NotFound { url: self.shown_url() };
        let mut url = self.registries.default.join(&format!("./{path}")).map_err(|_| not_found())?;
        url.set_query(query);
        match self.fetch.page(url.as_str(), ACCEPT, None).await? {
            Page::Fresh { body, .. } => Ok(body),
            Page::NotModified { .. } => Err(not_found()),
        }
    }

    fn packument_url(&self, name: &str) -> Result<Url, FetchError> {
        let registry = self.registries.of(name);
        let not_found = || FetchError::NotFound { url: redact(registry) };
        if !names::is_valid(name) {
            return Err(not_found());
        }
        // A name may look like a folder up; encoded and behind a dot it is a segment, whatever it is.
        registry.join(&format!("./{}", utf8_percent_encode(name, NAME))).map_err(|_| not_found())
    }

    fn source(
        &self,
        name: &str,
        url: Url,
        accept: &'static str,
    ) -> Source<impl FnOnce(Bytes) -> Result<Packument, String> + Clone + Send + use<>> {
        let (name, registry) = (name.to_owned(), self.registries.of(name).clone());
        let keeps_body = !self.pages.has_store();
        let parse = move |body| {
            let packument = packument::parse(&name, &registry, body).map_err(|why| why.to_string())?;
            Ok(if keeps_body { packument } else { packument.without_body() })
        };
        Source { url, accept, parse }
    }
}
