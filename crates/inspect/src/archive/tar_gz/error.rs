//! Why a published tar.gz is refused.

use crate::archive::tar::SdistError;
use crate::archive::{HELP, LimitError, PathError};
use trustmill_core::port::Coded;

/// Why a published tar.gz (`.tgz`, `.crate`) is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarGzError {
    /// What every reader of tars refuses.
    #[error(transparent)]
    Tar(#[from] SdistError),
    /// The file is not just one sound gzip member.
    #[error("not a plain gzip file: {why}")]
    Gzip {
        /// What is wrong.
        why: &'static str,
    },
    /// A symbolic or hard link, which registries' clients drop or refuse.
    #[error("member {name} is a {kind} link")]
    Link {
        /// The member.
        name: String,
        /// Symbolic or hard.
        kind: &'static str,
    },
    /// The padding after a member's data is not zero: a place to hide something.
    #[error("the padding after member {name} is not empty")]
    Padding {
        /// The member.
        name: String,
    },
}

impl From<PathError> for TarGzError {
    fn from(error: PathError) -> Self {
        Self::Tar(error.into())
    }
}

impl From<LimitError> for TarGzError {
    fn from(error: LimitError) -> Self {
        Self::Tar(error.into())
    }
}

impl Coded for TarGzError {
    fn code(&self) -> &'static str {
        match self {
            Self::Tar(error) => error.code(),
            Self::Link { .. } => "TM0312",
            Self::Padding { .. } => "TM0326",
            Self::Gzip { .. } => "TM0339",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Tar(error) => error.help(),
            _ => HELP.into(),
        }
    }
}
