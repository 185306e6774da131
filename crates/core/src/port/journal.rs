//! Who was given what: so that a release that is flagged later can be traced to those who have it.

use crate::ruling::Principal;
use crate::{Purl, Sha256};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A file that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The release.
    pub release: Purl,
    /// The file.
    pub filename: String,
    /// Its bytes.
    pub sha256: Sha256,
    /// To whom.
    pub principal: Principal,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How often.
    pub times: u64,
}

/// The memory of what was handed out, one entry per file and principal.
///
/// * `note` MUST NOT wait for the medium; what was noted MUST be durable within a few seconds, and when the process
///   ends in order. A crash may lose those seconds, and `docs/state.md` says so.
/// * `handed`, `releases_since` and `forget_before` MUST know what this process noted before, flushed or not.
#[async_trait]
pub trait Journal: Send + Sync {
    /// A file is being handed out now.
    fn note(&self, release: &Purl, filename: &str, sha256: Sha256, principal: &Principal, at: Timestamp);

    /// Who was given files of a release, or, for a project, of any of its releases.
    async fn handed(&self, about: &Purl) -> Result<Vec<Handed>, JournalError>;

    /// Every release of which a file was handed out since an instant, each once, ordered.
    async fn releases_since(&self, since: Timestamp) -> Result<Vec<Purl>, JournalError>;

    /// Forgets what was last handed out before an instant; how many entries that were.
    async fn forget_before(&self, at: Timestamp) -> Result<u64, JournalError>;

    /// Writes down what was noted so far.
    async fn flush(&self) -> Result<(), JournalError>;
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the journal of what was handed out cannot be {what}")]
pub struct JournalError {
    /// `read` or `written`.
    pub what: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl super::Coded for JournalError {
    fn code(&self) -> &'static str {
        "TM0631"
    }

    fn help(&self) -> String {
        "check that the volume of the data folder is writable and has room".into()
    }
}
