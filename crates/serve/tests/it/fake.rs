//! A registry that answers by path, and a server around it.

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::{
    Answer, FileAnswer, Method, Refusal, Registry, RenderedPage, Request, StatusAnswer, Takes,
};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_serve::{Drained, Options, Server, ServerLimits, router};
use trustmill_testkit::MemBlobs;

/// Longer than several pieces of a streamed body.
pub(crate) const BIG: usize = 1_000_003;

pub(crate) fn big() -> Bytes {
    (0..BIG).map(|n| (n % 251) as u8).collect::<Vec<u8>>().into()
}

pub(crate) fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

/// Answers by path; `view` echoes the request.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) asked: AtomicUsize,
}

impl Fake {
    fn page(body: String) -> Answer {
        Answer::Page(Arc::new(RenderedPage {
            content_type: "application/vnd.test+json",
            gzip: Some(gzip(body.as_bytes())),
            body: Bytes::from(body),
            etag: "\"page-1\"".into(),
            max_age: Duration::from_secs(60),
            vary: "Accept",
        }))
    }
}

#[async_trait]
impl Registry for Fake {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn usage(&self) -> &'static [&'static str] {
        &["get {mount}/simple/ PACKAGE"]
    }

    fn takes(&self, method: Method, path: &str) -> Takes {
        match (method, path) {
            (Method::Get, _) | (Method::Put, "view-put") => Takes::Head,
            (Method::Post, "view-post") => Takes::Body(100),
            _ => Takes::Nothing,
        }
    }

    async fn answer(&self, request: &Request) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let file = |bytes: &[u8], immutable| {
            let digest = Sha256::of(bytes);
            let answer = FileAnswer::new(digest, bytes.len() as u64, "application/octet-stream");
            Answer::File(FileAnswer { immutable, ..answer })
        };
        match request.path.as_str() {
            "warned" => match file(b"0123456789", true) {
                Answer::File(answer) => Answer::File(FileAnswer {
                    warning: Some("TM0903: GHSA-1 is fixed in 2.0".into()),
                    ..answer
                }),
                other => other,
            },
            "big" => file(&big(), true),
            "small" => file(b"0123456789", false),
            "empty" => file(b"", true),
            "lost" => file(b"not in the store", true),
            "release/a-1.0.whl" => {
                let of = (Purl::release("pypi", "a", "1.0"), "a-1.0.whl".to_owned());
                let answer = FileAnswer::new(Sha256::of(b"0123456789"), 10, "application/octet-stream");
                Answer::File(FileAnswer { of: Some(Arc::new(of)), ..answer })
            }
            "lost-release" => {
                let of = (Purl::release("pypi", "a", "2.0"), "a-2.0.whl".to_owned());
                let answer = FileAnswer::new(Sha256::of(b"not there"), 9, "application/octet-stream");
                Answer::File(FileAnswer { of: Some(Arc::new(of)), ..answer })
            }
            "moved" => Answer::Redirect(format!("{}/page", request.mount)),
            "refused" => Answer::Refused(Refusal {
                status: 403,
                code: "TM0703".into(),
                reason: "TM0703: held\r\nX-Injected: yes \u{e9}".into(),
                content_type: "application/problem+json",
                body: Bytes::from_static(b"{\"detail\":\"TM0703: held\"}"),
            }),
            "down" => {
                Answer::Unavailable { why: "TM0103: down".into(), retry_after: Some(Duration::from_secs(17)) }
            }
            "slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Self::page("slow".into())
            }
            "never" => std::future::pending().await,
            path if path.starts_with("view") => Self::page(
                serde_json::json!({
                    "path": path, "accept": request.accept, "mount": request.mount,
                    "as_of": request.as_of.map(|at: Timestamp| at.to_string()),
                    "method": format!("{:?}", request.method), "query": request.query,
                    "body": String::from_utf8_lossy(&request.body), "origin": request.origin,
                    "team": request.principal.team, "auth_required": request.auth_required,
                })
                .to_string(),
            ),
            "login" => Answer::Status(StatusAnswer {
                challenge: Some("Cargo login_url=\"x\"".into()),
                ..StatusAnswer::json(401, &serde_json::json!({"errors": []}))
            }),
            "page" => Self::page("{\"page\":true}".into()),
            other => Answer::NotFound(format!("no {other}")),
        }
    }
}

/// A server in the background.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn stop(mut self) -> Drained {
        drop(self.stop.take());
        self.task.await.unwrap()
    }
}

pub(crate) async fn blobs() -> Arc<MemBlobs> {
    let blobs = Arc::new(MemBlobs::new());
    for bytes in [big(), Bytes::from_static(b"0123456789"), Bytes::new()] {
        blobs.put(bytes).await.unwrap();
    }
    blobs
}

pub(crate) async fn start() -> Running {
    start_with(Options::default(), ServerLimits::default()).await
}

pub(crate) async fn start_with(options: Options, limits: ServerLimits) -> Running {
    serve(vec![Arc::new(Fake::default())], blobs().await, options, limits).await
}

pub(crate) async fn serve(
    registries: Vec<Arc<dyn Registry>>,
    blobs: Arc<dyn Blobs>,
    options: Options,
    limits: ServerLimits,
) -> Running {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let (addr, app) = (server.addr(), router(registries, blobs, options));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move { server.run(app, async move { drop(stopped.await) }).await });
    Running { addr, stop: Some(stop), task }
}
