//! Why a file is not verified: one variant, one code and one page for each cause.

use trustmill_core::port::Coded;
use trustmill_core::{Sha256, Verdict};

/// Why a file is not verified. `line` is that of the bundle, from 1.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nothing in the bundle is about this file.
    #[error("no attestation is about this file")]
    NoAttestation,
    /// A signature names a trusted key and is not that key's over this payload.
    #[error("line {line}: the signature does not verify")]
    SignatureInvalid {
        /// Which line.
        line: usize,
    },
    /// Somebody signed whom the verifier does not trust.
    #[error("line {line}: signed by {hints}, which is not a trusted key")]
    UnknownKey {
        /// Which line.
        line: usize,
        /// The key ids that it names.
        hints: String,
    },
    /// A trusted key signed something that is not an in-toto statement.
    #[error("line {line}: the payload is {found:?}, not an in-toto statement")]
    PayloadType {
        /// Which line.
        line: usize,
        /// What it says it is.
        found: String,
    },
    /// A statement of another version of in-toto, or of none.
    #[error("line {line}: the statement has type {found:?}, which this version does not read")]
    StatementType {
        /// Which line.
        line: usize,
        /// What it says it is.
        found: String,
    },
    /// The file has other bytes than the one that was attested under its name.
    #[error("{filename} has SHA-256 {found}, the attestation is about {attested}")]
    DigestMismatch {
        /// The file.
        filename: String,
        /// Its digest.
        found: Sha256,
        /// The digest that was attested.
        attested: Sha256,
    },
    /// The bytes were attested under another name.
    #[error("{filename} has the bytes that were attested as {attested:?}")]
    NameSwapped {
        /// The name it has.
        filename: String,
        /// The name under which its bytes were attested.
        attested: String,
    },
    /// A predicate, or a build type, that this version does not know.
    #[error("line {line}: a statement of type {found:?}, which this version does not know")]
    PredicateUnknown {
        /// Which line.
        line: usize,
        /// Its type.
        found: String,
    },
    /// Everything holds, and the verdict is weaker than what was asked for.
    #[error("the verdict is {verdict}, at least {floor} was asked for")]
    BelowFloor {
        /// The verdict.
        verdict: Verdict,
        /// The weakest one that would do.
        floor: Verdict,
    },
    /// The envelope has no signature at all.
    #[error("line {line}: it carries no signature")]
    Unsigned {
        /// Which line.
        line: usize,
    },
    /// Not an envelope, or not a statement.
    #[error("line {line}: it cannot be read")]
    Malformed {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bundle is longer than a bundle may be.
    #[error("the bundle is larger than 64 MiB or has more than 1024 envelopes")]
    TooLarge,
    /// The statement claims another verdict than follows from its own facts.
    #[error("line {line}: it claims {claimed}, its facts say {derived}")]
    Contradiction {
        /// Which line.
        line: usize,
        /// What it claims.
        claimed: Verdict,
        /// What follows.
        derived: Verdict,
    },
    /// A remediation claims a ruling that does not follow from its checks, or one that refuses.
    #[error("line {line}: the ruling of the remediation does not follow from its checks")]
    RulingContradicts {
        /// Which line.
        line: usize,
    },
    /// A comparison's subject is not the file that it says was compared.
    #[error("line {line}: its subject is not the file that it compares")]
    OtherSubject {
        /// Which line.
        line: usize,
    },
    /// The comparison is there, the provenance of the rebuild that it compares is not.
    #[error("the provenance of the rebuild of {filename} is missing")]
    NoProvenance {
        /// The file.
        filename: String,
    },
    /// The mill built this file and compared it with a published one, and that comparison is not there.
    #[error("{filename} is the mill's own build, and its comparison with the published file is missing")]
    NotCompared {
        /// The file.
        filename: String,
    },
    /// The verifier was given no key.
    #[error("no key is trusted, so no signature counts")]
    NoTrustedKey,
}

impl Coded for VerifyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoAttestation => "TM0501",
            Self::SignatureInvalid { .. } => "TM0502",
            Self::UnknownKey { .. } => "TM0503",
            Self::PayloadType { .. } => "TM0504",
            Self::StatementType { .. } => "TM0505",
            Self::DigestMismatch { .. } => "TM0506",
            Self::NameSwapped { .. } => "TM0507",
            Self::PredicateUnknown { .. } => "TM0508",
            Self::BelowFloor { .. } => "TM0509",
            Self::Unsigned { .. } => "TM0510",
            Self::Malformed { .. } | Self::TooLarge => "TM0511",
            Self::Contradiction { .. } | Self::RulingContradicts { .. } | Self::OtherSubject { .. } => {
                "TM0512"
            }
            Self::NoProvenance { .. } => "TM0513",
            Self::NotCompared { .. } => "TM0514",
            Self::NoTrustedKey => "TM0515",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::NoAttestation => "ask the mill for this file's bundle; a file that it never worked on has none",
            Self::SignatureInvalid { .. } => "do not use this file: the bundle was changed after it was signed; fetch it again from the mill",
            Self::UnknownKey { .. } => "compare the key id with the mill's own over another channel, then give its public key with --key",
            Self::PayloadType { .. } | Self::StatementType { .. } | Self::PredicateUnknown { .. } => {
                "verify with the version of trustmill that wrote the bundle, or a later one"
            }
            Self::DigestMismatch { .. } => "do not use this file: its bytes are not those that were attested; fetch it again and compare",
            Self::NameSwapped { .. } => "do not use this file: somebody renamed it; a package manager would take it for another release",
            Self::BelowFloor { .. } => "read the differences with `trustmill show`; if you can accept them, lower --require",
            Self::Unsigned { .. } => "do not use this bundle: its signatures were taken away; fetch it again from the mill",
            Self::Malformed { .. } | Self::TooLarge => "give a bundle as the mill serves it: one DSSE envelope a line, nothing else",
            Self::Contradiction { .. } | Self::RulingContradicts { .. } | Self::OtherSubject { .. } => "do not use this file, and tell whoever runs the mill: it signed what its own facts deny",
            Self::NoProvenance { .. } | Self::NotCompared { .. } => "fetch the whole bundle again from the mill: a part of it was left out",
            Self::NoTrustedKey => "give the mill's public key with --key: `keys/trusted.pem` in its data folder, or /keys.pem of its server",
        }
        .to_owned()
    }
}

/// Foreign text, made fit for one line of a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
