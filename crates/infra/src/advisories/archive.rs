//! An archive of records: a ZIP file with one JSON file each, read from its own list and never held in memory.

use super::error::FeedError;
use super::folder::bounded;
use super::read::{Piece, Sink};
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt as _;
use zip::ZipArchive;
use zip::result::ZipError;

/// Files in an archive.
const FILES: usize = 2_000_000;
/// Bytes that an archive may inflate to.
const INFLATED: u64 = 16 << 30;

/// Gives every record of an archive.
///
/// A file that is not as long as the list says, or has another checksum, makes the whole archive untrue; one that is
/// longer than a record may be is refused alone, and no more of it is inflated than that.
pub(super) fn records(file: File, sink: &mut dyn Sink) -> Result<(), FeedError> {
    let listed = listed(&file).map_err(|error| FeedError::Archive(error.to_string()))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    // The library keeps one of two files of a name; another reader may keep the other.
    if listed.is_some_and(|listed| listed != archive.len() as u64) {
        return Err(FeedError::Archive("its list names a file twice".to_owned()));
    }
    if archive.len() > FILES {
        return Err(FeedError::Archive(format!("it has more than {FILES} files")));
    }
    sink.total(archive.len() as u64);
    let mut inflated = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let (name, promised) = (entry.name().map_err(|error| damaged(&error))?.into_owned(), entry.size());
        if entry.is_dir() || !name.ends_with(".json") {
            continue;
        }
        let cut = |error: io::Error| FeedError::Archive(format!("{name:?} cannot be inflated: {error}"));
        let bytes = bounded(entry).map_err(cut)?;
        let len = bytes.as_ref().map_or(promised, |bytes| bytes.len() as u64);
        if len != promised {
            return Err(FeedError::Archive(format!("{name:?} has {len} bytes, its list says {promised}")));
        }
        inflated = inflated.saturating_add(len);
        if inflated > INFLATED {
            return Err(FeedError::Archive(format!("it inflates to more than {INFLATED} bytes")));
        }
        let name = name.rsplit('/').next().unwrap_or_default();
        if !sink.take(name, bytes.as_deref().map_or(Piece::TooLarge, Piece::Whole)) {
            break;
        }
    }
    Ok(())
}

/// The number of files by the end of the archive (APPNOTE.TXT, 4.3.16, and 4.3.14 beyond 65,534 files); `None` where that
/// is not found, which the library judges.
fn listed(file: &File) -> io::Result<Option<u64>> {
    /// Longest end, with its comment, and the locator before it.
    const END: u64 = 22 + 0xFFFF + 20;
    let len = file.metadata()?.len();
    let tail = part(file, len.saturating_sub(END), len.min(END))?;
    let Some(end) = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06") else { return Ok(None) };
    match tail.get(end..).and_then(|end| number::<2>(end, 10)) {
        Some(0xFFFF) => {}
        count => return Ok(count),
    }
    let locator =
        end.checked_sub(20).and_then(|at| tail.get(at..)).filter(|it| it.starts_with(b"PK\x06\x07"));
    let Some(offset) = locator.and_then(|locator| number::<8>(locator, 8)) else { return Ok(None) };
    let whole = part(file, offset, len.saturating_sub(offset).min(56))?;
    Ok(Some(whole.as_slice())
        .filter(|end| end.starts_with(b"PK\x06\x06"))
        .and_then(|end| number::<8>(end, 32)))
}

fn part(file: &File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// A little-endian number.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn damaged(error: &ZipError) -> FeedError {
    FeedError::Archive(error.to_string())
}
