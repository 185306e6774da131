//! A registry's answer, said in HTTP.

use crate::conditional::{accepts_gzip, gzip_etag, if_range, none_match};
use crate::range::{self, Wanted};
use crate::{file, range::Wanted::Unsatisfiable};
use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper::ext::ReasonPhrase;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::{Answer, FileAnswer, Refusal, RenderedPage, StatusAnswer};
use trustmill_core::{Purl, Sha256};

/// When to come again, where nobody says.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// What immutable files are told: a year, and no questions meanwhile (RFC 8246).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What whoever installs a file should know.
const WARNING: HeaderName = HeaderName::from_static("trustmill-warning");
/// Longest reason phrase.
const MAX_REASON: usize = 240;

/// The file that an answer carries, for whoever records what was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServedFile(pub(crate) Sha256);

/// The file of a release that an answer hands out, whole or in part.
#[derive(Debug, Clone)]
pub(crate) struct HandedOut(pub(crate) Arc<(Purl, String)>, pub(crate) Sha256);

/// Says an answer to a `GET` or `HEAD` with these headers.
pub(crate) async fn respond(
    answer: Answer,
    method: &Method,
    headers: &HeaderMap,
    blobs: &Arc<dyn Blobs>,
) -> Response {
    let mut response = match answer {
        Answer::Page(page) => respond_page(&page, headers),
        Answer::File(answer) => respond_file(&answer, method, headers, blobs).await,
        Answer::Redirect(to) => redirect(&to),
        Answer::Refused(refusal) => refuse(refusal),
        Answer::NotFound(why) => plain(StatusCode::NOT_FOUND, why),
        Answer::Status(answer) => respond_status(answer),
        Answer::Unavailable { why, retry_after } => unavailable(why, retry_after),
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// A header's text, if it is text.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Plain text.
pub(crate) fn plain(status: StatusCode, body: impl Into<String>) -> Response {
    let body: String = body.into() + "\n";
    let mut response = with_status(status);
    set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, header::CONTENT_LENGTH, &body.len().to_string());
    set(&mut response, header::CACHE_CONTROL, "no-store");
    *response.body_mut() = Body::from(body);
    response
}

/// "Not now": with the time to come again.
pub(crate) fn unavailable(why: impl Into<String>, retry_after: Option<Duration>) -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, why);
    let seconds = retry_after.unwrap_or(RETRY_AFTER).as_secs().max(1);
    set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    response
}

fn with_status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sets a header; a value that no header can carry is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn respond_page(page: &RenderedPage, headers: &HeaderMap) -> Response {
    let packed = page.gzip.as_ref().filter(|_| accepts_gzip(text(headers, header::ACCEPT_ENCODING)));
    let gzip_etag = gzip_etag(&page.etag);
    let known = none_match(text(headers, header::IF_NONE_MATCH), &[&page.etag, &gzip_etag]);
    let mut response = with_status(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    set(&mut response, header::ETAG, if packed.is_some() { &gzip_etag } else { &page.etag });
    set(&mut response, header::CACHE_CONTROL, &format!("max-age={}", page.max_age.as_secs()));
    let vary =
        if page.vary.is_empty() { "Accept-Encoding" } else { &format!("{}, Accept-Encoding", page.vary) };
    set(&mut response, header::VARY, vary);
    if known {
        return response;
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    let body = match packed {
        Some(packed) => {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            packed
        }
        None => &page.body,
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = Body::from(body.clone());
    response
}

async fn respond_file(
    answer: &FileAnswer,
    method: &Method,
    headers: &HeaderMap,
    blobs: &Arc<dyn Blobs>,
) -> Response {
    let etag = format!("\"{}\"", answer.digest);
    if none_match(text(headers, header::IF_NONE_MATCH), &[&etag]) {
        let mut response = with_status(StatusCode::NOT_MODIFIED);
        file_headers(&mut response, answer, &etag);
        return response;
    }
    let range = text(headers, header::RANGE).filter(|_| if_range(text(headers, header::IF_RANGE), &etag));
    let wanted = range::parse(range.filter(|_| method == Method::GET), answer.size);
    if wanted == Unsatisfiable {
        let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such bytes");
        set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", answer.size));
        return response;
    }
    let (status, bytes) = match wanted {
        Wanted::Part(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        _ => (StatusCode::OK, 0..answer.size),
    };
    let mut response = with_status(status);
    file_headers(&mut response, answer, &etag);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", bytes.start, bytes.end.saturating_sub(1), answer.size);
        set(&mut response, header::CONTENT_RANGE, &range);
    }
    response.extensions_mut().insert(ServedFile(answer.digest));
    if let Some(of) = answer.of.as_ref().filter(|_| method == Method::GET) {
        response.extensions_mut().insert(HandedOut(Arc::clone(of), answer.digest));
    }
    if method == Method::HEAD {
        return response;
    }
    match file::body(blobs.clone(), answer.digest, bytes).await {
        Ok(Some(body)) => *response.body_mut() = body,
        Ok(None) => return unavailable("TM0706: the file is not in the store", None),
        Err(error) => {
            tracing::error!(%error, digest = %answer.digest, "a file cannot be read");
            return unavailable("TM0706: the file cannot be read from the store", None);
        }
    }
    response
}

fn file_headers(response: &mut Response, answer: &FileAnswer, etag: &str) {
    set(response, header::ETAG, etag);
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(warning) = &answer.warning {
        set(response, WARNING, warning);
    }
    let lifetime = if answer.immutable { IMMUTABLE } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
}

fn respond_status(answer: StatusAnswer) -> Response {
    let mut response = with_status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    if let Some(challenge) = &answer.challenge {
        set(&mut response, header::WWW_AUTHENTICATE, challenge);
    }
    *response.body_mut() = Body::from(answer.body);
    response
}

fn redirect(to: &str) -> Response {
    let mut response = plain(StatusCode::MOVED_PERMANENTLY, format!("see {to}"));
    set(&mut response, header::LOCATION, to);
    set(&mut response, header::CACHE_CONTROL, "max-age=3600");
    response
}

/// Puts a reason where `pip` looks for it: into the status line.
pub(crate) fn reasoned(response: &mut Response, reason: &str) {
    // Only what RFC 9112 allows there, on one line.
    let clean = reason.bytes().map(|byte| if byte.is_ascii_graphic() { byte } else { b' ' });
    if let Ok(reason) = ReasonPhrase::try_from(clean.take(MAX_REASON).collect::<Vec<u8>>()) {
        response.extensions_mut().insert(reason);
    }
}

/// The reason goes into the status line, and into the body for everybody else.
fn refuse(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = with_status(status);
    reasoned(&mut response, &refusal.reason);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(refusal.content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(refusal.body.len()));
    *response.body_mut() = Body::from(refusal.body);
    response
}
