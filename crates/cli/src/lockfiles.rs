//! Lockfiles as `check`, `sbom` and `vex` read them: for everybody, and without a mill being opened.

use crate::error::Failure;
use crate::exit::Exit;
use std::path::{Path, PathBuf};
use trustmill_core::lockfile::LockfileError;
use trustmill_ecosystems::join;
use trustmill_factory::audit::Locked;

/// Reads every file; one that no ecosystem reads is an error.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<Locked>, Failure> {
    files.iter().map(|file| one(file).map_err(|error| Failure::new(Exit::Usage, error))).collect()
}

fn one(file: &Path) -> Result<Locked, LockfileError> {
    let mut families = join::ALL.iter();
    let read = families.find_map(|family| Some((family, (family.lockfile)(file)?)));
    let (family, pins) = read.ok_or_else(|| unknown(file))?;
    Ok(Locked { file: file.display().to_string(), versions: family.versions, pins: pins? })
}

/// A file that is no lockfile.
pub(crate) fn unknown(file: &Path) -> LockfileError {
    LockfileError {
        code: "TM0299",
        origin: file.display().to_string(),
        what: "this is no lockfile that the mill reads".into(),
        help: "give a requirements.txt (or another .txt in its format), pylock.toml, uv.lock, package-lock.json, \
               npm-shrinkwrap.json, pnpm-lock.yaml, yarn.lock or Cargo.lock"
            .into(),
    }
}
