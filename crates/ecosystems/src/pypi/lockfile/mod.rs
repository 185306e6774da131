//! Reading what a Python project pins, in the formats that projects really keep.
//!
//! A format is one file (or folder) here and one line in `FORMATS`. Nothing is dropped silently: an entry
//! becomes a pin, a skipped entry with its reason, or an error with file, line and remedy.

pub(crate) mod error;
pub mod marker;
mod pinset;
pub mod pylock;
pub mod requirement;
pub mod requirements;
pub(crate) mod source;
mod target;
pub mod uv_lock;

pub use source::{Files, MemoryFiles};
pub use target::{Groups, Selection, Target};

use source::Disk;
use std::path::Path;
use trustmill_core::lockfile::{LockfileError, Pins};

/// One lockfile format.
struct Format {
    /// Whether a file of this name is one of ours.
    claims: fn(&str) -> bool,
    /// Reads it.
    read: fn(&Path, &Target, &dyn Files) -> Result<Pins, LockfileError>,
}

const FORMATS: &[Format] = &[
    Format { claims: pylock::claims, read: pylock::read },
    Format { claims: uv_lock::claims, read: uv_lock::read },
    Format { claims: requirements::claims, read: requirements::read },
];

/// Reads the lockfile at `path` for `target`; `None` if no format here claims a file of that name.
///
/// # Errors
/// `TM0201` to `TM0210`: see `docs/lockfiles.md`.
pub fn read(path: &Path, target: &Target) -> Option<Result<Pins, LockfileError>> {
    read_from(path, target, &Disk)
}

/// As [`read`], from files and environment variables that the caller provides.
pub fn read_from(path: &Path, target: &Target, files: &dyn Files) -> Option<Result<Pins, LockfileError>> {
    let name = path.file_name()?.to_str()?;
    let format = FORMATS.iter().find(|format| (format.claims)(name))?;
    Some((format.read)(path, target, files))
}

/// The command that installs a lockfile through the mill mounted at `mount`.
pub fn install_line(path: &Path, mount: &str) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (index, path) = (format!("{mount}/simple/"), path.display());
    if name == "uv.lock" {
        format!("uv sync --frozen --default-index {index}")
    } else if name.starts_with("pylock") {
        format!("uv pip sync --default-index {index} {path}")
    } else {
        format!("pip install --index-url {index} -r {path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lockfile_has_its_line() {
        let line = |file: &str| install_line(file.as_ref(), "http://127.0.0.1:8447/pypi");
        assert!(line("a/requirements.txt").ends_with("/pypi/simple/ -r a/requirements.txt"));
        assert!(line("uv.lock").starts_with("uv sync --frozen"));
        assert!(line("pylock.dev.toml").starts_with("uv pip sync"));
    }
}
