//! Paths: `/{type}/…` is now, `/{type}/@{instant}/…` is how the registry looked before an instant.
//!
//! Registries have names that begin with `@` too (`/npm/@babel/core`): what is neither an instant nor begins
//! like a date belongs to the path.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use trustmill_core::Timestamp;

/// Longest path that is read.
const MAX_PATH: usize = 4096;

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View<'a> {
    /// The registry's type.
    pub(crate) ty: &'a str,
    /// The time-travel view.
    pub(crate) as_of: Option<Timestamp>,
    /// The prefix under which the view is mounted, as sent, no slash at its end.
    pub(crate) mount: &'a str,
    /// What is below, percent-decoded, no slash at its start.
    pub(crate) path: String,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    /// Too long, or not UTF-8 once decoded.
    #[error("the path cannot be read")]
    Unreadable,
    /// The view's instant.
    #[error("{0:?} is not an instant: write a date (2024-05-01, midnight UTC) or RFC 3339")]
    Instant(String),
}

/// Takes a path apart.
pub(crate) fn parse(path: &str) -> Result<View<'_>, BadPath> {
    if path.len() > MAX_PATH {
        return Err(BadPath::Unreadable);
    }
    let bare = path.strip_prefix('/').unwrap_or(path);
    let (ty, rest) = bare.split_once('/').unwrap_or((bare, ""));
    let (segment, below) = rest.split_once('/').unwrap_or((rest, ""));
    let decoded = decode(segment)?;
    let (as_of, below) = match decoded.strip_prefix('@') {
        Some(text) if is_like_a_date(text) => (Some(instant(text)?), below),
        _ => (None, rest),
    };
    // What lies above: the path less what is below and the slash between them.
    let above = path.strip_suffix(below).unwrap_or(path);
    let mount = above.strip_suffix('/').unwrap_or(above);
    Ok(View { ty, as_of, mount, path: decode(below)? })
}

fn decode(text: &str) -> Result<String, BadPath> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| BadPath::Unreadable)?;
    Ok(decoded.into_owned())
}

/// Whether a text means an instant: four digits and a dash, be the rest right or wrong. RFC 3339 has no other
/// beginning.
fn is_like_a_date(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.by_ref().take(4).filter(u8::is_ascii_digit).count() == 4 && bytes.next() == Some(b'-')
}

/// A date, being its midnight in UTC, or RFC 3339.
fn instant(text: &str) -> Result<Timestamp, BadPath> {
    let bad = || BadPath::Instant(text.chars().take(60).collect());
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    // Strictly `YYYY-MM-DD`: a time without an offset would be guessed at.
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: Date = is_date.then(|| text.parse().ok()).flatten().ok_or_else(bad)?;
    date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> (String, Option<String>, String, String) {
        let view = parse(path).unwrap();
        let as_of = view.as_of.map(|instant| instant.to_string());
        (view.ty.into(), as_of, view.mount.into(), view.path)
    }

    #[test]
    fn paths_are_taken_apart() {
        let (now, none) = ("/pypi".to_owned(), None::<String>);
        assert_eq!(
            at("/pypi/simple/a%2Db/"),
            ("pypi".into(), none.clone(), now.clone(), "simple/a-b/".into())
        );
        assert_eq!(at("/pypi"), ("pypi".into(), none.clone(), now.clone(), String::new()));
        assert_eq!(at("/pypi/"), ("pypi".into(), none, now, String::new()));
        let midnight = Some("2024-05-01T00:00:00Z".to_owned());
        for (path, mount) in [
            ("/pypi/@2024-05-01/simple/", "/pypi/@2024-05-01"),
            ("/pypi/%402024-05-01/simple/", "/pypi/%402024-05-01"),
            ("/pypi/@2024-05-01T02%3A00%3A00%2B02:00/simple/", "/pypi/@2024-05-01T02%3A00%3A00%2B02:00"),
        ] {
            assert_eq!(at(path), ("pypi".into(), midnight.clone(), mount.into(), "simple/".into()));
        }
        assert_eq!(
            at("/pypi/@2024-05-01"),
            ("pypi".into(), midnight, "/pypi/@2024-05-01".into(), String::new())
        );
    }

    #[test]
    fn a_scope_is_no_view() {
        for (path, below) in [
            ("/npm/@babel/core", "@babel/core"),
            ("/npm/@babel%2fcore", "@babel/core"),
            ("/npm/@babel%2Fcore/-/core-1.0.0.tgz", "@babel/core/-/core-1.0.0.tgz"),
            ("/npm/@2024/x", "@2024/x"),
            ("/npm/@20240501/x", "@20240501/x"),
            ("/npm/@x2024-05-01/x", "@x2024-05-01/x"),
            ("/npm/@", "@"),
        ] {
            assert_eq!(at(path), ("npm".into(), None, "/npm".into(), below.into()), "{path}");
        }
        let past = at("/npm/@2024-05-01/@babel%2fcore");
        assert_eq!((past.2.as_str(), past.3.as_str()), ("/npm/@2024-05-01", "@babel/core"));
    }

    #[test]
    fn what_is_no_instant_is_an_error() {
        let long = format!("2024-{}", "9".repeat(900));
        for text in ["2024-", "2024-13-01", "2024-05-01T10:00:00", "2024-may", "2024-05-01/x", &long] {
            let text = text.replace('/', "%2F");
            assert!(matches!(parse(&format!("/pypi/@{text}/simple/")), Err(BadPath::Instant(_))), "{text}");
        }
        assert_eq!(parse("/pypi/%ff/"), Err(BadPath::Unreadable));
        assert_eq!(parse(&"/a".repeat(4000)), Err(BadPath::Unreadable));
    }
}
