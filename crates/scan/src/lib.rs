//! The scanner: what a release does, what changed in it, and what follows from that.
//!
//! Pure: bytes in, a report out; the same bytes give the same report on every machine, because work is limited by
//! counted steps and never by a clock. Nothing is run and nothing is written.
//!
//! The way of a file: [`unpack`] → [`language`] (a parser per language, one [`program`] for all of them) → [`flow`]
//! (facts: which call is reached by what) → [`rules`] (one file each) → [`judge`] (scores, and the conclusion).

pub mod change;
pub mod decode;
pub mod facts;
pub mod flow;
pub mod judge;
pub mod language;
pub mod package;
pub mod program;
pub mod rules;
pub mod unpack;

use package::Package;
use rules::added::{Added, Nothing};
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::{Conclusion, Report};

/// The stack that a scan gets: parsers recurse, and what is nested as deeply as [`language`] lets it be needs this.
pub(crate) const STACK: usize = 256 << 20;

/// Scans a published file, on a thread with a stack of its own. `None` if that thread cannot be had or if it panicked:
/// then nothing is known of the file, and whoever asked holds it.
pub fn scan(job: &Job) -> Option<Report> {
    scan_with(job, &Nothing)
}

/// The same, with rules that are added. `None` also if they did not look at all of it.
pub fn scan_with(job: &Job, added: &dyn Added) -> Option<Report> {
    let builder = std::thread::Builder::new().name("scan".into()).stack_size(STACK);
    std::thread::scope(|scope| builder.spawn_scoped(scope, || scan_here(job, added)).ok()?.join().ok()?)
}

/// Scans a published file on the stack of the caller.
fn scan_here(job: &Job, added: &dyn Added) -> Option<Report> {
    judged(job, &package::read(job), added).ok()
}

/// What is found in a package that was read, and what is concluded.
///
/// # Errors
/// The added rules did not look at all of it.
pub fn judged(job: &Job, package: &Package, added: &dyn Added) -> Result<Report, String> {
    let of = |package: &Package| {
        let findings = rules::apply(package, added)?;
        Ok::<_, String>(judge::report(job, package, findings, added.version()))
    };
    let report = of(package)?;
    match package.apart().filter(|_| report.conclusion == Conclusion::Block) {
        // What follows only from several files at once is one inference further: it holds, and blocks nothing.
        Some(apart) => {
            let by_file = of(&apart)?.conclusion;
            Ok(Report { conclusion: by_file.max(Conclusion::Hold), ..report })
        }
        None => Ok(report),
    }
}
