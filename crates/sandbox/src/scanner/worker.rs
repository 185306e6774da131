//! The worker: locks itself in before it reads a byte of a job, then answers one job after the other.

use super::REPORT_MOST;
use super::wire::{self, Hello};
use crate::confine::{Profile, confine};
use crate::sys;
use std::io;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::Report;

/// Runs as a worker until there is no further job. The last two arguments are bytes of memory and seconds of CPU, as
/// [`ScannerPool`](super::ScannerPool) gives them. Called first thing, before any thread is started; never returns.
pub fn worker_main(rules: &str, scan: impl Fn(&Job) -> Option<Report>) -> ! {
    let mut words = std::env::args().rev().map(|word| word.parse::<u64>());
    let (Some(Ok(cpu_seconds)), Some(Ok(memory))) = (words.next(), words.next()) else { sys::exit_now(2) };
    let layers = confine(&Profile { memory, cpu_seconds });
    let hello = Hello { rules: rules.to_owned(), layers };
    let code = match serve(&hello, scan) {
        Ok(()) => 0,
        // Nobody listens any more, or what came is no job.
        Err(_) => 3,
    };
    sys::exit_now(code)
}

fn serve(hello: &Hello, scan: impl Fn(&Job) -> Option<Report>) -> io::Result<()> {
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    wire::say(&mut to, hello)?;
    while let Some(job) = wire::read_job(&mut from)? {
        // Whatever was wrong with this job, the next one gets a process that had nothing to do with it.
        let report = scan(&job).ok_or_else(|| io::Error::other("the scan panicked"))?;
        wire::say(&mut to, &wire::fitting(report, REPORT_MOST))?;
    }
    Ok(())
}
