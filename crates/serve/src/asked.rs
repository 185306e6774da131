//! What a request brings along: its method, query, body and the address it was sent to, all within bounds.

use crate::respond::{plain, set, text};
use axum::body::{self, Body};
use axum::http::request::Parts;
use axum::http::{self, HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::io::Read;
use std::time::Duration;
use trustmill_core::port::registry::{Method, Registry, Takes};

/// Longest query, in bytes.
const MAX_QUERY: usize = 4096;
/// Longest body that is read, in bytes, packed or not, whatever a registry asks for.
const MAX_BODY: usize = 16 << 20;
/// Longest body of a request that may have none.
const MAX_IDLE_BODY: u64 = 64 << 10;
/// Longest that a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Longest `Host` (RFC 1035 names, and a port).
const MAX_HOST: usize = 262;

/// The method, if the registry answers it there.
pub(crate) fn method(request: &Parts, registry: &dyn Registry, path: &str) -> Result<Method, Box<Response>> {
    let taken = |method: &Method| registry.takes(*method, path) != Takes::Nothing;
    let method = match request.method {
        http::Method::GET | http::Method::HEAD => return Ok(Method::Get),
        http::Method::POST => Some(Method::Post),
        http::Method::PUT => Some(Method::Put),
        http::Method::DELETE => Some(Method::Delete),
        _ => None,
    };
    method.filter(taken).ok_or_else(|| {
        let allowed: Vec<&str> = Method::ALL.into_iter().filter(taken).map(names).collect();
        let allowed = allowed.join(", ");
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} are answered here"));
        set(&mut response, header::ALLOW, &allowed);
        Box::new(response)
    })
}

const fn names(method: Method) -> &'static str {
    match method {
        Method::Get => "GET, HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    }
}

/// What follows the question mark.
pub(crate) fn query(request: &Parts) -> Result<Option<String>, Box<Response>> {
    match request.uri.query() {
        Some(query) if query.len() > MAX_QUERY => {
            Err(Box::new(plain(StatusCode::URI_TOO_LONG, "the query is too long")))
        }
        query => Ok(query.map(str::to_owned)),
    }
}

/// The server's address in the client's own words, if they are a plain host.
pub(crate) fn origin(host: &str, secure: bool) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let fits = !host.is_empty() && host.len() <= MAX_HOST && host.bytes().all(plain);
    fits.then(|| format!("http{}://{host}", if secure { "s" } else { "" }))
}

/// The body as far as the registry wants it, inflated.
pub(crate) async fn body(
    method: Method,
    headers: &HeaderMap,
    body: Body,
    takes: Takes,
) -> Result<Bytes, Box<Response>> {
    let length = text(headers, header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let too_large = || Box::new(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large"));
    if method == Method::Get {
        let idle = length.is_none_or(|length| length <= MAX_IDLE_BODY)
            && !headers.contains_key(header::TRANSFER_ENCODING);
        return if idle { Ok(Bytes::new()) } else { Err(too_large()) };
    }
    let Takes::Body(limit) = takes else { return Ok(Bytes::new()) };
    let limit = limit.min(MAX_BODY);
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(BODY_TIME, body::to_bytes(body, limit)).await;
    let raw = match read {
        Ok(Ok(raw)) => raw,
        // A body that is too long and one that broke off are not told apart: nobody reads the latter's answer.
        Ok(Err(_)) => return Err(too_large()),
        Err(_) => {
            return Err(Box::new(plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")));
        }
    };
    match text(headers, header::CONTENT_ENCODING).map(str::trim) {
        None | Some("" | "identity") => Ok(raw),
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => inflate(&raw, limit).ok_or_else(too_large),
        Some(_) => {
            Err(Box::new(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only gzip is understood as coding")))
        }
    }
}

/// Inflates up to `limit` bytes; `None` if there are more, or if it is no gzip.
fn inflate(raw: &[u8], limit: usize) -> Option<Bytes> {
    let mut out = Vec::new();
    let most = u64::try_from(limit).ok()?.saturating_add(1);
    GzDecoder::new(raw).take(most).read_to_end(&mut out).ok()?;
    (out.len() <= limit).then(|| Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let header =
            |(name, value): &(&'static str, &'static str)| (name.parse().unwrap(), value.parse().unwrap());
        pairs.iter().map(header).collect()
    }

    #[test]
    fn the_address_is_the_clients_own() {
        assert_eq!(origin("mill.test:80", false).as_deref(), Some("http://mill.test:80"));
        assert_eq!(origin("[::1]:80", true).as_deref(), Some("https://[::1]:80"));
        for bad in ["", "a/b", "a\"b", "user@host", "a b", "a?b", "a#b"] {
            assert_eq!(origin(bad, false), None, "{bad:?}");
        }
    }

    async fn read(
        pairs: &[(&'static str, &'static str)],
        bytes: Vec<u8>,
        takes: Takes,
    ) -> Result<Bytes, u16> {
        let read = body(Method::Post, &headers(pairs), Body::from(bytes), takes).await;
        read.map_err(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_body_is_read_as_far_as_it_is_wanted() {
        use std::io::Write;
        let pack = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let gzip = [("content-encoding", "gzip")];
        assert_eq!(read(&[], b"abc".to_vec(), Takes::Body(3)).await, Ok(Bytes::from("abc")));
        assert_eq!(read(&[], b"abcd".to_vec(), Takes::Body(3)).await, Err(413));
        assert_eq!(read(&[], b"abcd".to_vec(), Takes::Head).await, Ok(Bytes::new()));
        assert_eq!(read(&gzip, pack(b"abc"), Takes::Body(100)).await, Ok(Bytes::from("abc")));
        assert_eq!(read(&gzip, pack(&[0; 100_000]), Takes::Body(4096)).await, Err(413), "a bomb");
        assert_eq!(read(&gzip, b"no gzip".to_vec(), Takes::Body(100)).await, Err(413));
        assert_eq!(read(&[("content-encoding", "br")], vec![], Takes::Body(100)).await, Err(415));
    }
}
