//! A URL that cannot be printed with what is secret in it.

use reqwest::Url;
use std::fmt;
use trustmill_core::port::fetch::FetchError;

/// An absolute `http` or `https` URL. Shown without user, password, query and fragment: signed download
/// links carry their secret in the query.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedactedUrl(Url);

impl RedactedUrl {
    /// Reads a URL; the error shows nothing of a text that may hold a password.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let bad = |url: String, why: &str| FetchError::Malformed { url, why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| bad("the address".into(), &error.to_string()))?;
        let url = Self(url);
        if !matches!(url.0.scheme(), "http" | "https") {
            return Err(bad(format!("{}:…", url.0.scheme()), "its scheme is neither http nor https"));
        }
        Ok(url)
    }

    /// The URL itself, secrets included: for sending, never for showing.
    pub(super) const fn expose(&self) -> &Url {
        &self.0
    }

    /// Host and port.
    pub(super) fn host(&self) -> String {
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.0.port_or_known_default().unwrap_or(0))
    }

    pub(super) fn has_no_credentials(&self) -> bool {
        self.0.username().is_empty() && self.0.password().is_none()
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())?;
        if url.query().is_some() { f.write_str("?…") } else { Ok(()) }
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let url = RedactedUrl::parse("https://me:pa%40ss@mirror.test:8443/a/b.whl?sig=s3cret#frag").unwrap();
        assert_eq!(url.to_string(), "https://mirror.test:8443/a/b.whl?…");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert!(!url.has_no_credentials());
    }

    proptest::proptest! {
        #[test]
        fn no_secret_is_ever_shown(
            user in "[a-z]{0,3}Secret[!-~]{0,4}", password in ".{0,6}Secret.{0,6}", query in ".{0,6}Secret.{0,6}",
            path in "[/a-zA-Z0-9._%-]{0,12}",
        ) {
            let text = format!("https://{user}:{password}@mirror.test/{path}?{query}#{query}");
            if let Ok(url) = RedactedUrl::parse(&text) && url.expose().host_str() == Some("mirror.test") {
                proptest::prop_assert!(!url.to_string().contains("Secret"), "{url}");
            }
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}") {
            if let Err(error) = RedactedUrl::parse(&text) {
                let malformed = matches!(error, FetchError::Malformed { .. });
                proptest::prop_assert!(malformed, "{error:?}");
            }
        }
    }

    #[test]
    fn only_http_is_spoken() {
        for text in ["file:///etc/passwd", "ftp://me:pw@h/", "data:,pw", "/relative", "http://"] {
            let error = RedactedUrl::parse(text).unwrap_err();
            assert!(matches!(error, FetchError::Malformed { .. }));
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }
}
