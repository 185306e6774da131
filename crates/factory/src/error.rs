//! Why a step of the pipeline did not end, and what that means for its key.

use crate::repair::AgentError;
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::AdvisoriesError;
use trustmill_core::port::blobs::BlobError;
use trustmill_core::port::ecosystem::PlanError;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::queue::QueueError;
use trustmill_core::port::records::RecordsError;
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::{Purl, Sha256};
use trustmill_trust::attest::AttestError;

/// Why a step did not end.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No adapter for the key's type.
    #[error("no ecosystem of this mill reads {purl}")]
    UnknownEcosystem {
        /// The key.
        purl: Box<Purl>,
    },
    /// A registry serves other bytes under a file name than it did before.
    #[error("{filename} has SHA-256 {seen}, but {first} was published under this name before")]
    MovedDigest {
        /// The file.
        filename: String,
        /// What was seen first, and stays.
        first: Sha256,
        /// What is there now.
        seen: Sha256,
    },
    /// Upstream.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The release cannot be planned.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// The sandbox could not run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The advisories.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// A statement would have said something that is not so.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// A fact or statement cannot be read back: a defect, or a data folder of another version.
    #[error("a {kind} record about {purl} cannot be read: {why}")]
    Unreadable {
        /// What kind.
        kind: &'static str,
        /// About what.
        purl: Box<Purl>,
        /// The reader's words.
        why: String,
    },
    /// Models could not work on it.
    #[error(transparent)]
    Models(Box<AgentError>),
    /// Our own code failed.
    #[error("a worker of the mill failed: {0}")]
    Internal(String),
}

impl From<AgentError> for StepError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Step(error) => error,
            other => Self::Models(Box::new(other)),
        }
    }
}

impl From<PlanError> for StepError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

/// What an error means for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The world around the work failed: try later, burn no attempt.
    Infrastructure,
    /// The work failed: try later, burn an attempt.
    Failure,
    /// No repetition helps.
    Final,
}

impl StepError {
    /// What this means for the key.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Fetch(error) if error.is_infrastructure() => Disposition::Infrastructure,
            Self::Sandbox(_) | Self::Blobs(_) | Self::Records(_) | Self::Queue(_) | Self::Advisories(_) => {
                Disposition::Infrastructure
            }
            Self::Models(error) => error.disposition(),
            Self::Internal(_) | Self::Fetch(FetchError::Malformed { .. }) => Disposition::Failure,
            Self::UnknownEcosystem { .. }
            | Self::Attest(_)
            | Self::MovedDigest { .. }
            | Self::Fetch(_)
            | Self::Plan(_)
            | Self::Unreadable { .. } => Disposition::Final,
        }
    }
}

impl Coded for StepError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownEcosystem { .. } => "TM0109",
            Self::MovedDigest { .. } => "TM0704",
            Self::Fetch(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Sandbox(error) => error.code(),
            Self::Blobs(error) => error.code(),
            Self::Records(error) => error.code(),
            Self::Queue(error) => error.code(),
            Self::Advisories(error) => error.code(),
            Self::Attest(error) => error.code(),
            Self::Models(error) => error.code(),
            Self::Unreadable { .. } => "TM0622",
            Self::Internal(_) => "TM0499",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::UnknownEcosystem { .. } => "this version knows pkg:pypi/…, pkg:npm/… and pkg:cargo/…".into(),
            Self::MovedDigest { .. } => "do not install this file: the mill refuses it and keeps serving nothing under its name; ask the publisher".into(),
            Self::Fetch(error) => error.help(),
            Self::Plan(error) => error.help(),
            Self::Sandbox(error) => error.help(),
            Self::Blobs(error) => error.help(),
            Self::Records(error) => error.help(),
            Self::Queue(error) => error.help(),
            Self::Advisories(error) => error.help(),
            Self::Attest(error) => error.help(),
            Self::Models(error) => error.help(),
            Self::Unreadable { .. } => "use the version of trustmill that wrote this data folder, or a later one".into(),
            Self::Internal(_) => "this is a defect of the mill: please report it with the log".into(),
        }
    }
}
