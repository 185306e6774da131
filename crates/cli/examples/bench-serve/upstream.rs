//! The index behind every peer: pages and files from memory, each request counted by its path.

use crate::mirror::Mirror;
use crate::process::Failure;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::Response;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use trustmill_core::Sha256;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// The running index.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Page {
    plain: Bytes,
    packed: Bytes,
    etag: String,
}

struct Shared {
    /// By path: `/simple/` is the list of projects.
    pages: BTreeMap<String, Page>,
    /// By path.
    files: BTreeMap<String, Bytes>,
    counts: Mutex<BTreeMap<String, u64>>,
    delay_ms: AtomicU64,
}

impl Upstream {
    /// Serves on a free port of the loopback, from a thread of its own, until the process ends.
    pub(crate) fn start(mirror: Mirror) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let names: Vec<Value> = mirror.pages.keys().map(|name| json!({ "name": name })).collect();
        let mut pages = BTreeMap::new();
        for (name, mut page) in mirror.pages {
            for file in page["files"].as_array_mut().into_iter().flatten() {
                file["url"] =
                    json!(format!("http://{address}/files/{}", file["filename"].as_str().unwrap_or("-")));
            }
            pages.insert(format!("/simple/{name}/"), render(&page)?);
        }
        pages.insert(
            "/simple/".to_owned(),
            render(&json!({ "meta": { "api-version": "1.1" }, "projects": names }))?,
        );
        let files = mirror.files.into_iter().map(|(name, bytes)| (format!("/files/{name}"), bytes)).collect();
        let shared = Arc::new(Shared { pages, files, counts: Mutex::default(), delay_ms: AtomicU64::new(0) });
        let app = Router::new().fallback(answer).with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await })
        });
        Ok(Self { address, shared })
    }

    /// Counts from nothing again.
    pub(crate) fn forget(&self) {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Requests since then.
    pub(crate) fn total(&self) -> u64 {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Requests for one path since then.
    pub(crate) fn count(&self, path: &str) -> u64 {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied().unwrap_or(0)
    }

    /// Whether it has this file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.shared.files.contains_key(path)
    }

    /// How long every answer is held back: a herd is only met when the first answer takes its time.
    pub(crate) fn hold_back(&self, delay: Duration) {
        self.shared.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn render(page: &Value) -> Result<Page, Failure> {
    let plain = serde_json::to_vec(page)?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&plain)?;
    Ok(Page {
        packed: Bytes::from(packer.finish()?),
        etag: format!("\"{}\"", Sha256::of(&plain)),
        plain: Bytes::from(plain),
    })
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let page_path =
        if uri.path().ends_with('/') { uri.path().to_owned() } else { format!("{}/", uri.path()) };
    let page = shared.pages.get(&page_path);
    let path = if page.is_some() { page_path } else { uri.path().to_owned() };
    let file = shared.files.get(&path);
    *shared.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
    tokio::time::sleep(Duration::from_millis(shared.delay_ms.load(Ordering::Relaxed))).await;
    match (page, file) {
        (Some(page), _) => answer_page(page, &headers),
        (None, Some(file)) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CACHE_CONTROL, "max-age=365000000, immutable, public"),
            ];
            response(StatusCode::OK, &headers, file.clone())
        }
        (None, None) => response(StatusCode::NOT_FOUND, &[], Bytes::new()),
    }
}

fn answer_page(page: &Page, headers: &HeaderMap) -> Response {
    let has = |name: HeaderName, what: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(what))
    };
    if !has(ACCEPT, JSON) {
        return response(StatusCode::NOT_ACCEPTABLE, &[], Bytes::new());
    }
    let common = [
        (ETAG, page.etag.as_str()),
        (CACHE_CONTROL, "max-age=600, public"),
        (VARY, "Accept, Accept-Encoding"),
        (CONTENT_TYPE, JSON),
    ];
    if has(IF_NONE_MATCH, &page.etag) {
        return response(StatusCode::NOT_MODIFIED, &common, Bytes::new());
    }
    let mut answer = response(StatusCode::OK, &common, page.plain.clone());
    if has(ACCEPT_ENCODING, "gzip") {
        answer.headers_mut().insert(CONTENT_ENCODING, axum::http::HeaderValue::from_static("gzip"));
        *answer.body_mut() = Body::from(page.packed.clone());
    }
    answer
}

fn response(status: StatusCode, headers: &[(HeaderName, &str)], body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
