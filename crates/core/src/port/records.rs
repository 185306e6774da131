//! Facts, first-seen digests and the watch set.

use crate::fact::Fact;
use crate::{Purl, Sha256};
use async_trait::async_trait;
use jiff::Timestamp;

/// The memory of the mill.
///
/// * `append` MUST be atomic over its facts and durable when it returns; a fact whose address is there
///   already MUST NOT be stored twice.
/// * `lock` MUST be linearisable: of two callers with different digests for one file, one gets
///   [`FirstSeen::Conflict`], always.
#[async_trait]
pub trait Records: Send + Sync {
    /// Remembers facts.
    async fn append(&self, facts: &[Fact]) -> Result<(), RecordsError>;

    /// What is known about a release, or, for a project, about it and all its releases; oldest first.
    /// `kind` narrows.
    async fn facts(&self, about: &Purl, kind: Option<&str>) -> Result<Vec<Fact>, RecordsError>;

    /// The facts of one kind about all packages that were appended after `after` (0: all), oldest first; each with
    /// its place in the order of appending, from 1. What another process appended is among them. It MUST be cheap
    /// where there are none.
    async fn of_kind(&self, kind: &str, after: u64) -> Result<Vec<(u64, Fact)>, RecordsError>;

    /// A number that changes whenever a fact about the project or one of its releases is appended by
    /// this process. For caches.
    fn revision(&self, project: &Purl) -> u64;

    /// Locks the first digest seen for a file of a registry.
    async fn lock(
        &self,
        ty: &str,
        filename: &str,
        digest: &Sha256,
        at: Timestamp,
    ) -> Result<FirstSeen, RecordsError>;

    /// The digest that was locked for a file.
    async fn locked(&self, ty: &str, filename: &str) -> Result<Option<Sha256>, RecordsError>;

    /// The digests that were locked for several files, in their order. An adapter that can answer with one
    /// query SHOULD.
    async fn locked_many(&self, ty: &str, filenames: &[&str]) -> Result<Vec<Option<Sha256>>, RecordsError> {
        let mut digests = Vec::with_capacity(filenames.len());
        for filename in filenames {
            digests.push(self.locked(ty, filename).await?);
        }
        Ok(digests)
    }

    /// Adds to the watch set; `true` if it was not there.
    async fn watch(&self, purl: &Purl, at: Timestamp) -> Result<bool, RecordsError>;

    /// Takes from the watch set; `true` if it was there.
    async fn unwatch(&self, purl: &Purl) -> Result<bool, RecordsError>;

    /// The watch set, with the instant each was added, ordered by package URL.
    async fn watched(&self) -> Result<Vec<(Purl, Timestamp)>, RecordsError>;
}

/// What locking a digest found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstSeen {
    /// Nothing was locked: now this is.
    Locked,
    /// The same digest was locked.
    Same,
    /// Another digest was locked, and stays: an alarm.
    Conflict {
        /// The digest that was seen first.
        first: Sha256,
    },
}

/// Why the records could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// A record was written by a newer version of the mill.
    #[error("a record has format {found}, this version reads up to {known}")]
    Newer {
        /// In the record.
        found: u32,
        /// The newest this code reads.
        known: u32,
    },
    /// The medium failed.
    #[error("the records cannot be {what}")]
    Storage {
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl super::Coded for RecordsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "TM0620",
            Self::Storage { .. } => "TM0621",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Newer { .. } => {
                "use the version of trustmill that wrote this data folder, or a later one".into()
            }
            Self::Storage { .. } => {
                "check that the volume of the data folder is writable and has room".into()
            }
        }
    }
}
