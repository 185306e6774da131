//! Source archives by their file name, as PyPA's "Source distribution format" and its forerunners name them.

use super::Limits;
use super::path::shown;
use super::tar::{self, Compression, SdistError};
use super::zip;
use bytes::Bytes;
use trustmill_core::content::Contents;

/// Reads the regular files of a source archive, its single top folder removed.
///
/// # Errors
/// [`SdistError`] for whatever is malformed, ambiguous, hostile, over a limit, or in a format that is not
/// read (`.tar.xz`, `.tar.Z`, `.egg`, ...).
pub fn read(filename: &str, bytes: &Bytes, limits: &Limits) -> Result<Contents, SdistError> {
    let lower = filename.to_ascii_lowercase();
    let tar = |compression| tar::read(bytes, compression, limits);
    if lower.ends_with(".tar.gz") || lower.ends_with(".tgz") {
        // Old uploads carry plain tars under this name; the content says which it is (RFC 1952, 2.3.1).
        tar(if bytes.starts_with(&[0x1f, 0x8b]) { Compression::Gzip } else { Compression::None })
    } else if lower.ends_with(".tar.bz2") || lower.ends_with(".tbz") {
        tar(Compression::Bzip2)
    } else if lower.ends_with(".tar") {
        tar(Compression::None)
    } else if lower.ends_with(".zip") {
        strip(zip::open(bytes, limits)?)
    } else {
        Err(SdistError::Format { name: shown(filename) })
    }
}

/// The one folder at the top of `(path, is directory)` names.
pub(super) fn top<'a>(mut names: impl Iterator<Item = (&'a str, bool)>) -> Result<&'a str, SdistError> {
    let found = |what: String| SdistError::TopFolder { found: what };
    let (first, directory) = names.next().ok_or_else(|| found("nothing".into()))?;
    let folder = |path: &'a str, directory| match path.split_once('/') {
        Some((top, _)) => Ok(top),
        None if directory => Ok(path),
        None => Err(found(format!("the file {}", shown(path)))),
    };
    let top = folder(first, directory)?;
    for (path, directory) in names {
        let other = folder(path, directory)?;
        if other != top {
            return Err(found(format!("both {} and {}", shown(top), shown(other))));
        }
    }
    Ok(top)
}

fn strip(archive: zip::Archive) -> Result<Contents, SdistError> {
    let prefix = format!("{}/", top(archive.entries.iter().map(|e| (e.path.as_str(), e.directory)))?);
    let below = |path: String| path.strip_prefix(&prefix).map(str::to_owned);
    let Contents { members, order } = archive.contents;
    Ok(Contents {
        members: members.into_iter().filter_map(|(path, member)| Some((below(path)?, member))).collect(),
        order: order.into_iter().filter_map(below).collect(),
    })
}
