//! The offline verifier: a file, its attestations, the keys that are trusted, and what they prove together.
//!
//! Everything fails closed. An envelope of the bundle that cannot be read or whose signature does not
//! count spoils the bundle; a statement that claims more than its facts give does too. The only maker of
//! [`Verified`] values is in this module.

mod error;
pub mod overrides;

pub use error::VerifyError;

use crate::attest::comparison::{self, Comparison};
use crate::attest::dsse::{Envelope, IN_TOTO_PAYLOAD, Unsigned};
use crate::attest::provenance::{self, Provenance};
use crate::attest::remediation::{self, Remediation};
use crate::attest::statement::{Head, Resource, Statement, StatementError};
use crate::keys::{KeyId, TrustedKeys};
use serde::de::DeserializeOwned;
use trustmill_core::repair::Ruling;
use trustmill_core::trusted::{Unverified, Verified};
use trustmill_core::{Purl, Sha256, Verdict};

/// The longest bundle that is read, in bytes.
pub const MAX_BUNDLE: usize = 64 << 20;

/// The most envelopes of a bundle.
pub const MAX_ENVELOPES: usize = 1024;

/// The file in question.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its name, as a package manager sees it: the last part of its path.
    pub filename: &'a str,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

impl<'a> Subject<'a> {
    /// A file by its name and bytes.
    pub fn of(filename: &'a str, bytes: &[u8]) -> Self {
        Self { filename, sha256: Sha256::of(bytes) }
    }
}

/// What the attestations prove of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The release that the statements name.
    pub purl: Purl,
    /// The verdict, derived again from the facts.
    pub verdict: Verdict,
    /// How the published file compares with the rebuild; `None` if there was nothing to compare with.
    pub comparison: Option<Statement<Comparison>>,
    /// How the rebuild was made; `None` if nothing came out of any.
    pub provenance: Option<Statement<Provenance>>,
    /// How a repaired file came about; `None` of every other file.
    pub remediation: Option<Statement<Remediation>>,
    /// The key that signed the decisive statement.
    pub signed_by: KeyId,
}

/// One statement whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// How a file was built.
    Provenance(Box<Statement<Provenance>>),
    /// How a file compares.
    Comparison(Box<Statement<Comparison>>),
    /// How a repaired file came about.
    Remediation(Box<Statement<Remediation>>),
}

/// A claim and who made it.
type Signed = (KeyId, Claim);

/// Reads a bundle: one DSSE envelope a line, empty lines ignored; each comes with the number of its line,
/// from 1. Nothing is checked yet.
///
/// # Errors
/// [`VerifyError::Malformed`] names the line; [`VerifyError::TooLarge`] beyond [`MAX_BUNDLE`] or
/// [`MAX_ENVELOPES`]; [`VerifyError::NoAttestation`] if there is no envelope.
pub fn parse_bundle(bundle: &[u8]) -> Result<Vec<(usize, Unverified<Envelope>)>, VerifyError> {
    if bundle.len() > MAX_BUNDLE {
        return Err(VerifyError::TooLarge);
    }
    let mut envelopes = Vec::new();
    for (line, json) in (1..).zip(bundle.split(|byte| *byte == b'\n')) {
        if json.trim_ascii().is_empty() {
            continue;
        }
        if envelopes.len() == MAX_ENVELOPES {
            return Err(VerifyError::TooLarge);
        }
        let envelope = Envelope::parse(json)
            .map_err(|error| VerifyError::Malformed { line, source: Box::new(error) })?;
        envelopes.push((line, Unverified::new(envelope)));
    }
    if envelopes.is_empty() { Err(VerifyError::NoAttestation) } else { Ok(envelopes) }
}

/// Checks one envelope: signature, payload type, statement, predicate, and that a verdict follows from
/// its facts. `line` is named in errors.
///
/// # Errors
/// Each check has its own variant of [`VerifyError`].
pub fn open(
    envelope: Unverified<Envelope>,
    line: usize,
    keys: &TrustedKeys,
) -> Result<Verified<Signed>, VerifyError> {
    envelope.verify(|envelope| {
        let (signer, payload) = authenticated(envelope, line, keys)?;
        claim(&payload, line).map(|claim| (signer, claim))
    })
}

/// The payload of an envelope that a trusted key signed as an in-toto statement, and that key.
fn authenticated(
    envelope: Envelope,
    line: usize,
    keys: &TrustedKeys,
) -> Result<(KeyId, Vec<u8>), VerifyError> {
    let hints: Vec<_> = envelope.signatures().iter().filter_map(|one| one.keyid.clone()).collect();
    let (signer, payload_type, payload) = envelope.authenticate(keys.iter()).map_err(|why| match why {
        Unsigned::Stripped => VerifyError::Unsigned { line },
        Unsigned::UnknownKey => VerifyError::UnknownKey { line, hints: error::printable(&hints.join(", ")) },
        Unsigned::Invalid => VerifyError::SignatureInvalid { line },
    })?;
    if payload_type != IN_TOTO_PAYLOAD {
        return Err(VerifyError::PayloadType { line, found: error::printable(&payload_type) });
    }
    Ok((signer, payload))
}

/// Verifies that `bundle` proves of `subject` a verdict no weaker than `floor`, under one of `keys`.
///
/// Of several comparisons of the same file the strongest counts: one build that gives the published bytes
/// proves that the source gives them. A comparison of a rebuild counts only together with the provenance
/// of that rebuild.
///
/// # Errors
/// Each failure has its own variant of [`VerifyError`].
pub fn verify(
    bundle: &[u8],
    subject: &Subject<'_>,
    keys: &TrustedKeys,
    floor: Verdict,
) -> Result<Verified<Evidence>, VerifyError> {
    if keys.is_empty() {
        return Err(VerifyError::NoTrustedKey);
    }
    let claims = parse_bundle(bundle)?
        .into_iter()
        .map(|(line, envelope)| open(envelope, line, keys).map(Verified::into_inner))
        .collect::<Result<Vec<_>, _>>()?;
    Unverified::new(claims).verify(|claims| {
        let evidence = weigh(&claims, subject)?;
        if evidence.verdict.meets(floor) {
            Ok(evidence)
        } else {
            Err(VerifyError::BelowFloor { verdict: evidence.verdict, floor })
        }
    })
}

/// A statement uses a word that its version of the predicate does not define.
#[derive(Debug, thiserror::Error)]
#[error("the statement uses a word that its version of the predicate does not have")]
struct WordOfLaterVersion;

/// Reads the payload of an envelope whose signature counts.
fn claim(payload: &[u8], line: usize) -> Result<Claim, VerifyError> {
    let head = Head::parse(payload).map_err(|error| unreadable(line, error))?;
    match head.predicate_type() {
        provenance::PREDICATE_TYPE => {
            let statement: Statement<Provenance> = statement(payload, line)?;
            let build_type = &statement.predicate().build_definition.build_type;
            if build_type != provenance::BUILD_TYPE {
                return Err(VerifyError::PredicateUnknown { line, found: error::printable(build_type) });
            }
            Ok(Claim::Provenance(Box::new(statement)))
        }
        comparison::PREDICATE_TYPE => {
            let statement = statement(payload, line)?;
            consistent(&statement, line)?;
            Ok(Claim::Comparison(Box::new(statement)))
        }
        comparison::PREDICATE_TYPE_1 => {
            let statement: Statement<Comparison> = statement(payload, line)?;
            // A word is defined by the version that has it.
            if !statement.predicate().is_of_version_1() {
                return Err(VerifyError::Malformed { line, source: Box::new(WordOfLaterVersion) });
            }
            consistent(&statement, line)?;
            Ok(Claim::Comparison(Box::new(statement)))
        }
        remediation::PREDICATE_TYPE => {
            let statement: Statement<Remediation> = statement(payload, line)?;
            let said = statement.predicate();
            let derived = said.derive();
            if said.ruling != derived || derived == Ruling::Refused {
                return Err(VerifyError::RulingContradicts { line });
            }
            Ok(Claim::Remediation(Box::new(statement)))
        }
        other => Err(VerifyError::PredicateUnknown { line, found: error::printable(other) }),
    }
}

fn statement<P: DeserializeOwned>(payload: &[u8], line: usize) -> Result<Statement<P>, VerifyError> {
    Statement::parse(payload).map_err(|error| unreadable(line, error))
}

fn unreadable(line: usize, error: StatementError) -> VerifyError {
    match error {
        StatementError::Type(found) => VerifyError::StatementType { line, found: error::printable(&found) },
        other => VerifyError::Malformed { line, source: Box::new(other) },
    }
}

/// The verdict follows from the facts, and the facts are about the subject.
fn consistent(statement: &Statement<Comparison>, line: usize) -> Result<(), VerifyError> {
    let predicate = statement.predicate();
    let (claimed, derived) = (predicate.verdict, predicate.derive());
    if claimed != derived {
        return Err(VerifyError::Contradiction { line, claimed, derived });
    }
    let about = predicate.result.as_ref().map(|result| &result.published);
    if about.is_some_and(|published| statement.subjects() != std::slice::from_ref(published)) {
        return Err(VerifyError::OtherSubject { line });
    }
    Ok(())
}

/// What the claims prove of the subject, leaving aside those about other files.
fn weigh(claims: &[Signed], subject: &Subject<'_>) -> Result<Evidence, VerifyError> {
    let mut compared: Vec<(KeyId, &Statement<Comparison>)> = Vec::new();
    let mut built: Vec<(KeyId, &Statement<Provenance>)> = Vec::new();
    for (signer, claim) in claims {
        match claim {
            Claim::Comparison(statement) if names(statement.subjects(), subject) => {
                compared.push((*signer, statement));
            }
            Claim::Provenance(statement) => built.push((*signer, statement)),
            Claim::Comparison(_) | Claim::Remediation(_) => {}
        }
    }
    if let Some((signer, best)) = compared.into_iter().min_by_key(|(_, one)| one.predicate().verdict) {
        return evidence_of_comparison(signer, best, &built, subject);
    }
    if let Some(evidence) = repaired(claims, subject) {
        return Ok(evidence);
    }
    let own = built.iter().find(|(_, statement)| names(statement.subjects(), subject));
    let (signer, statement) = own.ok_or_else(|| stranger(claims, subject))?;
    let external = &statement.predicate().build_definition.external_parameters;
    if external.published.is_some() {
        return Err(VerifyError::NotCompared { filename: subject.filename.to_owned() });
    }
    Ok(Evidence {
        purl: external.purl.clone(),
        verdict: Verdict::Built,
        comparison: None,
        provenance: Some((*statement).clone()),
        remediation: None,
        signed_by: *signer,
    })
}

/// What a remediation says of the subject: the mill built it, of the published source and a patch.
fn repaired(claims: &[Signed], subject: &Subject<'_>) -> Option<Evidence> {
    claims.iter().find_map(|(signer, claim)| match claim {
        Claim::Remediation(statement) if names(statement.subjects(), subject) => Some(Evidence {
            purl: statement.predicate().repaired.clone(),
            verdict: Verdict::Built,
            comparison: None,
            provenance: None,
            remediation: Some(statement.as_ref().clone()),
            signed_by: *signer,
        }),
        _ => None,
    })
}

fn evidence_of_comparison(
    signer: KeyId,
    statement: &Statement<Comparison>,
    built: &[(KeyId, &Statement<Provenance>)],
    subject: &Subject<'_>,
) -> Result<Evidence, VerifyError> {
    let predicate = statement.predicate();
    let provenance = match predicate.result.as_ref().map(|result| &result.rebuilt) {
        None => None,
        Some(rebuilt) => {
            let made = |one: &Statement<Provenance>| {
                let external = &one.predicate().build_definition.external_parameters;
                one.subjects() == std::slice::from_ref(rebuilt) && external.purl == predicate.purl
            };
            let found = built.iter().find(|(_, one)| made(one)).map(|(_, one)| (*one).clone());
            Some(found.ok_or_else(|| VerifyError::NoProvenance { filename: subject.filename.to_owned() })?)
        }
    };
    Ok(Evidence {
        purl: predicate.purl.clone(),
        verdict: predicate.verdict,
        comparison: Some(statement.clone()),
        provenance,
        remediation: None,
        signed_by: signer,
    })
}

fn names(resources: &[Resource], subject: &Subject<'_>) -> bool {
    resources.iter().any(|resource| {
        resource.name.as_deref() == Some(subject.filename) && resource.sha256() == Some(subject.sha256)
    })
}

/// No statement is about this file: is it the bytes, the name, or both?
fn stranger(claims: &[Signed], subject: &Subject<'_>) -> VerifyError {
    let resources = || {
        claims.iter().flat_map(|(_, claim)| match claim {
            Claim::Provenance(statement) => statement.subjects(),
            Claim::Comparison(statement) => statement.subjects(),
            Claim::Remediation(statement) => statement.subjects(),
        })
    };
    let filename = subject.filename.to_owned();
    if let Some(attested) = resources().find(|one| one.sha256() == Some(subject.sha256)) {
        let attested = error::printable(attested.name.as_deref().unwrap_or_default());
        return VerifyError::NameSwapped { filename, attested };
    }
    let named = resources().find(|one| one.name.as_deref() == Some(subject.filename));
    match named.and_then(Resource::sha256) {
        Some(attested) => VerifyError::DigestMismatch { filename, found: subject.sha256, attested },
        None => VerifyError::NoAttestation,
    }
}
