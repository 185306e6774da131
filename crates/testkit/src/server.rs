//! An HTTP/1.1 server on loopback that misbehaves as told.
//!
//! Written by hand on a socket because a proper server library refuses to cut, to hang and to lie.

use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `GET`, `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, where `Content-Length` announced one.
    pub body: Bytes,
}

impl Received {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, good or bad.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    ranges: bool,
    cut: Option<usize>,
    drip: Option<Duration>,
    hang: bool,
    endless: bool,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            ranges: false,
            cut: None,
            drip: None,
            hang: false,
            endless: false,
        }
    }

    /// 200 with a body.
    pub fn body(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    /// 302 to another address.
    pub fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    /// Takes the request and never answers.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::status(200) }
    }

    /// 200 with a chunked body of zeros that does not end.
    pub fn endless() -> Self {
        Self { endless: true, ..Self::status(200) }
    }

    /// With a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Honours `Range` and `If-Range`.
    #[must_use]
    pub fn ranges(self) -> Self {
        Self { ranges: true, ..self }
    }

    /// Closes the connection after so many bytes of the body, having promised all of them.
    #[must_use]
    pub fn cut(self, after: usize) -> Self {
        Self { cut: Some(after), ..self }
    }

    /// Sends the body byte by byte with a pause before each.
    #[must_use]
    pub fn drip(self, pause: Duration) -> Self {
        Self { drip: Some(pause), ..self }
    }

    /// What a request for a part gets: the first byte's position and the rest, where it may have it.
    fn part(&self, request: &Received) -> Option<usize> {
        let first = request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?;
        let own = |wanted: &str| self.headers.iter().any(|(_, value)| value == wanted);
        (self.ranges && self.status == 200 && request.header("if-range").is_none_or(own)).then_some(first)
    }

    async fn send(&self, request: &Received, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        if self.hang {
            return std::future::pending().await;
        }
        let mut head = self.headers.clone();
        let (status, body) = match self.part(request) {
            Some(first) if first >= self.body.len() => (416, Bytes::new()),
            Some(first) => {
                let whole = self.body.len();
                head.push(("Content-Range".into(), format!("bytes {first}-{}/{whole}", whole - 1)));
                (206, self.body.slice(first..))
            }
            None => (self.status, self.body.clone()),
        };
        match self.endless {
            true => head.push(("Transfer-Encoding".into(), "chunked".into())),
            false => head.push(("Content-Length".into(), body.len().to_string())),
        }
        let fields: String = head.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await?;
        if self.endless {
            loop {
                stream.write_all(b"1000\r\n").await?;
                stream.write_all(&[0; 0x1000]).await?;
                stream.write_all(b"\r\n").await?;
            }
        }
        let body = body.slice(..self.cut.unwrap_or(usize::MAX).min(body.len()));
        match self.drip {
            None => stream.write_all(&body).await?,
            Some(pause) => {
                for byte in &body {
                    tokio::time::sleep(pause).await;
                    stream.write_all(&[*byte]).await?;
                }
            }
        }
        stream.shutdown().await
    }
}

/// A server that ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<HashMap<String, VecDeque<Reply>>>,
    received: Mutex<Vec<Received>>,
}

impl Server {
    /// Listens on a free port of loopback; every path is 404 until it is scripted.
    pub async fn start() -> Self {
        Self::listen("http", None).await
    }

    /// The same over TLS, with the root in PEM form that its certificate is signed with: its own.
    pub async fn start_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        (Self::listen("https", Some(TlsAcceptor::from(Arc::new(config)))).await, made.cert.pem())
    }

    async fn listen(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&serving), tls.clone());
                // A client that hangs up early, or trusts us not, is what many tests want.
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => shared.answer(tls.accept(stream).await?).await,
                        None => shared.answer(stream).await,
                    }
                });
            }
        });
        Self { address, scheme, shared, task }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Answers a path with these replies, one after the other, the last one for ever.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.shared.script.lock().unwrap().insert(path.to_owned(), replies.into_iter().collect());
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// Reads one request and answers it.
    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
        self.received.lock().unwrap().push(request.clone());
        let reply = {
            let mut script = self.script.lock().unwrap();
            let next = script.get_mut(&request.path).and_then(|replies| match replies.len() {
                0 | 1 => replies.front().cloned(),
                _ => replies.pop_front(),
            });
            next.unwrap_or_else(|| Reply::status(404))
        };
        reply.send(&request, &mut stream).await
    }
}

/// Bytes of a body that is read.
const BODY_BYTES: usize = 1 << 20;

/// A request; `None` if the client hung up or sent none within 64 KiB.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Received>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if head.len() > 64 << 10 || stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let field = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let mut request =
        Received { method, path, headers: lines.filter_map(field).collect(), body: Bytes::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    if let Some(length) = length.filter(|length| *length <= BODY_BYTES) {
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        request.body = body.into();
    }
    Ok(Some(request))
}
