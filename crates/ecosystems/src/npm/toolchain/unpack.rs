//! Unpacks the tarball of a tool: regular files below one folder, within limits, and nothing else.

use flate2::read::GzDecoder;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Bytes of a tool, unpacked. Node has 120 MB.
const MAX_BYTES: u64 = 512 << 20;
/// Files of a tool. npm has 2,500.
const MAX_FILES: usize = 20_000;

/// Why a tarball is not unpacked.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// What is in it.
    Refused(String),
    /// The disk, or gzip.
    Io(io::Error),
}

impl From<io::Error> for UnpackError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the files of `bytes` below `folder`, the tarball's top folder removed.
pub(super) fn unpack(bytes: &[u8], folder: &Path) -> Result<(), UnpackError> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(MAX_BYTES));
    let mut files = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path = entry.path()?.into_owned();
        if !kind.is_file() {
            return Err(UnpackError::Refused(format!("{} is no regular file", path.display())));
        }
        files += 1;
        if files > MAX_FILES {
            return Err(UnpackError::Refused(format!("more than {MAX_FILES} files")));
        }
        let target = folder.join(inner(&path)?);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let executable = entry.header().mode()? & 0o111 != 0;
        // A name that is there twice is an error: the first file is kept as it is.
        let mut file = std::fs::File::create_new(&target)?;
        io::copy(&mut entry, &mut file)?;
        let mode = if executable { 0o755 } else { 0o644 };
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    if files == 0 {
        return Err(UnpackError::Refused("it is empty".to_owned()));
    }
    Ok(())
}

/// The path without its first folder; plain names only.
fn inner(path: &Path) -> Result<PathBuf, UnpackError> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let inner: PathBuf = path.components().skip(1).collect();
    if !plain || inner.as_os_str().is_empty() {
        return Err(UnpackError::Refused(format!("{} leads out of the package", path.display())));
    }
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn tarball(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, kind) in entries {
            let mut header = tar::Header::new_ustar();
            // Written raw: the builder itself refuses such names.
            let bytes = header.as_mut_bytes();
            bytes[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.set_size(1);
            header.set_cksum();
            builder.append(&header, &b"x"[..]).unwrap();
        }
        let mut encoder = builder.into_inner().unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    fn result(entries: &[(&str, tar::EntryType)]) -> Result<(), UnpackError> {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("tool");
        std::fs::create_dir(&target).unwrap();
        let done = unpack(&tarball(entries), &target);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is written beside the tool");
        if done.is_ok() {
            let mode = std::fs::metadata(target.join("bin/x")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o755);
        }
        done
    }

    #[test]
    fn regular_files_are_unpacked_without_special_bits() {
        result(&[("package/bin/x", tar::EntryType::Regular)]).unwrap();
    }

    #[test]
    fn everything_else_is_refused() {
        use tar::EntryType::{Link, Regular, Symlink};
        for entries in [
            &[("package/../../x", Regular)][..],
            &[("/package/x", Regular)],
            &[("x", Regular)],
            &[("package/x", Symlink)],
            &[("package/x", Link)],
            &[("package/x", Regular), ("other/x", Regular)],
            &[],
        ] {
            assert!(result(entries).is_err(), "{entries:?}");
        }
    }
}
