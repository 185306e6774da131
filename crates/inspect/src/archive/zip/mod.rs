//! Wheels and other zip files: read strictly, every byte accounted for, nothing of the container lost.
//!
//! The container follows PKWARE's APPNOTE.TXT 6.3.10. What two readers could read in two ways is refused:
//! that is how one file shows a scanner one content and an installer another.

mod end;
mod entry;
mod error;
pub(crate) mod wire;

pub use end::{Deferred, End};
pub use entry::{Entry, ExtraField};
pub use error::ZipError;
pub use wire::{Central, Descriptor, Header};

use crate::archive::LimitError;
use crate::archive::limits::Limits;
use crate::archive::path::{Name, check_set};
use bytes::Bytes;
use trustmill_core::content::{Contents, Member};
use wire::Cursor;

/// A zip file that was read whole.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The published bytes.
    pub bytes: Bytes,
    /// Entries in the order of the central directory.
    pub entries: Vec<Entry>,
    /// The end of the file.
    pub end: End,
    /// The regular files.
    pub contents: Contents,
}

impl Archive {
    /// The entries in the order in which their data lies in the file.
    pub fn physical(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.start);
        entries
    }

    /// The deflate stream or stored bytes of `entry`, as published.
    pub fn raw(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.data.clone()).unwrap_or_default()
    }
}

/// Reads the regular files of a zip.
///
/// # Errors
/// [`ZipError`] for whatever is malformed, ambiguous, hostile or over a limit.
pub fn read(bytes: &Bytes, limits: &Limits) -> Result<Contents, ZipError> {
    open(bytes, limits).map(|archive| archive.contents)
}

/// Reads a zip with the facts of its container.
///
/// # Errors
/// [`ZipError`] for whatever is malformed, ambiguous, hostile or over a limit.
pub fn open(bytes: &Bytes, limits: &Limits) -> Result<Archive, ZipError> {
    let end = end::read(bytes)?;
    if end.entries > limits.members as u64 {
        return Err(LimitError::Members { limit: limits.members }.into());
    }
    let entries = directory(bytes, &end, limits)?;
    check_set(entries.iter().map(|e| Name { path: &e.path, directory: e.directory }))?;
    check_layout(&entries, end.directory)?;
    check_sizes(&entries, bytes.len(), limits)?;
    let contents = contents(bytes, &entries)?;
    Ok(Archive { bytes: bytes.clone(), entries, end, contents })
}

fn directory(bytes: &[u8], end: &End, limits: &Limits) -> Result<Vec<Entry>, ZipError> {
    let mut c = Cursor::new(bytes, usize::try_from(end.directory).unwrap_or(usize::MAX));
    let stop = end.directory + end.directory_len;
    let mut centrals = Vec::new();
    for _ in 0..end.entries {
        centrals.push(Central::read(&mut c)?);
    }
    if c.at() as u64 != stop {
        return Err(c.malformed("the central directory has another length than stated"));
    }
    // Where the data after each member has to end: the next local header, or the directory.
    let mut starts: Vec<u64> = Vec::with_capacity(centrals.len() + 1);
    for central in &centrals {
        starts.push(entry::offset(central)?);
    }
    starts.push(end.directory);
    starts.sort_unstable();
    centrals.into_iter().map(|central| entry::read(bytes, central, &starts, limits)).collect()
}

/// Members lie one after the other from the first byte to the directory: no overlap, nothing between.
fn check_layout(entries: &[Entry], directory: u64) -> Result<(), ZipError> {
    let mut spans: Vec<(u64, u64, &str)> =
        entries.iter().map(|e| (e.start, e.stop, e.path.as_str())).collect();
    spans.sort_unstable();
    let mut at = 0;
    for (start, stop, path) in spans {
        match start.cmp(&at) {
            std::cmp::Ordering::Less => {
                return Err(ZipError::Overlap { name: super::path::shown(path) });
            }
            std::cmp::Ordering::Greater => return Err(ZipError::Unaccounted { at, len: start - at }),
            std::cmp::Ordering::Equal => at = stop,
        }
    }
    match directory.checked_sub(at) {
        Some(0) => Ok(()),
        Some(len) => Err(ZipError::Unaccounted { at, len }),
        None => Err(ZipError::Malformed { at: directory, why: "a member runs into the central directory" }),
    }
}

/// The stated sizes, before a byte is inflated; inflating then holds each member to its stated size.
fn check_sizes(entries: &[Entry], archive_len: usize, limits: &Limits) -> Result<(), ZipError> {
    let mut total: u64 = 0;
    for entry in entries {
        if entry.size > limits.member_bytes {
            let name = super::path::shown(&entry.path);
            return Err(LimitError::MemberBytes { name, limit: limits.member_bytes }.into());
        }
        if limits.too_dense(entry.size, entry.data.len() as u64) {
            return Err(LimitError::Ratio { limit: limits.ratio }.into());
        }
        total = total.saturating_add(entry.size);
    }
    if total > limits.total_bytes {
        return Err(LimitError::TotalBytes { limit: limits.total_bytes }.into());
    }
    if limits.too_dense(total, archive_len as u64) {
        return Err(LimitError::Ratio { limit: limits.ratio }.into());
    }
    Ok(())
}

fn contents(bytes: &Bytes, entries: &[Entry]) -> Result<Contents, ZipError> {
    let mut contents = Contents::default();
    for entry in entries {
        let data = entry.inflate(bytes)?;
        if entry.directory {
            continue;
        }
        let member = Member { bytes: data, mode: entry.mode(), mtime: entry.mtime() };
        contents.order.push(entry.path.clone());
        contents.members.insert(entry.path.clone(), member);
    }
    Ok(contents)
}
