//! The advisories that the mill holds.

use crate::Purl;
use crate::advisory::Advisory;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A store of advisories, read far more often than written.
///
/// Who fills it is not part of the port; an adapter that is filled keeps these:
///
/// * What a source gives at once MUST become visible at once: a reader sees all of it or nothing, also after a crash.
/// * A record MUST NOT be replaced by one of the same id and source that was modified earlier.
/// * `about` MUST leave out records that were withdrawn, and MUST take a release for its project.
#[async_trait]
pub trait Advisories: Send + Sync {
    /// The records about a project, whichever source they are from, ordered by id.
    async fn about(&self, project: &Purl) -> Result<Arc<[Arc<Advisory>]>, AdvisoriesError>;

    /// As [`Self::about`] for several projects, in their order. An adapter that can answer with one query SHOULD.
    async fn about_many(&self, projects: &[Purl]) -> Result<Vec<Arc<[Arc<Advisory>]>>, AdvisoriesError> {
        let mut all = Vec::with_capacity(projects.len());
        for project in projects {
            all.push(self.about(project).await?);
        }
        Ok(all)
    }

    /// The record with that id, withdrawn or not.
    async fn record(&self, id: &str) -> Result<Option<Arc<Advisory>>, AdvisoriesError>;

    /// A number that changes whenever an answer may have changed, whichever process wrote. Cheap.
    fn revision(&self) -> u64;

    /// What is held, by source.
    async fn sources(&self) -> Result<Vec<SourceState>, AdvisoriesError>;
}

/// What is held of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The feed's name in the configuration.
    pub name: String,
    /// Records held, withdrawn ones included.
    pub records: u64,
    /// Package URL types of the projects that its records speak of, ordered: where a type stands in no source, that
    /// nothing is found says nothing.
    pub types: Vec<String>,
    /// Records that are malware and were not withdrawn.
    pub malicious: u64,
    /// Records that were refused, with the reasons in the log of the last update.
    pub refused: u64,
    /// The newest `modified` of any record: an update that lies before it is a rollback.
    pub newest: Option<Timestamp>,
    /// When the feed was last read with success.
    pub read_at: Option<Timestamp>,
    /// Why the last try failed, if it did; with its code.
    pub failure: Option<String>,
    /// Since when tries have failed, if the last one did.
    pub failing_since: Option<Timestamp>,
}

/// Why advisories could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the advisories cannot be {what}")]
pub struct AdvisoriesError {
    /// `read` or `written`.
    pub what: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl super::Coded for AdvisoriesError {
    fn code(&self) -> &'static str {
        "TM0630"
    }

    fn help(&self) -> String {
        "check that the volume of the data folder is writable and has room; `advisories.db` can be deleted and read anew"
            .into()
    }
}
