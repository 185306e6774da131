//! What the mill says about its work: statements about files, signed.
//!
//! A statement says what was done and no more. [`provenance`] says how a file was built, [`comparison`]
//! says how that file compares with the published one, [`remediation`] says how a repaired one came about, [`overrides`] says what is handed out in spite of a policy.
//! `docs/attestations.md` is the public description of all, and changes with them.

pub mod comparison;
pub mod dsse;
pub mod guarded;
pub mod json;
pub mod models;
pub mod overrides;
pub mod provenance;
pub mod remediation;
pub mod statement;

use crate::keys::SigningKey;
use dsse::Envelope;
use serde::Serialize;
use statement::Statement;
use trustmill_core::Verdict;
use trustmill_core::port::Coded;

/// Why no statement was made: making it would have said something that is not so.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// The verdict of a comparison does not follow from the comparison's own facts.
    #[error("the comparison of {filename} claims {claimed}, its facts say {derived}")]
    Contradiction {
        /// The published file.
        filename: String,
        /// What it claims.
        claimed: Verdict,
        /// What follows from its facts.
        derived: Verdict,
    },
    /// The comparison is about another file than the statement would be.
    #[error("the comparison is about another file than {filename}: its SHA-256 differs")]
    OtherFile {
        /// The file that the statement would be about.
        filename: String,
    },
    /// A statement of work not done must say `no-source` or `not-attempted`.
    #[error("{verdict} cannot be claimed for {filename} without an attempt")]
    NothingTried {
        /// The published file.
        filename: String,
        /// What was to be claimed.
        verdict: Verdict,
    },
    /// An attempt that built nothing has no file to be the provenance of.
    #[error("the attempt for {purl} built no file, so it has no provenance")]
    NothingBuilt {
        /// The release.
        purl: String,
    },
    /// The statement cannot be written as canonical JSON.
    #[error("the statement cannot be written as JSON")]
    Encode(#[from] json::EncodeError),
}

impl Coded for AttestError {
    fn code(&self) -> &'static str {
        match self {
            Self::Contradiction { .. }
            | Self::OtherFile { .. }
            | Self::NothingTried { .. }
            | Self::NothingBuilt { .. } => "TM0530",
            Self::Encode(_) => "TM0531",
        }
    }

    fn help(&self) -> String {
        "nothing was signed; this is a defect of the mill: please report it with the package and its log"
            .into()
    }
}

/// Writes `statement` as canonical JSON and signs it.
///
/// # Errors
/// [`AttestError::Encode`] if a value of the statement has no canonical form (a float).
pub fn sign<P: Serialize>(statement: &Statement<P>, key: &SigningKey) -> Result<Envelope, AttestError> {
    Ok(Envelope::sign(dsse::IN_TOTO_PAYLOAD, json::canonical(statement)?, key))
}
