//! The worker: locks itself in before it reads a byte of a job, then answers one job after the other.

use super::REPORT_MOST;
use super::wire::{self, Hello};
use crate::confine::{Profile, confine};
use crate::sys;
use std::io::{self, Write as _};
use trustmill_core::port::sandbox::LayerStatus;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::Report;

/// Runs as a worker until there is no further job. What it is told first makes the engine: the name of its rules, and
/// what scans. The last two arguments are bytes of memory and seconds of CPU, as [`ScannerPool`](super::ScannerPool)
/// gives them. Called first thing, before any thread is started; never returns.
pub fn worker_main<S>(engine: impl FnOnce(&[u8]) -> Result<(String, S), String>) -> !
where
    S: Fn(&Job) -> Option<Report>,
{
    let mut words = std::env::args().rev().map(|word| word.parse::<u64>());
    let (Some(Ok(cpu_seconds)), Some(Ok(memory))) = (words.next(), words.next()) else { sys::exit_now(2) };
    let layers = confine(&Profile { memory, cpu_seconds });
    let code = match serve(layers, engine) {
        Ok(()) => 0,
        // Nobody listens any more, or what came is no job. The last words are for whoever asks why it ended.
        Err(error) => {
            writeln!(io::stderr(), "{error}").ok();
            3
        }
    };
    sys::exit_now(code)
}

fn serve<S>(
    layers: Vec<LayerStatus>,
    engine: impl FnOnce(&[u8]) -> Result<(String, S), String>,
) -> io::Result<()>
where
    S: Fn(&Job) -> Option<Report>,
{
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    let Some(told) = wire::read_told(&mut from)? else { return Ok(()) };
    let (rules, scan) = engine(&told).map_err(io::Error::other)?;
    drop(told);
    wire::say(&mut to, &Hello { rules, layers })?;
    while let Some(job) = wire::read_job(&mut from)? {
        // Whatever was wrong with this job, the next one gets a process that had nothing to do with it.
        let report = scan(&job).ok_or_else(|| io::Error::other("the scan did not come to its end"))?;
        wire::say(&mut to, &wire::fitting(report, REPORT_MOST))?;
    }
    Ok(())
}
