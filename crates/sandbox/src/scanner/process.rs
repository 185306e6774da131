//! A worker seen from the mill: started, fed, heard, and ended, whatever it does.

use super::wire::{self, Hello};
use super::{REPORT_MOST, WorkerCommand};
use serde::de::DeserializeOwned;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::Report;

/// Bytes of last words that are kept.
const WORDS_MOST: usize = 2048;
/// How long a process that closed its pipe may take to be gone.
const GONE: Duration = Duration::from_secs(2);

/// A worker.
pub(super) struct Process {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    words: Arc<Mutex<Vec<u8>>>,
    listening: JoinHandle<()>,
    /// Jobs that it has done.
    pub(super) done: u32,
}

impl Process {
    /// Starts a worker, with nothing of this process but three pipes.
    pub(super) fn start(command: &WorkerCommand, memory: u64, cpu_seconds: u64) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .args([memory.to_string(), cpu_seconds.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let to = child.stdin.take().ok_or_else(gone)?;
        let from = child.stdout.take().ok_or_else(gone)?;
        let words = Arc::default();
        let listening = tokio::spawn(listen(child.stderr.take().ok_or_else(gone)?, Arc::clone(&words)));
        Ok(Self { child, to, from, words, listening, done: 0 })
    }

    /// Tells it what it must know before its first job, and hears what it says to that.
    pub(super) async fn hello(&mut self, told: &[u8]) -> io::Result<Hello> {
        self.give(told).await?;
        self.to.flush().await?;
        hear(&mut self.from).await
    }

    async fn give(&mut self, piece: &[u8]) -> io::Result<()> {
        self.to.write_all(&(piece.len() as u64).to_le_bytes()).await?;
        self.to.write_all(piece).await
    }

    /// Gives it a job and hears its report.
    pub(super) async fn scan(&mut self, job: &Job) -> io::Result<Report> {
        for piece in wire::pieces(job)? {
            self.give(&piece).await?;
        }
        self.to.flush().await?;
        let report = hear(&mut self.from).await?;
        self.done = self.done.saturating_add(1);
        Ok(report)
    }

    /// Ends it, and says how it ended.
    pub(super) async fn end(mut self, why: &io::Error) -> String {
        // One that is about to die of something is let die of it: then the status says of what.
        let status = match why.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
                tokio::time::timeout(GONE, self.child.wait()).await.ok().and_then(Result::ok)
            }
            _ => None,
        };
        self.child.kill().await.ok();
        tokio::time::timeout(GONE, self.listening).await.ok();
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let words = String::from_utf8_lossy(&words);
        let words: String = words
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let how = status.map_or_else(|| why.to_string(), |status| in_words(&status));
        if words.is_empty() { how } else { format!("{how}: {words}") }
    }
}

fn in_words(status: &std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(libc::SIGSEGV)) => "signal 11 (SIGSEGV)".to_owned(),
        (None, Some(libc::SIGABRT)) => "signal 6 (SIGABRT)".to_owned(),
        (None, Some(libc::SIGXCPU | libc::SIGKILL)) => "it used up its CPU time or was killed".to_owned(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

/// Hears one message, of a length that is bounded before anything is allocated.
async fn hear<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let length = from.read_u64_le().await?;
    if length > REPORT_MOST {
        return Err(io::Error::other(format!("its answer would have {length} bytes")));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&bytes).map_err(|_| io::Error::other("its answer is no report"))
}

/// Keeps the first words and lets the rest go by: a pipe that nobody reads would stop the worker.
async fn listen(mut from: impl AsyncRead + Unpin, words: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        let room = WORDS_MOST.saturating_sub(words.len()).min(length);
        words.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
}
