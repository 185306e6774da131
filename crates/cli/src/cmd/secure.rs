//! `trustmill secure`: one shot over lockfiles, with a table and a gate.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::lockfiles;
use crate::render::progress::Live;
use crate::render::{secure as table, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use trustmill_core::digest::Checksum;
use trustmill_core::lockfile::{Pin, Pins, Skipped};
use trustmill_core::port::gate::Gate as _;
use trustmill_core::port::queue::{Enqueue, KeyState};
use trustmill_core::ruling::{Action, Listed, Principal, Question};
use trustmill_core::{Purl, Verdict};
use trustmill_factory::progress::{Event, Observer};
use trustmill_factory::reconcile::{Dispatcher, Settings};
use trustmill_factory::report::{self, ReleaseReport};

/// Rebuild and judge everything that lockfiles pin, then exit.
///
/// Reads requirements.txt, pylock.toml, uv.lock, package-lock.json, npm-shrinkwrap.json, pnpm-lock.yaml, yarn.lock
/// and Cargo.lock. Work that was done before is not done again.
#[derive(Args)]
pub(super) struct Secure {
    /// Lockfiles
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exit with 1 if any package's verdict is weaker: identical, replayed, normalised, built, explained …
    #[arg(long, value_name = "VERDICT")]
    require: Option<Verdict>,
    /// Try platform builds for this machine too (minutes each; needs a C compiler)
    #[arg(long)]
    native: bool,
    /// Let platform builds pass the gate, unless a difference is unexplained
    #[arg(long)]
    allow_native: bool,
    /// Releases worked on at once [default: one per core]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
}

/// Ahead of what the watch set asks for.
const PRIORITY: i32 = 100;

/// One row of the result.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The release.
    pub(crate) purl: Purl,
    /// The verdict that counts; `None` if the work could not be done.
    pub(crate) verdict: Option<Verdict>,
    /// What serves it.
    pub(crate) serves: String,
    /// Wall time in this run, in milliseconds.
    pub(crate) millis: u64,
    /// One sentence: what differs, or why not.
    pub(crate) detail: String,
    /// Recipes that were run for the files that count.
    pub(crate) attempts: u32,
    /// CPU of making build environments, in milliseconds.
    pub(crate) environment_cpu_ms: u64,
    /// CPU of the back ends, in milliseconds.
    pub(crate) build_cpu_ms: u64,
    /// Platform files that were left alone.
    pub(crate) native: usize,
    /// Why the gate does not hold for this row, if it does not.
    pub(crate) gate: Option<String>,
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// One row per release, by package URL.
    pub(crate) rows: Vec<Row>,
    /// Entries of the lockfiles that are not secured, each with a reason.
    pub(crate) skipped: Vec<Skipped>,
    /// Rows by verdict.
    pub(crate) counts: BTreeMap<String, usize>,
    /// Wall time of the run, in milliseconds.
    pub(crate) millis: u64,
    /// Whether every gate holds.
    pub(crate) passed: bool,
}

impl Secure {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(self.execute(global))
    }

    async fn execute(self, global: &Global) -> Result<Exit, Failure> {
        let started = Instant::now();
        let (tell, events) = mpsc::unbounded_channel();
        let global = &Global { native: self.native, ..global.clone() };
        let mill = Mill::open(global, Purpose::Work, Arc::new(Channel(tell))).await?;
        let (pins, install) = self.pins(&mill)?;
        let keys: Vec<Purl> = pins.pins.iter().map(|pin| pin.purl.clone()).collect();
        let requests: Vec<_> = keys.iter().map(|key| Enqueue::now(key.to_string(), PRIORITY)).collect();
        mill.world.queue.enqueue(&requests).await?;
        let times = self.work(&mill, &keys, events, global.json).await?;
        let Some(times) = times else { return Ok(Exit::Interrupted) };
        let summary = self.summarise(&mill, pins, &times, started.elapsed()).await?;
        match global.json {
            true => to_json(&summary),
            false => table::print(&summary, &install),
        }
        let broken = summary.rows.iter().any(|row| row.verdict.is_none());
        Ok(match (summary.passed, broken) {
            (false, _) => Exit::Gate,
            (true, true) => Exit::Infrastructure,
            (true, false) => Exit::Success,
        })
    }

    /// Reads every lockfile; a file that no ecosystem reads is an error. With the pins comes for each file the
    /// command that installs it from the mill.
    fn pins(&self, mill: &Mill) -> Result<(Pins, Vec<String>), Failure> {
        let (mut all, mut install) = (Pins::default(), Vec::new());
        for file in &self.files {
            let mut ecosystems = mill.world.ecosystems.iter();
            let read = ecosystems.find_map(|ecosystem| Some((ecosystem, ecosystem.lockfile(file)?)));
            let (ecosystem, pins) =
                read.ok_or_else(|| Failure::new(Exit::Usage, lockfiles::unknown(file)))?;
            let pins = pins.map_err(|error| Failure::new(Exit::Usage, error))?;
            let mount = format!("http://{}/{}", mill.config.serve.listen, ecosystem.ty());
            install.push(ecosystem.install_line(file, &mount));
            for pin in pins.pins {
                merge(&mut all.pins, pin);
            }
            all.skipped.extend(pins.skipped);
        }
        all.pins.sort_by(|a, b| a.purl.cmp(&b.purl));
        Ok((all, install))
    }

    /// Runs the dispatcher until every key is settled or set aside; `None` if a signal came first.
    async fn work(
        &self,
        mill: &Mill,
        keys: &[Purl],
        mut events: mpsc::UnboundedReceiver<Event>,
        quiet: bool,
    ) -> Result<Option<BTreeMap<Purl, Duration>>, Failure> {
        let (stop, stopped) = watch::channel(false);
        let settings = Settings {
            concurrency: self.jobs.unwrap_or_else(|| mill.config.build.concurrency()).max(1),
            patience: 3,
            max_attempts: 3,
            max_wait: Duration::from_secs(5),
            ..Settings::default()
        };
        let dispatcher = Dispatcher::new(mill.world.clone(), settings).mending(mill.mending());
        let dispatcher = tokio::spawn(dispatcher.run(stopped));
        let mut live = Live::new(keys, quiet);
        let mut interrupt = std::pin::pin!(wire::terminated());
        let mut interrupted = false;
        while !live.is_done() && !dispatcher.is_finished() {
            tokio::select! {
                Some(event) = events.recv() => live.observe(&event),
                () = tokio::time::sleep(Duration::from_millis(200)) => live.tick(),
                () = &mut interrupt => { interrupted = true; break; }
            }
        }
        let _ = stop.send(true);
        dispatcher.await.map_err(wire::WorkerFailed::from)??;
        let times = live.finish();
        Ok((!interrupted).then_some(times))
    }

    async fn summarise(
        &self,
        mill: &Mill,
        pins: Pins,
        times: &BTreeMap<Purl, Duration>,
        elapsed: Duration,
    ) -> Result<Summary, Failure> {
        let parked = mill.world.queue.enumerate().await?;
        let mut rows = Vec::new();
        for pin in &pins.pins {
            let release = report::release(&mill.world, &pin.purl).await?;
            let why = parked
                .iter()
                .find(|key| key.state == KeyState::Parked && key.key == pin.purl.to_string())
                .and_then(|key| key.why.clone());
            let millis = times.get(&pin.purl).map_or(0, Duration::as_millis);
            let stopped = stopped(mill, &release).await?;
            rows.push(self.row(pin, &release, why, stopped, u64::try_from(millis).unwrap_or(u64::MAX)));
        }
        let mut counts = BTreeMap::new();
        for row in &rows {
            let name = row.verdict.map_or("failed", Verdict::as_str);
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        let passed = rows.iter().all(|row| row.gate.is_none());
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Ok(Summary { rows, skipped: pins.skipped, counts, millis, passed })
    }

    /// One row: what counts of a release, and whether the gate holds for it.
    fn row(
        &self,
        pin: &Pin,
        release: &ReleaseReport,
        parked: Option<String>,
        stopped: Option<String>,
        millis: u64,
    ) -> Row {
        let verdict = if parked.is_some() { None } else { release.verdict };
        let counted = release.files.iter().find(|file| Some(file.judgement.verdict) == verdict);
        let native = release.files.iter().filter(|f| f.judgement.verdict == Verdict::NotAttempted).count();
        let native_file = counted.is_some_and(|file| file.judgement.native);
        let only_native =
            verdict == Some(Verdict::NotAttempted) || (native_file && verdict != Some(Verdict::Unexplained));
        let mismatch = verdict.is_some() && !self.hash_matches(pin, release);
        let gate = match (verdict, self.require) {
            (None, _) if self.require.is_some() => Some("no verdict".to_owned()),
            _ if mismatch => Some("no published file has a hash that the lockfile accepts".to_owned()),
            _ if stopped.is_some() => stopped,
            (Some(_), Some(_)) if only_native && self.allow_native => None,
            (Some(verdict), Some(floor)) if !verdict.meets(floor) => {
                Some(format!("{verdict} is weaker than {floor}"))
            }
            _ => None,
        };
        let detail =
            parked.unwrap_or_else(|| counted.map_or_else(String::new, |f| f.judgement.detail.clone()));
        let detail =
            if mismatch { "the lockfile's hashes match no published file".to_owned() } else { detail };
        let serves = counted.map_or("nothing", |file| file.judgement.serves.as_str()).to_owned();
        let judgements = || release.files.iter().map(|file| &file.judgement);
        Row {
            purl: pin.purl.clone(),
            verdict,
            serves,
            millis,
            detail,
            attempts: judgements().map(|judgement| judgement.attempts).sum(),
            environment_cpu_ms: judgements().map(|judgement| judgement.environment_usage.cpu_ms).sum(),
            build_cpu_ms: judgements().map(|judgement| judgement.build_usage.cpu_ms).sum(),
            native,
            gate,
        }
    }

    /// Whether one of the lockfile's hashes, where it has any, is a file that upstream publishes.
    fn hash_matches(&self, pin: &Pin, release: &ReleaseReport) -> bool {
        let comparable = |promised: &&Checksum| {
            pin.checksums.iter().any(|accepted| accepted.algorithm() == promised.algorithm())
        };
        let mut promised = release.promised.iter().filter(comparable).peekable();
        // A lock may state SHA-1 alone where the registry states SHA-512: its client compares, once it has the file.
        let says_nothing = pin.hashes.is_empty() && promised.peek().is_none();
        says_nothing
            || release.published.iter().any(|digest| pin.hashes.contains(digest))
            || promised.any(|checksum| pin.checksums.contains(checksum))
    }
}

/// Why a release that the scanner has something against is not handed out; what an override lifts is.
async fn stopped(mill: &Mill, release: &ReleaseReport) -> Result<Option<String>, Failure> {
    let Some(version) =
        release.purl.version().filter(|_| release.scans.iter().any(|scan| scan.gravity() > 1))
    else {
        return Ok(None);
    };
    let releases = [Listed { version: version.into(), ..Listed::default() }];
    let project = release.purl.without_version();
    // Not the question of a client: how old it is does not matter here.
    let (principal, action) = (Principal::default(), Action::Serve);
    let question = Question { principal: &principal, action, project: &project, releases: &releases };
    let ruling = mill.firewall.rule(&question, mill.world.clock.now()).await?;
    let refused = ruling.decisions.into_iter().find(|decision| decision.effect.refuses());
    Ok(refused.map(|decision| format!("{}: {}", decision.code, decision.reason)))
}

/// Adds a pin; the same release in two files is one pin with the hashes of both.
fn merge(pins: &mut Vec<Pin>, pin: Pin) {
    match pins.iter_mut().find(|known| known.purl == pin.purl) {
        Some(known) => {
            known.hashes.extend(pin.hashes);
            known.checksums.extend(pin.checksums);
        }
        None => pins.push(pin),
    }
}

/// Sends what happens to whoever shows it.
struct Channel(mpsc::UnboundedSender<Event>);

impl Observer for Channel {
    fn observe(&self, event: &Event) {
        let _ = self.0.send(event.clone());
    }
}
