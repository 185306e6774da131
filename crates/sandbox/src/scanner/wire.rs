//! What the mill and a worker say to each other: pieces, each with its length before it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use trustmill_core::port::sandbox::LayerStatus;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::Report;

/// The longest file that a worker is given, and the longest description of a job.
pub(super) const FILE_MOST: u64 = 1 << 30;
const HEAD_MOST: u64 = 4 << 20;
/// The most that a worker is told before its first job.
pub(super) const TOLD_MOST: u64 = 64 << 20;

/// What a worker says first, once it is locked in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The rules that it has.
    pub(super) rules: String,
    /// What is on.
    pub(super) layers: Vec<LayerStatus>,
}

/// The pieces of a job: its description, its file, the file of the release before.
pub(super) fn pieces(job: &Job) -> io::Result<[Bytes; 3]> {
    let file = job.file.bytes.clone();
    let previous = job.previous.as_ref().map(|previous| previous.file.bytes.clone()).unwrap_or_default();
    let mut head = job.clone();
    head.file.bytes = Bytes::new();
    if let Some(previous) = &mut head.previous {
        previous.file.bytes = Bytes::new();
    }
    let head = serde_json::to_vec(&head)?;
    let longest = [(&head.len(), HEAD_MOST), (&file.len(), FILE_MOST), (&previous.len(), FILE_MOST)];
    if longest.into_iter().any(|(length, most)| *length as u64 > most) {
        return Err(io::Error::other("the job is too large"));
    }
    Ok([head.into(), file, previous])
}

/// Reads what comes before the first job; `None` where nobody speaks any more.
pub(super) fn read_told(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    read_piece(from, TOLD_MOST)
}

/// Reads a job; `None` where there is no further one.
pub(super) fn read_job(from: &mut impl Read) -> io::Result<Option<Job>> {
    let Some(head) = read_piece(from, HEAD_MOST)? else { return Ok(None) };
    let mut job: Job = serde_json::from_slice(&head)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    job.file.bytes = read_piece(from, FILE_MOST)?.ok_or_else(cut)?.into();
    let previous = read_piece(from, FILE_MOST)?.ok_or_else(cut)?;
    if let Some(before) = &mut job.previous {
        before.file.bytes = previous.into();
    }
    Ok(Some(job))
}

fn read_piece(from: &mut impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut first, mut rest) = ([0; 1], [0; 7]);
    if from.read(&mut first)? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut rest)?;
    let ([a], [b, c, d, e, f, g, h]) = (first, rest);
    let length = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    if length > most {
        return Err(io::Error::other("a piece is too long"));
    }
    let mut piece = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    if from.take(length).read_to_end(&mut piece)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(piece))
}

/// Says something: a hello or a report.
pub(super) fn say(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(what)?;
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// A report, cut so that it fits: the findings are weightiest first, and the last ones go.
pub(super) fn fitting(mut report: Report, most: u64) -> Report {
    while serde_json::to_vec(&report).is_ok_and(|bytes| bytes.len() as u64 > most) {
        let half = report.findings.len() / 2;
        if report.findings.is_empty() {
            break;
        }
        report.findings.truncate(half);
    }
    report
}
