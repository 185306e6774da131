//! An archive of records: a ZIP file with one JSON file each, read from its own list and never held in memory.

use super::error::FeedError;
use super::folder::bounded;
use super::read::{Piece, Sink};
use std::fs::File;
use std::io::BufReader;
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
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
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
        let cut = |error: std::io::Error| FeedError::Archive(format!("{name:?} cannot be inflated: {error}"));
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

fn damaged(error: &ZipError) -> FeedError {
    FeedError::Archive(error.to_string())
}
