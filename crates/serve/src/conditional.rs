//! Validators and compression: what of an answer the client has already, and in which coding it wants it.

/// Whether an `If-None-Match` header holds one of our validators (RFC 9110, section 13.1.2: compared weakly).
pub(crate) fn none_match(header: Option<&str>, ours: &[&str]) -> bool {
    let Some(header) = header else { return false };
    header.split(',').map(str::trim).any(|theirs| {
        let strong = theirs.strip_prefix("W/").unwrap_or(theirs);
        theirs == "*" || ours.contains(&strong)
    })
}

/// Whether a range may be answered: without `If-Range`, or when it holds our strong validator. A date
/// never matches, since files carry none.
pub(crate) fn if_range(header: Option<&str>, ours: &str) -> bool {
    header.is_none_or(|theirs| theirs.trim() == ours)
}

/// Whether `Accept-Encoding` takes gzip.
pub(crate) fn accepts_gzip(header: Option<&str>) -> bool {
    let Some(header) = header else { return false };
    let mut any = false;
    for part in header.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let coding = pieces.next().unwrap_or_default();
        let refused = pieces.any(|piece| {
            piece
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            return !refused;
        }
        any |= coding == "*" && !refused;
    }
    any
}

/// The validator of the compressed form: a strong one differs between codings.
pub(crate) fn gzip_etag(etag: &str) -> String {
    format!("{}-gz\"", etag.trim_end_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators_are_compared() {
        assert!(none_match(Some("\"a\", W/\"b\""), &["\"b\""]));
        assert!(none_match(Some("*"), &["\"b\""]));
        assert!(!none_match(Some("\"a\""), &["\"b\""]) && !none_match(None, &["\"b\""]));
        assert!(if_range(None, "\"a\"") && if_range(Some("\"a\""), "\"a\""));
        assert!(!if_range(Some("W/\"a\""), "\"a\""));
        assert!(!if_range(Some("Wed, 21 Oct 2026 07:28:00 GMT"), "\"a\""));
        assert_eq!(gzip_etag("\"a\""), "\"a-gz\"");
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for yes in ["gzip", "deflate, GZIP;q=0.5", "*", "br;q=1, *;q=0.1", "x-gzip"] {
            assert!(accepts_gzip(Some(yes)), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "br"] {
            assert!(!accepts_gzip(Some(no)), "{no}");
        }
        assert!(!accepts_gzip(None));
    }
}
