//! Why a replay is refused.

use trustmill_core::port::Coded;

/// Why our members do not go into the published container, or do not give the published digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefusal {
    /// The container carries something that is neither a member nor a fact we know.
    #[error("the published container carries {what}{}", at.as_ref().map(|name| format!(" on {name}")).unwrap_or_default())]
    Extra {
        /// What it is.
        what: &'static str,
        /// The member, where it belongs to one.
        at: Option<String>,
    },
    /// The published archive has a member that we do not build.
    #[error("we do not build {name}")]
    OnlyPublished {
        /// The member.
        name: String,
    },
    /// We build a member that the published archive does not have.
    #[error("{name} is not in the published archive")]
    OnlyRebuilt {
        /// The member.
        name: String,
    },
    /// A member's bytes differ.
    #[error("{name} has other bytes")]
    Bytes {
        /// The member.
        name: String,
    },
    /// A member is executable on one side only.
    #[error("{name} is executable on one side only")]
    ExecutableBit {
        /// The member.
        name: String,
    },
    /// `RECORD` differs and cannot be written again from our members in the published row order.
    #[error("the published RECORD is not what our members give")]
    Record,
    /// No known compressor gives the published stream from our bytes.
    #[error("no known compressor gives the published stream of {name}")]
    Compressor {
        /// The member.
        name: String,
    },
    /// The archive is larger than a replay may be, or its streams take too many tries.
    #[error("the archive is too large to replay: more than {limit} bytes would have to be {what}")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
        /// Written, or compressed.
        what: &'static str,
    },
    /// Everything was written, and the digest is another one.
    #[error("the replayed file has another digest than the published one")]
    Digest,
}

impl Coded for ReplayRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Extra { .. } => "TM0340",
            Self::OnlyPublished { .. } | Self::OnlyRebuilt { .. } => "TM0341",
            Self::Bytes { .. } => "TM0342",
            Self::ExecutableBit { .. } => "TM0343",
            Self::Record => "TM0344",
            Self::Compressor { .. } => "TM0345",
            Self::TooLarge { .. } => "TM0346",
            Self::Digest => "TM0347",
        }
    }

    fn help(&self) -> String {
        "the verdict is below `replayed`; the comparison lists what differs".into()
    }
}
