//! The scanner as the mill uses it: processes that are locked in and know how to do one thing.
//!
//! A worker is started with the mill's own binary, gives all its rights away before it reads a byte of a job
//! ([`confine`](crate::confine)), and is used for several jobs, since starting one costs more than most jobs. Whatever
//! it does instead of answering is an error of the port, and its end.

mod process;
mod wire;
mod worker;

pub use worker::worker_main;

use crate::confine::{is_optional, with_fixes};
use async_trait::async_trait;
use bytes::Bytes;
use process::Process;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use trustmill_core::Sha256;
use trustmill_core::port::sandbox::{Layer, LayerStatus};
use trustmill_core::port::scanner::{Job, Scanner, ScannerError};
use trustmill_core::scan::Report;

/// The longest answer.
const REPORT_MOST: u64 = 1 << 20;
/// A worker that had a file of so many bytes is ended: it keeps the memory that it needed, and starting another one is
/// nothing beside such a job.
const LARGE: usize = 8 << 20;
/// A worker is ready in milliseconds; a machine that needs longer than this is not healthy.
const HELLO_MOST: Duration = Duration::from_secs(20);

/// How to start this binary as a worker: it must call [`worker_main`] when it sees these arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program; `/proc/self/exe` for the binary that is running.
    pub program: PathBuf,
    /// The arguments by which it knows that it is to be a worker.
    pub args: Vec<String>,
    /// What it is told before its first job, once it is locked in: at most 64 MiB, by the operator and nobody else.
    pub told: Bytes,
}

/// The limits of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerSettings {
    /// How many work at once.
    pub workers: usize,
    /// Seconds for one job.
    pub seconds: u64,
    /// Bytes of address space of each.
    pub memory: u64,
    /// Jobs after which a worker is ended: what one of them may have done to it lasts no longer.
    pub jobs: u32,
    /// Layers without which jobs are given all the same.
    pub without: Vec<Layer>,
}

impl Default for ScannerSettings {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self { workers, seconds: 60, memory: 4 << 30, jobs: 64, without: Vec::new() }
    }
}

/// The adapter.
pub struct ScannerPool {
    command: WorkerCommand,
    rules: String,
    settings: ScannerSettings,
    places: Semaphore,
    idle: Mutex<Vec<Process>>,
}

impl ScannerPool {
    /// A pool of workers that have these rules. None is started before there is a job.
    pub fn new(command: WorkerCommand, rules: &str, settings: ScannerSettings) -> Self {
        let settings = ScannerSettings { workers: settings.workers.max(1), ..settings };
        let places = Semaphore::new(settings.workers);
        Self { command, rules: rules.to_owned(), settings, places, idle: Mutex::default() }
    }

    /// What a worker that is started now has, with the fix for what is missing.
    ///
    /// # Errors
    /// None can be started.
    pub async fn layers(&self) -> Result<Vec<LayerStatus>, ScannerError> {
        let (_, layers) = self.greeted().await?;
        Ok(with_fixes(layers))
    }

    async fn greeted(&self) -> Result<(Process, Vec<LayerStatus>), ScannerError> {
        let ScannerSettings { seconds, memory, jobs, .. } = self.settings;
        // The clock of the parent is the limit of a job; this is for a worker whose parent is gone.
        let cpu_seconds = seconds.saturating_mul(u64::from(jobs.max(1)));
        let start = |why: String| ScannerError::Start { why };
        if self.command.told.len() as u64 > wire::TOLD_MOST {
            return Err(start("its rules are longer than 64 MiB".to_owned()));
        }
        let mut worker = Process::start(&self.command, memory, cpu_seconds)
            .map_err(|error| start(format!("{}: {error}", self.command.program.display())))?;
        let hello = match tokio::time::timeout(HELLO_MOST, worker.hello(&self.command.told)).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(error)) => return Err(start(worker.end(&error).await)),
            Err(_) => return Err(start(worker.end(&io::ErrorKind::TimedOut.into()).await)),
        };
        if hello.rules != self.rules {
            return Err(start(format!("it has the rules {}, not {}", hello.rules, self.rules)));
        }
        Ok((worker, hello.layers))
    }

    /// A worker that may be given hostile bytes.
    async fn ready(&self) -> Result<Process, ScannerError> {
        if let Some(worker) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(worker);
        }
        let (worker, layers) = self.greeted().await?;
        let needed = |layer| !is_optional(layer) && !self.settings.without.contains(&layer);
        let missing = layers.iter().find(|status| !status.active && needed(status.layer));
        match missing {
            None => Ok(worker),
            Some(status) => Err(ScannerError::Start {
                why: format!("it cannot be locked in: {}: {}", status.layer.as_str(), status.detail),
            }),
        }
    }

    async fn ask(&self, job: &Job) -> Result<Report, ScannerError> {
        let mut worker = self.ready().await?;
        let limit = Duration::from_secs(self.settings.seconds);
        let heard = match tokio::time::timeout(limit, worker.scan(job)).await {
            // Dropped, and so killed.
            Err(_) => {
                return Err(ScannerError::Time {
                    file: job.file.name.clone(),
                    seconds: self.settings.seconds,
                });
            }
            Ok(heard) => heard.and_then(|report| self.checked(job, report)),
        };
        match heard {
            Ok(report) => {
                if worker.done < self.settings.jobs && job.file.bytes.len() < LARGE {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                }
                Ok(report)
            }
            Err(error) => {
                Err(ScannerError::Ended { file: job.file.name.clone(), how: worker.end(&error).await })
            }
        }
    }

    /// An answer to another question is none.
    fn checked(&self, job: &Job, report: Report) -> io::Result<Report> {
        let same = report.format == Report::FORMAT
            && report.rules == self.rules
            && report.filename == job.file.name
            && report.sha256 == Sha256::of(&job.file.bytes);
        if same { Ok(report) } else { Err(io::Error::other("its answer is about something else")) }
    }
}

#[async_trait]
impl Scanner for ScannerPool {
    fn rules(&self) -> &str {
        &self.rules
    }

    async fn scan(&self, job: &Job) -> Result<Report, ScannerError> {
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|_| ScannerError::Start { why: "the mill is about to end".to_owned() })?;
        // What an earlier job did to a worker is not this one's fault: it is tried once more, with a new one.
        let used = !self.idle.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        match self.ask(job).await {
            Err(ScannerError::Ended { .. }) if used => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                self.ask(job).await
            }
            other => other,
        }
    }
}
