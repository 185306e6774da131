//! Published files by their name: the name decides what a client does with the bytes, so it decides here.

use super::path::shown;
use super::tar::SdistError;
use super::tar_gz::{self, TarGzError};
use super::zip::{self, ZipError};
use super::{HELP, Limits};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::Coded;

/// Why a published file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// The zip is refused.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The tar.gz is refused.
    #[error(transparent)]
    TarGz(#[from] TarGzError),
    /// A format that is not read.
    #[error("{name} is in no format that is published; those are .whl, .zip, .tgz, .tar.gz and .crate")]
    Format {
        /// The file name.
        name: String,
    },
}

impl Coded for PublishedError {
    fn code(&self) -> &'static str {
        match self {
            Self::Zip(error) => error.code(),
            Self::TarGz(error) => error.code(),
            Self::Format { .. } => "TM0338",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Zip(error) => error.help(),
            Self::TarGz(error) => error.help(),
            Self::Format { .. } => HELP.into(),
        }
    }
}

/// Whose conventions a published file follows, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Wheels, in zip.
    Python,
    /// npm's tarballs.
    JavaScript,
    /// `.crate` files.
    Rust,
}

impl Family {
    /// The family of a file name; `None` if the format is not read.
    pub fn of(filename: &str) -> Option<Self> {
        let lower = filename.to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
        if ends(&[".whl", ".zip"]) {
            Some(Self::Python)
        } else if ends(&[".tgz", ".tar.gz"]) {
            Some(Self::JavaScript)
        } else {
            ends(&[".crate"]).then_some(Self::Rust)
        }
    }
}

/// A published file that was read whole, with the facts of its container.
#[derive(Debug, Clone)]
pub enum Archive {
    /// A wheel.
    Zip(zip::Archive),
    /// A `.tgz` or `.crate`.
    TarGz(tar_gz::Archive),
}

impl Archive {
    /// The regular files; those of a tar without its top folder.
    pub fn contents(&self) -> &Contents {
        match self {
            Self::Zip(archive) => &archive.contents,
            Self::TarGz(archive) => &archive.contents,
        }
    }

    /// The regular files; those of a tar without its top folder.
    pub fn into_contents(self) -> Contents {
        match self {
            Self::Zip(archive) => archive.contents,
            Self::TarGz(archive) => archive.contents,
        }
    }
}

/// Reads the regular files of what is published under `filename`.
///
/// # Errors
/// [`PublishedError`] for whatever is malformed, ambiguous, hostile, over a limit, or in a format that is not
/// read.
pub fn read(filename: &str, bytes: &Bytes, limits: &Limits) -> Result<Contents, PublishedError> {
    open(filename, bytes, limits).map(Archive::into_contents)
}

/// Reads what is published under `filename`, with the facts of its container.
///
/// # Errors
/// As [`read`].
pub fn open(filename: &str, bytes: &Bytes, limits: &Limits) -> Result<Archive, PublishedError> {
    match Family::of(filename) {
        Some(Family::Python) => Ok(Archive::Zip(zip::open(bytes, limits)?)),
        Some(Family::JavaScript) => Ok(Archive::TarGz(tar_gz::open(bytes, limits)?)),
        Some(Family::Rust) => {
            let archive = tar_gz::open(bytes, limits)?;
            // Cargo unpacks `NAME-VERSION.crate` below the folder `NAME-VERSION`, and refuses any other.
            let stem = filename.get(..filename.len().saturating_sub(".crate".len()));
            if stem != Some(archive.top.as_str()) {
                let found = format!("the folder {} (for {})", shown(&archive.top), shown(filename));
                return Err(TarGzError::Tar(SdistError::TopFolder { found }).into());
            }
            Ok(Archive::TarGz(archive))
        }
        None => Err(PublishedError::Format { name: shown(filename) }),
    }
}
