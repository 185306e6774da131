//! Content-addressed bytes.

use crate::Sha256;
use async_trait::async_trait;
use bytes::Bytes;
use std::ops::Range;

/// A store of immutable byte strings by their SHA-256.
///
/// * A `put` that returned MUST survive a crash, and a reader MUST never see part of a blob.
/// * Putting the same bytes again MUST succeed and change nothing.
/// * `get` MUST verify the digest and answer [`BlobError::Corrupt`] rather than other bytes.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` and returns their address.
    async fn put(&self, bytes: Bytes) -> Result<Sha256, BlobError>;

    /// The whole blob, verified; `None` if it is not here.
    async fn get(&self, digest: &Sha256) -> Result<Option<Bytes>, BlobError>;

    /// The length in bytes; `None` if it is not here.
    async fn size(&self, digest: &Sha256) -> Result<Option<u64>, BlobError>;

    /// A part of a blob, not verified: the store is trusted for what it once verified. Parts beyond the
    /// end are cut; `None` if the blob is not here.
    async fn read(&self, digest: &Sha256, range: Range<u64>) -> Result<Option<Bytes>, BlobError>;
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// What is stored under the digest does not have it.
    #[error("stored bytes of {digest} do not match their digest")]
    Corrupt {
        /// The address.
        digest: Sha256,
    },
    /// No room is left.
    #[error("no space left while storing {what}")]
    Full {
        /// What was being stored.
        what: String,
    },
    /// The medium failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl super::Coded for BlobError {
    fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "TM0601",
            Self::Full { .. } => "TM0602",
            Self::Io { .. } => "TM0603",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Corrupt { .. } => {
                "delete the named file under `blobs/` in the data folder; it is fetched again".into()
            }
            Self::Full { .. } => {
                "free space on the volume of the data folder, or move it with --data-dir; nothing was lost"
                    .into()
            }
            Self::Io { .. } => {
                "check that the data folder exists, is writable and its volume is healthy".into()
            }
        }
    }
}
