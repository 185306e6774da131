//! What a loop works on: a tree, and what can be done with it. The loop knows nothing of sandboxes and registries.

use async_trait::async_trait;
use std::collections::BTreeMap;
use trustmill_core::content::Contents;
use trustmill_core::port::Coded;
use trustmill_core::repair::{Candidate, Judgement, Role, TestReport};

/// Why the workbench could not do it: the world around failed, not the candidate.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct BenchError {
    /// The code of the cause.
    pub code: &'static str,
    /// What failed.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl BenchError {
    /// The same error, without what it was made of.
    pub fn of(error: &dyn Coded) -> Self {
        Self { code: error.code(), what: error.to_string(), help: error.help() }
    }
}

impl Coded for BenchError {
    fn code(&self) -> &'static str {
        self.code
    }

    fn help(&self) -> String {
        self.help.clone()
    }
}

/// What a build came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Built {
    /// These files, with their sizes in bytes.
    Files(Vec<(String, u64)>),
    /// None.
    Failed {
        /// The class of the failure.
        class: String,
        /// The end of what the build printed.
        log: String,
    },
}

/// What a loop works on.
///
/// * `tree` MUST be the same for every loop of one task, on every machine: what was edited is stored as edits of it.
/// * `judge` MUST be the oracle: nothing else makes a repair of a candidate.
/// * Tests and builds MUST run in the sandbox, without network.
#[async_trait]
pub trait Workbench: Send + Sync {
    /// The source of the release, as published.
    fn tree(&self) -> &Contents;

    /// What the file at `path` is to a repair.
    fn role(&self, path: &str) -> Role;

    /// What there is to read beside the tree: logs of failed builds, what strategies tried.
    fn logs(&self) -> &BTreeMap<String, String>;

    /// Runs the package's tests on `tree`; `only` limits the run to these files.
    async fn test(&self, tree: &Contents, only: Option<&[String]>) -> Result<TestReport, BenchError>;

    /// Builds `tree`.
    async fn build(&self, tree: &Contents) -> Result<Built, BenchError>;

    /// What the oracle says of a candidate.
    async fn judge(&self, candidate: &Candidate) -> Result<Judgement, BenchError>;
}

/// A case that was solved, as the next task is shown it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SolvedCase {
    /// Its id.
    pub id: String,
    /// The release.
    pub release: String,
    /// The class of the failure.
    pub class: String,
    /// How like the task it is, from 0 to 1.
    pub likeness: f64,
    /// The patch as a unified difference, cut.
    pub patch: String,
}

/// Finds solved cases that are like a task.
#[async_trait]
pub trait Similar: Send + Sync {
    /// At most `most`, the most alike first. `words` narrows what is alike; without it the task itself counts.
    async fn find(&self, words: Option<&str>, most: usize) -> Result<Vec<SolvedCase>, BenchError>;
}
