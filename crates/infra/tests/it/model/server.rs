//! A server that takes what a wire format takes and nothing else, and answers in whatever pieces a test wants.

use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use trustmill_testkit::wire::{Came, Check};

/// How a stream is cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    /// As one.
    Whole,
    /// Of so many bytes: within characters, within `data:`, between CR and LF.
    Of(usize),
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A stream of events.
    Stream { text: String, pieces: Pieces },
    /// The beginning of one, then the connection is reset.
    Cut { text: String },
    /// The beginning of one, then nothing.
    Stall { text: String },
    /// Events without end.
    Endless { event: String },
    /// A status with a body.
    Status { status: u16, headers: Vec<(&'static str, &'static str)>, body: String },
    /// Nothing at all.
    Hang,
}

impl Say {
    pub(crate) fn stream(text: impl Into<String>) -> Self {
        Self::Stream { text: text.into(), pieces: Pieces::Whole }
    }
}

pub(crate) struct Provider {
    address: SocketAddr,
    script: Arc<Mutex<VecDeque<Say>>>,
    came: Arc<Mutex<Vec<Came>>>,
    open: Arc<Mutex<u32>>,
    task: JoinHandle<()>,
}

impl Provider {
    /// Refuses with 400 whatever `check` finds wrong; else answers by the script, the last one for ever.
    pub(crate) async fn start(check: Check, script: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<VecDeque<Say>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let (came, open) = (Arc::<Mutex<Vec<Came>>>::default(), Arc::<Mutex<u32>>::default());
        let (says, heard, count) = (Arc::clone(&script), Arc::clone(&came), Arc::clone(&open));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (says, heard, count) = (Arc::clone(&says), Arc::clone(&heard), Arc::clone(&count));
                tokio::spawn(async move {
                    *count.lock().unwrap() += 1;
                    // A client that hangs up is what some tests want.
                    let _ = answer(stream, check, &says, &heard).await;
                    *count.lock().unwrap() -= 1;
                });
            }
        });
        Self { address, script, came, open, task }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub(crate) fn then(&self, say: Say) {
        let mut script = self.script.lock().unwrap();
        script.clear();
        script.push_back(say);
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> u32 {
        *self.open.lock().unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    check: Check,
    says: &Mutex<VecDeque<Say>>,
    heard: &Mutex<Vec<Came>>,
) -> std::io::Result<()> {
    let came = read(&mut stream).await?;
    heard.lock().unwrap().push(came.clone());
    let say = {
        let mut says = says.lock().unwrap();
        if says.len() > 1 { says.pop_front() } else { says.front().cloned() }
    };
    let say = match check(&came) {
        Ok(()) => say.unwrap_or(Say::Hang),
        Err(why) => Say::Status {
            status: 400,
            headers: Vec::new(),
            body: serde_json::json!({ "error": { "message": why } }).to_string(),
        },
    };
    send(&mut stream, say).await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Came> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let field =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(field).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Came { path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

async fn send(stream: &mut TcpStream, say: Say) -> std::io::Result<()> {
    match say {
        Say::Hang => wait_for_end(stream).await,
        Say::Status { status, headers, body } => {
            let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let text = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{fields}\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await
        }
        Say::Stream { text, pieces } => {
            stream.write_all(STREAM.as_bytes()).await?;
            let size = match pieces {
                Pieces::Whole => text.len().max(1),
                Pieces::Of(size) => size,
            };
            for piece in text.as_bytes().chunks(size) {
                chunk(stream, piece).await?;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        Say::Cut { text } => {
            stream.write_all(STREAM.as_bytes()).await?;
            chunk(stream, text.as_bytes()).await
        }
        Say::Stall { text } => {
            stream.write_all(STREAM.as_bytes()).await?;
            chunk(stream, text.as_bytes()).await?;
            wait_for_end(stream).await
        }
        Say::Endless { event } => {
            stream.write_all(STREAM.as_bytes()).await?;
            loop {
                chunk(stream, event.as_bytes()).await?;
            }
        }
    }
}

async fn chunk(stream: &mut TcpStream, piece: &[u8]) -> std::io::Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
    stream.write_all(piece).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

/// Until the client hangs up.
async fn wait_for_end(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {}
    Ok(())
}
