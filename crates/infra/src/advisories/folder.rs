//! A folder of records: one JSON file each, in folders below it too. A folder without any record and with archives is what
//! they hold: so the registries' dumps lie side by side, `PyPI/all.zip` beside `npm/all.zip`.

use super::archive;
use super::error::FeedError;
use super::read::{Piece, Sink};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use trustmill_core::advisory::osv::RECORD_BYTES;

/// Folders in folders.
const DEPTH: usize = 8;
/// Files in all.
const FILES: usize = 2_000_000;

/// Gives every record under a folder, in the order of their paths. Links are not followed.
pub(super) fn records(root: &Path, sink: &mut dyn Sink) -> Result<(), FeedError> {
    let (mut paths, mut archives) = (Vec::new(), Vec::new());
    walk(root, DEPTH, &mut paths, &mut archives)?;
    if paths.is_empty() {
        archives.sort_unstable();
        for path in archives {
            let file = File::open(&path).map_err(|source| FeedError::Unreadable { path, source })?;
            archive::records(file, sink)?;
        }
        return Ok(());
    }
    paths.sort_unstable();
    sink.total(paths.len() as u64);
    for path in &paths {
        if !record(path, sink)? {
            break;
        }
    }
    Ok(())
}

/// Gives one file; `false` if no more is wanted.
pub(super) fn record(path: &Path, sink: &mut dyn Sink) -> Result<bool, FeedError> {
    let failed = |source| FeedError::Unreadable { path: path.to_owned(), source };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let file = File::open(path).map_err(failed)?;
    let bytes = bounded(file).map_err(failed)?;
    Ok(sink.take(name, bytes.as_deref().map_or(Piece::TooLarge, Piece::Whole)))
}

/// At most what a record may have; `None` if there is more.
pub(super) fn bounded(reader: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(RECORD_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= RECORD_BYTES).then_some(bytes))
}

fn walk(
    folder: &Path,
    depth: usize,
    paths: &mut Vec<PathBuf>,
    archives: &mut Vec<PathBuf>,
) -> Result<(), FeedError> {
    let failed = |source| FeedError::Unreadable { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (kind, path) = (entry.file_type().map_err(failed)?, entry.path());
        if kind.is_dir() {
            let deeper =
                depth.checked_sub(1).ok_or_else(|| failed(io::Error::other("folders are too deep")))?;
            walk(&path, deeper, paths, archives)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "zip") {
            archives.push(path);
        }
        if paths.len() + archives.len() > FILES {
            return Err(failed(io::Error::other("too many files")));
        }
    }
    Ok(())
}
