//! Reading source repositories that others control.

use crate::content::Contents;
use crate::source::{ObjectId, SourceProblem, Tree};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;

/// A reader of git repositories.
///
/// * Nothing of a repository MUST ever run or be obeyed: no hook, filter, attribute, LFS pointer, submodule or
///   configuration that came with it. Objects are read from the object store; there is no work tree.
/// * Every operation MUST be bounded in bytes on disk, depth and time, and what exceeds a bound MUST be
///   [`SourceProblem::TooLarge`], never a part that looks whole.
/// * Addresses MUST go through the operator's mirror map before anything is asked of them. Only `https`, `ssh`,
///   `http` to loopback and, where the mirror map leads there, `file` MAY be used. A redirect to another
///   scheme or host MUST NOT be followed silently.
/// * What was fetched MAY be kept; the cache MUST have a bound and give up what was used longest ago.
/// * Concurrent calls about one repository MUST NOT disturb each other.
/// * A forge that cannot be reached MUST be remembered for a while, so that a thousand packages of one forge do
///   not wait a thousand times.
#[async_trait]
pub trait Repositories: Send + Sync {
    /// Branches (`refs/heads/…`) and tags (`refs/tags/…`), annotated tags peeled to their commit.
    async fn refs(&self, repository: &str) -> Result<Vec<Ref>, RepositoryError>;

    /// A commit's tree. The commit is fetched alone, without history, if it is not there yet.
    async fn tree(&self, repository: &str, commit: &ObjectId) -> Result<Arc<Tree>, RepositoryError>;

    /// The files of `tree` whose path `wanted` accepts; a symbolic link that stays inside the tree has the bytes of
    /// what it leads to, any other is left out; so is a file whose bytes a partial mirror lacks. Modes are `0o644` and `0o755`; there are no times.
    async fn read(
        &self,
        repository: &str,
        tree: &Tree,
        wanted: &(dyn for<'p> Fn(&'p str) -> bool + Send + Sync),
    ) -> Result<Contents, RepositoryError>;

    /// Whether a branch or tag leads to the commit. History is read without trees, to a bound.
    async fn reaches(&self, repository: &str, commit: &ObjectId) -> Result<bool, RepositoryError>;

    /// Commits of the branches and tags that are not younger than `before`, newest first, at most `limit`:
    /// where to look when nothing names the commit.
    async fn commits(
        &self,
        repository: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectId>, RepositoryError>;

    /// What the commits say that `tip` leads to and `base` does not, newest first, at most `limit`. Both MUST be commits
    /// that a branch or tag leads to. Messages are whoever's words: UTF-8, what is none replaced.
    async fn messages(
        &self,
        repository: &str,
        base: &ObjectId,
        tip: &ObjectId,
        limit: usize,
    ) -> Result<Vec<Said>, RepositoryError>;
}

/// A commit and its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The commit.
    pub commit: ObjectId,
    /// The whole message.
    pub message: String,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The full name: `refs/tags/v1.0`.
    pub name: String,
    /// The commit.
    pub commit: ObjectId,
}

/// Why a repository could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{repository}: {why}")]
pub struct RepositoryError {
    /// The address, credentials removed.
    pub repository: String,
    /// The class.
    pub class: SourceProblem,
    /// One sentence for a reader, without what the other side wrote verbatim.
    pub why: String,
}

impl super::Coded for RepositoryError {
    fn code(&self) -> &'static str {
        match self.class {
            SourceProblem::Unreachable => "TM0120",
            SourceProblem::TooLarge => "TM0121",
            SourceProblem::Malformed => "TM0122",
            SourceProblem::CommitMissing | SourceProblem::CommitUnreached | SourceProblem::NoCommit => {
                "TM0123"
            }
            SourceProblem::TagMoved => "TM0124",
            SourceProblem::NoRepository
            | SourceProblem::UnusableAddress
            | SourceProblem::RepositoryGone
            | SourceProblem::NoDirectory => "TM0125",
        }
    }

    fn help(&self) -> String {
        match self.class {
            SourceProblem::Unreachable => "check the network, or point [source.mirrors] at a mirror; the work is tried again".into(),
            SourceProblem::TooLarge => "raise the limits in [source], or name a smaller mirror".into(),
            SourceProblem::Malformed => "do not trust this repository before a person has looked at it".into(),
            SourceProblem::CommitMissing | SourceProblem::CommitUnreached | SourceProblem::NoCommit => {
                "ask the publisher which commit the release was made from; name it in definitions/ if you know".into()
            }
            SourceProblem::TagMoved => "ask the publisher why the tag moved; the first commit seen stays the one that counts".into(),
            SourceProblem::NoRepository | SourceProblem::UnusableAddress | SourceProblem::RepositoryGone | SourceProblem::NoDirectory => {
                "name the repository in definitions/, or map its address in [source.mirrors]".into()
            }
        }
    }
}
