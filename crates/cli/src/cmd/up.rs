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
use trustmill_core::Key;
use trustmill_core::port::queue::Enqueue;
use trustmill_factory::World;
use trustmill_factory::progress::{Event, Observer};
use trustmill_factory::reconcile::{Dispatcher, Settings};
use trustmill_factory::repair::Mending;

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
/// Repairs take long: whatever else waits goes first.
pub(super) const REPAIRS: i32 = -100;
/// How often it is looked whether something changed.
const LOOK: Duration = Duration::from_secs(5);

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
            let mending = mill.mending_with_models().await?;
            tokio::spawn(mend(mending.clone(), interval, stopped.clone()));
            let dispatcher = Dispatcher::new(mill.world.clone(), settings).mending(mending);
            Some(tokio::spawn(dispatcher.run(stopped)))
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
        tokio::time::sleep(LOOK.min(interval)).await;
    }
}

/// The same for repairs: every interval, and as soon as the advisories or the watch set change, what is due is asked for.
async fn mend(mending: Mending, interval: Duration, stopped: watch::Receiver<bool>) {
    if !mending.backports && !mending.recipes {
        return;
    }
    let mut last: Option<(tokio::time::Instant, u64, Vec<_>)> = None;
    while !*stopped.borrow() {
        let world = &mending.repairs.world;
        let revision = mending.repairs.advisories.revision();
        let watched = world.records.watched().await.unwrap_or_default();
        let is_old = |(at, before, known): &(tokio::time::Instant, u64, Vec<_>)| {
            at.elapsed() >= interval || *before != revision || *known != watched
        };
        if last.as_ref().is_none_or(is_old) {
            // A start is a change too: what an earlier process set aside is tried again.
            match mending.due(last.is_none()).await {
                Ok(due) => {
                    let keys: Vec<_> = due.iter().map(|key| Enqueue::now(key.to_string(), REPAIRS)).collect();
                    if let Err(error) = world.queue.enqueue(&keys).await {
                        tracing::error!(%error, "repairs could not be enqueued");
                    }
                }
                Err(error) => tracing::error!(%error, "what is to be repaired cannot be found out"),
            }
            last = Some((tokio::time::Instant::now(), revision, watched));
        }
        tokio::time::sleep(LOOK.min(interval)).await;
    }
}

/// One line per thing that happened, on standard output.
struct Console {
    json: bool,
}

impl Observer for Console {
    fn observe(&self, event: &Event) {
        let (word, key, text) = match event {
            Event::Step { .. } => return,
            Event::Settled { verdict: None, .. } => return,
            Event::Settled { purl, verdict: Some(verdict) } => {
                ("settled", Key::Rebuild(purl.clone()), verdict.to_string())
            }
            Event::Concluded { key: key @ Key::Recipe(_), what } => ("recipe", key.clone(), what.clone()),
            Event::Concluded { key, what } => ("backport", key.clone(), what.clone()),
            Event::Retry { key, why } => ("retry", key.clone(), why.clone()),
            Event::Parked { key, why } => ("parked", key.clone(), why.clone()),
        };
        if self.json {
            let line = serde_json::json!({ "event": word, "purl": key.purl(), "key": key, "text": text });
            say!("{line}");
        } else {
            // The word says what is done; where it does not, the key has to.
            let about = if matches!(event, Event::Concluded { .. }) {
                key.purl().to_string()
            } else {
                key.to_string()
            };
            say!("{word:8} {about}  {}", crate::render::clean(&text));
        }
    }
}
