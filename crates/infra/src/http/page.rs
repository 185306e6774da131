//! Pages: small enough for memory, asked for with validators.

use super::failure::Failure;
use super::hosts::Admission;
use super::{RedactedUrl, Shared};
use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Response, StatusCode};
use std::time::Duration;
use trustmill_core::port::fetch::{Page, Validators};

impl Shared {
    /// One try of one page.
    pub(super) async fn try_page(
        &self,
        url: &RedactedUrl,
        accept: &str,
        known: Option<&Validators>,
    ) -> Result<Page, Failure> {
        // Held until the body is read; the wait for it counts against no time-out.
        let admission = self.admit(url).await?;
        let read = self.read_page(&admission, url, accept, known);
        match tokio::time::timeout(self.config.page_timeout, read).await {
            Ok(result) => result,
            Err(_) => Err(Failure::passing("the page did not arrive in time")),
        }
    }

    async fn read_page(
        &self,
        admission: &Admission,
        url: &RedactedUrl,
        accept: &str,
        known: Option<&Validators>,
    ) -> Result<Page, Failure> {
        let headers = request_headers(url, accept, known)?;
        let response = self.send(&self.pages, admission, url, headers).await?;
        let max_age = max_age(response.headers());
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Page::NotModified { max_age }),
            StatusCode::OK => {}
            other => {
                return Err(Failure::malformed(url, format!("it answers with status {}", other.as_u16())));
            }
        }
        let text = |name| text(response.headers(), name);
        let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
        let content_type = text(CONTENT_TYPE).unwrap_or_default();
        let body = self.body(url, response).await?;
        Ok(Page::Fresh { body, content_type, validators, max_age })
    }

    /// The inflated body. The limit is checked piece by piece, so that a bomb costs no more than it.
    async fn body(&self, url: &RedactedUrl, mut response: Response) -> Result<Bytes, Failure> {
        let limit = self.config.page_limit;
        let too_large = || Failure::too_large(url, limit);
        if response.content_length().is_some_and(|promised| promised > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| Failure::of(url, error))? {
            if (body.len() as u64).saturating_add(piece.len() as u64) > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

fn request_headers(
    url: &RedactedUrl,
    accept: &str,
    known: Option<&Validators>,
) -> Result<HeaderMap, Failure> {
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| Failure::malformed(url, "a header would hold control characters"))
    };
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, value(accept)?);
    if let Some(etag) = known.and_then(|known| known.etag.as_deref()) {
        headers.insert(IF_NONE_MATCH, value(etag)?);
    }
    if let Some(date) = known.and_then(|known| known.last_modified.as_deref()) {
        headers.insert(IF_MODIFIED_SINCE, value(date)?);
    }
    Ok(headers)
}

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// How long the page is fresh (RFC 9111, section 4.2): `max-age` less the age it came with; nothing at all
/// under `no-store` and `no-cache`.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut seconds = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            if matches!(directive.as_str(), "no-store" | "no-cache") {
                return Some(Duration::ZERO);
            }
            if let Some(number) = directive.strip_prefix("max-age=") {
                seconds = number.trim_matches('"').parse::<u64>().ok();
            }
        }
    }
    let age = text(headers, AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    seconds.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh_for(pairs: &[(HeaderName, &'static str)]) -> Option<u64> {
        let headers: HeaderMap =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        max_age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn freshness_is_what_the_server_says() {
        assert_eq!(fresh_for(&[(CACHE_CONTROL, "public, Max-Age=600")]), Some(600));
        assert_eq!(fresh_for(&[(CACHE_CONTROL, "max-age=600"), (AGE, "599")]), Some(1));
        assert_eq!(fresh_for(&[(CACHE_CONTROL, "max-age=600"), (AGE, "601")]), Some(0));
        assert_eq!(fresh_for(&[(CACHE_CONTROL, "max-age=600, no-cache")]), Some(0));
        assert_eq!(fresh_for(&[(CACHE_CONTROL, "max-age=soon")]), None);
        assert_eq!(fresh_for(&[]), None);
    }
}
