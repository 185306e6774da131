//! Which failures pass, and how long to wait until they do.

use super::{FetchConfig, RedactedUrl};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::time::{Duration, SystemTime};
use trustmill_core::port::blobs::BlobError;
use trustmill_core::port::fetch::FetchError;

/// No `Retry-After` counts for more than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How one try failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another try would fail as well.
    Final(FetchError),
    /// It may pass.
    Passing {
        /// For people; names no secret.
        why: String,
        /// What upstream asked for.
        retry_after: Option<Duration>,
        /// Whether the try brought something that the next one builds on.
        progress: bool,
    },
}

impl Failure {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), retry_after: None, progress: false }
    }

    pub(super) fn malformed(url: &RedactedUrl, why: impl Into<String>) -> Self {
        Self::Final(FetchError::Malformed { url: url.to_string(), why: why.into() })
    }

    pub(super) fn too_large(url: &RedactedUrl, limit: u64) -> Self {
        Self::Final(FetchError::TooLarge { url: url.to_string(), limit })
    }

    pub(super) fn store(url: &RedactedUrl, error: &BlobError) -> Self {
        Self::Final(FetchError::Store { url: url.to_string(), why: chain(error) })
    }

    /// What the client reports: redirects and malformed requests are final, the network may recover.
    pub(super) fn of(url: &RedactedUrl, error: reqwest::Error) -> Self {
        let (redirect, builder) = (error.is_redirect(), error.is_builder());
        // The client's own text would show the URL with its query.
        let error = error.without_url();
        if redirect || builder {
            return Self::malformed(url, innermost(&error));
        }
        Self::passing(chain(&error))
    }

    /// What the status says; `None` for a success and for "not modified".
    pub(super) fn of_status(url: &RedactedUrl, response: &Response) -> Option<Self> {
        let status = response.status();
        if status.is_success()
            || matches!(status, StatusCode::NOT_MODIFIED | StatusCode::RANGE_NOT_SATISFIABLE)
        {
            return None;
        }
        let passes = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
            );
        Some(match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Self::Final(FetchError::NotFound { url: url.to_string() })
            }
            _ if passes => Self::Passing {
                why: format!("status {}", status.as_u16()),
                retry_after: retry_after(response.headers(), SystemTime::now()),
                progress: false,
            },
            _ if status.is_client_error() => {
                Self::Final(FetchError::Refused { url: url.to_string(), status: status.as_u16() })
            }
            _ => Self::malformed(url, format!("it answers with status {}", status.as_u16())),
        })
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Passing { retry_after, .. } => *retry_after,
            Self::Final(_) => None,
        }
    }

    #[must_use]
    pub(super) fn with_progress(self, made: bool) -> Self {
        match self {
            Self::Passing { why, retry_after, progress } => {
                Self::Passing { why, retry_after, progress: progress || made }
            }
            last @ Self::Final(_) => last,
        }
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date measured against the server's own clock.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    let wait = match asked.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
            httpdate::parse_http_date(asked).ok()?.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// How much longer one request is tried.
#[derive(Debug)]
pub(super) struct Patience {
    left: u32,
    wait: Duration,
    first: Duration,
    longest: Duration,
}

impl Patience {
    pub(super) fn new(config: &FetchConfig) -> Self {
        Self {
            left: config.tries.saturating_sub(1),
            wait: config.first_wait,
            first: config.first_wait,
            longest: config.longest_wait,
        }
    }

    /// Waits before the next try, or says that there is none.
    pub(super) async fn bear(&mut self, url: &RedactedUrl, failure: Failure) -> Result<(), FetchError> {
        let (why, retry_after, progress) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing { why, retry_after, progress } => (why, retry_after, progress),
        };
        if progress {
            self.wait = self.first;
        }
        let asked = retry_after.unwrap_or_default();
        if (self.left == 0 && !progress) || asked > self.longest {
            return Err(FetchError::Unavailable { url: url.to_string(), why, retry_after });
        }
        if !progress {
            self.left -= 1;
        }
        let wait = self.wait.mul_f64(0.5 + fastrand::f64() / 2.0).max(asked);
        self.wait = self.wait.saturating_mul(2).min(self.longest);
        tracing::debug!(%url, why, ?wait, "trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn asked(retry: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked("120", None), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT", None), Some(Duration::from_secs(10)));
        let server = Some("Sun, 06 Nov 1994 08:49:40 GMT");
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT", server), Some(Duration::from_secs(7)));
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_us_wait_for_ever(retry in "[ -~]{0,40}", date in "[ -~]{0,40}") {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(&retry).unwrap());
            headers.insert(DATE, HeaderValue::from_str(&date).unwrap());
            let wait = retry_after(&headers, SystemTime::now());
            proptest::prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_RETRY_AFTER));
        }
    }

    #[test]
    fn retry_after_is_bounded_and_nonsense_is_none() {
        assert_eq!(asked("99999999999999", None), Some(LONGEST_RETRY_AFTER));
        assert_eq!(asked("Fri, 06 Nov 1970 08:49:47 GMT", None), Some(Duration::ZERO));
        for nonsense in ["soon", "-5", "1.5", "99999999999999999999999999"] {
            assert_eq!(asked(nonsense, None), None, "{nonsense}");
        }
    }
}
