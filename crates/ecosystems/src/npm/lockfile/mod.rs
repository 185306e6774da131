//! Reading what a JavaScript project pins, in the files that npm, pnpm and both yarns keep.
//!
//! A format is one file here and one line in `FORMATS`. Nothing is dropped silently: an entry becomes a pin,
//! a skipped entry with its reason, or an error with file, line and remedy.

mod berry;
mod error;
mod gather;
mod graph;
mod json;
mod locator;
mod package_lock;
mod pnpm;
mod target;
mod text;
mod yaml;
mod yarn;

pub use target::Target;

use std::path::Path;
use text::Text;
use trustmill_core::lockfile::{LockfileError, Pins};

/// Reads one format.
type Read = fn(&Text, &Target) -> Result<Pins, LockfileError>;

const FORMATS: &[(&str, Read)] = &[
    ("package-lock.json", package_lock::read),
    ("npm-shrinkwrap.json", package_lock::read),
    ("pnpm-lock.yaml", pnpm::read),
    ("yarn.lock", yarn::read),
];

/// Reads the lockfile at `path` for `target`; `None` if no format here claims a file of that name.
///
/// # Errors
/// `TM0201` to `TM0209`, `TM0230`, `TM0231`: see `docs/lockfiles.md`.
pub fn read(path: &Path, target: &Target) -> Option<Result<Pins, LockfileError>> {
    let read = format(path.file_name()?.to_str()?)?;
    Some(Text::open(path).and_then(|text| read(&text, target)))
}

/// As [`read`], from bytes: for tests, fuzzing, and files that stand in an archive or a commit.
pub fn read_bytes(name: &str, bytes: &[u8], target: &Target) -> Option<Result<Pins, LockfileError>> {
    let read = format(name.rsplit('/').next()?)?;
    Some(Text::of(name, bytes.to_vec()).and_then(|text| read(&text, target)))
}

/// The command that installs what the lockfile at `path` pins from the mill's address `mount`. Both yarns have one
/// file name, and each reads a variable of its own.
pub fn install_line(path: &Path, mount: &str) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "pnpm-lock.yaml" => format!("pnpm install --frozen-lockfile --registry {mount}/"),
        "yarn.lock" => format!("npm_config_registry={mount}/ YARN_NPM_REGISTRY_SERVER={mount} yarn install"),
        _ => format!("npm ci --registry {mount}/ --replace-registry-host always"),
    }
}

fn format(name: &str) -> Option<Read> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, read)| *read)
}
