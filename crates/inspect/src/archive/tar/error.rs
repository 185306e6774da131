//! Why a source archive is refused.

use crate::archive::zip::ZipError;
use crate::archive::{HELP, LimitError, PathError};
use trustmill_core::port::Coded;

/// Why a source archive (`.tar.gz`, `.tar.bz2`, `.zip`) is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdistError {
    /// The zip is refused.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// A member's name is refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A limit is broken.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The compressed stream is broken.
    #[error("the compressed stream cannot be read: {why}")]
    Decompress {
        /// What the decompressor says.
        why: String,
    },
    /// A tar header is broken, or data follows the end of the archive.
    #[error("the tar archive is malformed: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// A member is a sparse file, which readers expand differently.
    #[error("member {name} is a sparse file")]
    Sparse {
        /// The member.
        name: String,
    },
    /// There is not exactly one folder at the top.
    #[error("the archive has {found} at its top; one folder is expected there")]
    TopFolder {
        /// What is there.
        found: String,
    },
    /// A PAX or GNU extension record is malformed, or contradicts the header.
    #[error("the extended header before {name} is refused: {why}")]
    Extension {
        /// The member it is for.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A member of a type that a source archive has no use for.
    #[error("member {name} has the unknown type {kind:?}")]
    UnknownType {
        /// The member.
        name: String,
        /// The type byte.
        kind: char,
    },
    /// A device, pipe or socket.
    #[error("member {name} is a device, pipe or socket")]
    Device {
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
    /// A link points out of the archive.
    #[error("member {name} is a link out of the archive, to {target}")]
    LinkLeaves {
        /// The link.
        name: String,
        /// Where it points.
        target: String,
    },
    /// A link points at nothing in the archive, at itself, or through too many other links.
    #[error("member {name} is a link to {target}, which is no file of the archive")]
    LinkDangles {
        /// The link.
        name: String,
        /// Where it points.
        target: String,
    },
    /// A format that is not read.
    #[error("{name} is in no format that is read; those are .tar.gz, .tgz, .tar.bz2, .tar and .zip")]
    Format {
        /// The file name.
        name: String,
    },
}

impl Coded for SdistError {
    fn code(&self) -> &'static str {
        match self {
            Self::Zip(error) => error.code(),
            Self::Path(error) => error.code(),
            Self::Limit(error) => error.code(),
            Self::SpecialMode { .. } => "TM0313",
            Self::Device { .. } => "TM0314",
            Self::Decompress { .. } => "TM0330",
            Self::Malformed { .. } => "TM0331",
            Self::Sparse { .. } => "TM0332",
            Self::TopFolder { .. } => "TM0333",
            Self::Extension { .. } => "TM0334",
            Self::UnknownType { .. } => "TM0335",
            Self::LinkLeaves { .. } => "TM0336",
            Self::LinkDangles { .. } => "TM0337",
            Self::Format { .. } => "TM0338",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Zip(error) => error.help(),
            Self::Limit(_) => "raise the limit if the package is known to be this large".into(),
            Self::Format { .. } => {
                "rebuild from another source of the release, such as its repository".into()
            }
            _ => HELP.into(),
        }
    }
}
