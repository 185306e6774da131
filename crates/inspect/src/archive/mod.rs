//! Readers of foreign archives: bytes in, [`Contents`](trustmill_core::content::Contents) out, or a typed refusal.
//!
//! Every byte of an accepted archive is accounted for, and every name means one file on every platform.

pub mod limits;
pub mod path;
pub mod published;
pub mod sdist;
pub mod tar;
pub mod tar_gz;
pub mod zip;

pub use limits::Limits;
pub use path::PathError;

/// A limit that an archive broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// More members than allowed.
    #[error("the archive has more than {limit} members")]
    Members {
        /// Members allowed.
        limit: usize,
    },
    /// A member is larger than allowed.
    #[error("member {name} has more than {limit} bytes")]
    MemberBytes {
        /// The member.
        name: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// The whole is larger than allowed.
    #[error("the archive inflates to more than {limit} bytes")]
    TotalBytes {
        /// Bytes allowed.
        limit: u64,
    },
    /// It compresses too well to be honest.
    #[error("the archive inflates to more than {limit} times its size: a decompression bomb")]
    Ratio {
        /// Ratio allowed.
        limit: u64,
    },
}

impl LimitError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Members { .. } => "TM0315",
            Self::MemberBytes { .. } => "TM0316",
            Self::TotalBytes { .. } => "TM0317",
            Self::Ratio { .. } => "TM0318",
        }
    }
}

/// What every refusal of a hostile or broken archive tells the user to do.
pub(crate) const HELP: &str = "the archive is hostile or broken and is not used; if its publisher stands by it, \
                               report it to them with this message";
