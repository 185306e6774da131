//! Why a zip archive is refused.

use crate::archive::{HELP, LimitError, PathError};
use trustmill_core::port::Coded;

/// Why a zip archive is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// A member's name is refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A limit is broken.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A member is a symbolic link.
    #[error("member {name} is a symbolic link")]
    Symlink {
        /// The member.
        name: String,
    },
    /// A member is setuid, setgid or sticky.
    #[error("member {name} has mode {mode:o}: setuid, setgid or sticky")]
    SpecialMode {
        /// The member.
        name: String,
        /// The permission bits.
        mode: u32,
    },
    /// A member is a device, pipe or socket.
    #[error("member {name} is a device, pipe or socket")]
    Device {
        /// The member.
        name: String,
    },
    /// There is no end-of-central-directory record at the end, or more than one that could be it.
    #[error("not a zip archive: {why}")]
    NotZip {
        /// What is wrong.
        why: &'static str,
    },
    /// A structure is cut short or contradicts itself.
    #[error("the zip archive is malformed at byte {at}: {why}")]
    Malformed {
        /// Where.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A member is encrypted.
    #[error("member {name} is encrypted")]
    Encrypted {
        /// The member.
        name: String,
    },
    /// A member is compressed with something else than deflate.
    #[error("member {name} has compression method {method}; stored (0) and deflated (8) are read")]
    Method {
        /// The member.
        name: String,
        /// The method's number.
        method: u16,
    },
    /// The central directory and the local header say different things.
    #[error("member {name} has another {field} in the central directory than in its local header")]
    Disagreement {
        /// The member.
        name: String,
        /// What differs.
        field: &'static str,
    },
    /// Two members share bytes.
    #[error("member {name} overlaps another structure of the archive")]
    Overlap {
        /// The member.
        name: String,
    },
    /// Bytes that belong to no structure: a place to hide something.
    #[error("{len} bytes at offset {at} belong to no member")]
    Unaccounted {
        /// Where.
        at: u64,
        /// How many.
        len: u64,
    },
    /// A deflate stream is broken, or gives another number of bytes than stated.
    #[error("member {name} does not inflate to the size that is stated")]
    Corrupt {
        /// The member.
        name: String,
    },
    /// A checksum is wrong.
    #[error("member {name} has a wrong CRC-32")]
    Crc {
        /// The member.
        name: String,
    },
    /// The archive has more than one part.
    #[error("the zip archive spans several disks")]
    MultiDisk,
}

impl Coded for ZipError {
    fn code(&self) -> &'static str {
        match self {
            Self::Path(error) => error.code(),
            Self::Limit(error) => error.code(),
            Self::Symlink { .. } => "TM0312",
            Self::SpecialMode { .. } => "TM0313",
            Self::Device { .. } => "TM0314",
            Self::NotZip { .. } => "TM0320",
            Self::Malformed { .. } => "TM0321",
            Self::Encrypted { .. } => "TM0322",
            Self::Method { .. } => "TM0323",
            Self::Disagreement { .. } => "TM0324",
            Self::Overlap { .. } => "TM0325",
            Self::Unaccounted { .. } => "TM0326",
            Self::Corrupt { .. } => "TM0327",
            Self::Crc { .. } => "TM0328",
            Self::MultiDisk => "TM0329",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Limit(_) => "raise the limit if the package is known to be this large".into(),
            _ => HELP.into(),
        }
    }
}
