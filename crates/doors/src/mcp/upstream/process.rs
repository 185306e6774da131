//! A server that is a process of the guard's: one JSON-RPC message a line over its standard input and output.

use super::{Arrival, Lost, Sink, Waiting, Way};
use crate::stdio::{Line, line, next_line, write_all};
use async_trait::async_trait;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use tokio::io::BufReader;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use trustmill_core::port::registry::Secret;

/// The process; it ends with this.
pub(super) struct Process {
    /// Whole lines: a request that is given up while it is written leaves no half of one behind.
    to: std::sync::Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    child: Mutex<Child>,
    reader: tokio::task::JoinHandle<()>,
}

/// Lines that a server may leave unread before it is waited for.
const UNREAD: usize = 64;

/// What a server gets of the guard's own environment: not the credentials of other servers.
const INHERITED: [&str; 8] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE"];

/// Starts a server.
pub(super) fn start(
    command: &[String],
    env: &[(String, Secret)],
    folder: Option<&Path>,
    waiting: Arc<Waiting>,
    sink: Sink,
) -> std::io::Result<Process> {
    let mut words = command.iter();
    let program = words.next().ok_or_else(|| std::io::Error::other("no command is named"))?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command.env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(env.iter().map(|(name, value)| (name, value.expose())));
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let mut child = command.spawn()?;
    let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("it has no standard input or output"));
    };
    let reader = tokio::spawn(async move {
        let mut from = BufReader::new(from);
        loop {
            match next_line(&mut from).await {
                Ok(Line::Text(text)) => {
                    if let Ok(message) = serde_json::from_slice::<Value>(&text) {
                        waiting.take(message, None, &sink);
                    }
                }
                Ok(Line::TooLong) => {}
                Ok(Line::End) | Err(_) => break,
            }
        }
        waiting.give_up();
        sink(Arrival::Gone);
    });
    let (sender, lines) = mpsc::channel(UNREAD);
    tokio::spawn(write_all(to, lines));
    Ok(Process { to: std::sync::Mutex::new(Some(sender)), child: Mutex::new(child), reader })
}

#[async_trait]
impl Way for Process {
    async fn send(&self, message: Value) -> Result<(), Lost> {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Lost::Gone)?;
        to.send(line(&message)).await.map_err(|_| Lost::Gone)
    }

    async fn settled(&self, _: &str) {}

    async fn close(&self) {
        // A server that reads to the end of its input ends by itself; one that does not is ended.
        self.to.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut child = self.child.lock().await;
        if tokio::time::timeout(std::time::Duration::from_secs(2), child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
