//! `trustmill up`: the reconciler and the HTTP server in one process, until a signal.

use super::Global;
use super::refresh::refresh;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{complain, say};
use crate::wire::{self, Alarm, Mill, Purpose, Serving};
use clap::Args;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::queue::Enqueue;
use trustmill_factory::World;
use trustmill_factory::progress::{Event, Observer};
use trustmill_factory::reconcile::{Dispatcher, Settings};

/// Serve packages, and keep rebuilding what is watched, until SIGTERM or Ctrl-C.
///
/// What runs when the signal comes is given ten seconds, then it is given back to the queue.
#[derive(Args)]
pub(super) struct Up {
    /// Address and port to serve on [default: 127.0.0.1:8447]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Serve only: rebuild nothing
    #[arg(long)]
    serve_only: bool,
}

/// Watched keys wait behind what a person asked for.
const PRIORITY: i32 = 0;

impl Up {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(self.execute(global))
    }

    async fn execute(self, global: &Global) -> Result<Exit, Failure> {
        let mill = Mill::open(global, Purpose::Work, Arc::new(Console { json: global.json })).await?;
        let listen = self.listen.unwrap_or(mill.config.serve.listen);
        let server = mill.bind(listen).await?;
        announce(&mill, &server, global.json);
        let (stop, stopped) = watch::channel(false);
        let alarm = Alarm::of(&mill)?.map(|alarm| tokio::spawn(alarm.run(stopped.clone())));
        let records = Arc::clone(&mill.world.records);
        let (firewall, config) = (Arc::clone(&mill.firewall), mill.config.clone());
        let following = tokio::spawn(wire::follow(firewall, config, records, stopped.clone()));
        if let Some(screen) = &mill.world.screen {
            tokio::spawn(Mill::scan_again(Arc::clone(screen), stopped.clone()));
        }
        let serving = tokio::spawn(server.run(wire::turned(stopped.clone())));
        tokio::spawn(refresh(mill.feeds.clone(), global.json, stopped.clone()));
        let workers = if self.serve_only {
            None
        } else {
            let settings = Settings { concurrency: mill.config.build.concurrency(), ..Settings::default() };
            let interval = Duration::from_secs(mill.config.watch.interval_seconds.max(1));
            tokio::spawn(resync(mill.world.clone(), interval, stopped.clone()));
            Some(tokio::spawn(Dispatcher::new(mill.world.clone(), settings).run(stopped)))
        };
        wire::terminated().await;
        if !global.json {
            complain!("stopping: what runs is given ten seconds");
        }
        let _ = stop.send(true);
        if let Some(workers) = workers {
            let drained = workers.await.map_err(wire::WorkerFailed::from)??;
            tracing::info!(drained.given_back, "the workers have stopped");
        }
        serving.await.map_err(wire::WorkerFailed::from)?;
        if let Some(alarm) = alarm {
            alarm.await.map_err(wire::WorkerFailed::from)?;
        }
        following.await.map_err(wire::WorkerFailed::from)?;
        Ok(Exit::Success)
    }
}

/// Says where the mill is and how to use it.
fn announce(mill: &Mill, server: &Serving, json: bool) {
    let (address, origin) = (server.address().to_string(), server.origin());
    if json {
        say!("{}", serde_json::json!({ "event": "listening", "address": address, "origin": origin }));
        return;
    }
    say!("trustmill serves {origin}/");
    for line in mill.usage(&origin) {
        say!("  {line}");
    }
    if server.token_required {
        say!("Only who shows a token is answered: `trustmill token create --team NAME` makes one,");
        say!("[access] anonymous = \"read\" answers everybody (docs/access.md).");
    }
    say!("Ctrl-C stops it; nothing is lost.");
}

/// Level, not edge: every interval all watched keys are looked at again, whatever was missed before. A
/// change of the watch set by another process is seen within five seconds.
async fn resync(world: World, interval: Duration, stopped: watch::Receiver<bool>) {
    let mut last: Option<tokio::time::Instant> = None;
    let mut known = Vec::new();
    while !*stopped.borrow() {
        match world.records.watched().await {
            Ok(watched) => {
                let due = last.is_none_or(|last| last.elapsed() >= interval);
                let keys: Vec<_> = watched
                    .iter()
                    .filter(|entry| due || !known.contains(*entry))
                    .map(|(purl, _)| Enqueue::now(purl.to_string(), PRIORITY))
                    .collect();
                if due {
                    last = Some(tokio::time::Instant::now());
                }
                known = watched;
                if let Err(error) = world.queue.enqueue(&keys).await {
                    tracing::error!(%error, "watched keys could not be enqueued");
                }
            }
            Err(error) => tracing::error!(%error, "the watch set could not be read"),
        }
        tokio::time::sleep(Duration::from_secs(5).min(interval)).await;
    }
}

/// One line per thing that happened, on standard output.
struct Console {
    json: bool,
}

impl Observer for Console {
    fn observe(&self, event: &Event) {
        let (word, purl, text) = match event {
            Event::Step { .. } => return,
            Event::Settled { verdict: None, .. } => return,
            Event::Settled { purl, verdict: Some(verdict) } => ("settled", purl, verdict.to_string()),
            Event::Retry { purl, why } => ("retry", purl, why.clone()),
            Event::Parked { purl, why } => ("parked", purl, why.clone()),
        };
        if self.json {
            say!("{}", serde_json::json!({ "event": word, "purl": purl, "text": text }));
        } else {
            say!("{word:8} {purl}  {}", crate::render::clean(&text));
        }
    }
}
