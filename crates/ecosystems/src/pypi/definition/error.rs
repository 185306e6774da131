//! Why definitions cannot be used.

use trustmill_core::port::Coded;

/// Why a set of definitions is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// A file or folder cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the operating system says, or which limit was met.
        why: String,
    },
    /// A file does not follow the format.
    #[error("{origin}: {what}")]
    Malformed {
        /// File and line.
        origin: String,
        /// What is wrong.
        what: String,
    },
    /// Two files of one folder are for the same releases.
    #[error("{file} and {other} are both for {name} {version}")]
    Overlap {
        /// One file.
        file: String,
        /// The other.
        other: String,
        /// The project.
        name: String,
        /// A version that both accept.
        version: String,
    },
}

impl Coded for DefinitionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "TM0220",
            Self::Malformed { .. } => "TM0221",
            Self::Overlap { .. } => "TM0222",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the folder's path and permissions; it holds pypi/NAME/*.toml",
            Self::Malformed { .. } => "docs/definitions.md lists every key",
            Self::Overlap { .. } => "narrow `versions` of one of the two files",
        }
        .to_owned()
    }
}
