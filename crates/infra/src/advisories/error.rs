//! Why a feed could not be read. Whatever happens, the set that was held is kept.

use std::path::PathBuf;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::AdvisoriesError;
use trustmill_core::port::fetch::FetchError;

/// Why a feed could not be read; what is held of it did not change.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Its server does not give it.
    #[error("the feed cannot be fetched")]
    Unreachable(#[source] FetchError),
    /// Its folder or file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Its archive is cut, damaged, or says one thing and holds another.
    #[error("the feed's archive cannot be trusted: {0}")]
    Archive(String),
    /// It is older than what is held of it.
    #[error("the feed ends at {theirs}, and what is held of it goes up to {ours}")]
    Rollback {
        /// The newest that the feed has.
        theirs: Timestamp,
        /// The newest that is held.
        ours: Timestamp,
    },
    /// Much of what is held is not in it any more.
    #[error("the feed no longer has {gone} of the {held} records that are held of it")]
    Shrunk {
        /// Records that would go.
        gone: u64,
        /// Records that are held.
        held: u64,
    },
    /// Most of its records were refused.
    #[error("{refused} of the feed's {records} records are refused, the first because {first}")]
    Refused {
        /// Refused ones.
        refused: u64,
        /// All.
        records: u64,
        /// Why the first was.
        first: String,
    },
    /// It holds no record at all.
    #[error("the feed has no records about packages of this mill")]
    Empty,
    /// Somebody else is writing.
    #[error("another update is under way")]
    Busy,
    /// What was read cannot be kept.
    #[error(transparent)]
    Store(#[from] AdvisoriesError),
}

impl Coded for FeedError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Unreadable { .. } => "TM0910",
            Self::Archive(_) => "TM0911",
            Self::Rollback { .. } => "TM0912",
            Self::Shrunk { .. } => "TM0913",
            Self::Refused { .. } | Self::Empty => "TM0914",
            Self::Busy => "TM0917",
            Self::Store(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unreachable(_) => "check the address in [feeds] and the network; what is held goes on to count, and it is tried again".into(),
            Self::Unreadable { .. } => "check the path in [feeds] and who may read it; what is held goes on to count".into(),
            Self::Archive(_) => "fetch it again over another network; if it stays so, tell whoever publishes the feed".into(),
            Self::Rollback { .. } => "somebody may be replaying an old copy: look at the mirror. If the feed is really meant to go back, `trustmill advisories update --accept-loss`".into(),
            Self::Shrunk { .. } => "somebody may be hiding records: look at the feed. If it is really meant, `trustmill advisories update --accept-loss`".into(),
            Self::Refused { .. } => "this is no feed in the OSV schema, or of a newer one; `trustmill -v advisories update` names every record".into(),
            Self::Empty => "check that the address is that of an OSV export for PyPI, npm or crates.io, and [feeds] ecosystem".into(),
            Self::Busy => "wait until it ends, then try again".into(),
            Self::Store(error) => error.help(),
        }
    }
}
