//! in-toto Statement v1
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>): what is said, about which files.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::Sha256;
use trustmill_core::attempt::{Material, MaterialDigest};

/// The `_type` of a statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The most subjects of a statement that is read.
pub const MAX_SUBJECTS: usize = 1024;

/// A resource by name or address and by digest (in-toto `ResourceDescriptor`, the members used here).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name: a file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address: a package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm, as hexadecimal text. Others than `sha256` are carried and not used.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

impl Resource {
    /// A file by name and digest.
    pub fn file(name: &str, sha256: Sha256) -> Self {
        Self { name: Some(name.to_owned()), uri: None, digest: digest_set(sha256) }
    }

    /// Something that a build was made with, by its address and digest.
    pub fn material(material: &Material) -> Self {
        let digest = match &material.digest {
            MaterialDigest::Sha256(sha256) => digest_set(*sha256),
            MaterialDigest::GitCommit(commit) => {
                BTreeMap::from([("gitCommit".to_owned(), commit.to_string())])
            }
        };
        Self { name: None, uri: Some(material.uri.clone()), digest }
    }

    /// Its SHA-256, if it has a well-formed one.
    pub fn sha256(&self) -> Option<Sha256> {
        self.digest.get("sha256")?.parse().ok()
    }
}

fn digest_set(sha256: Sha256) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), sha256.to_hex())])
}

/// A statement with a predicate of type `P`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    ty: String,
    subject: Vec<Resource>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: P,
}

/// Why bytes are not a statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not the JSON of a statement, or of its predicate.
    #[error("the payload is not the JSON of a statement")]
    Json(#[from] serde_json::Error),
    /// Another `_type`.
    #[error("the statement has type {0:?}, expected {STATEMENT_TYPE:?}")]
    Type(String),
    /// No subject, or more than [`MAX_SUBJECTS`].
    #[error("a statement has 1 to {MAX_SUBJECTS} subjects, this one has {0}")]
    Subjects(usize),
}

/// What a statement says before its predicate is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    #[serde(rename = "_type")]
    ty: String,
    subject: Vec<Resource>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

impl Head {
    /// Reads the head of a statement and checks its type and the number of its subjects.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let head: Self = serde_json::from_slice(payload)?;
        if head.ty != STATEMENT_TYPE {
            return Err(StatementError::Type(head.ty));
        }
        if head.subject.is_empty() || head.subject.len() > MAX_SUBJECTS {
            return Err(StatementError::Subjects(head.subject.len()));
        }
        Ok(head)
    }

    /// The type of its predicate.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// What it is about.
    pub fn subjects(&self) -> &[Resource] {
        &self.subject
    }
}

impl<P> Statement<P> {
    /// A statement about one file.
    pub fn about(subject: Resource, predicate_type: &str, predicate: P) -> Self {
        Self {
            ty: STATEMENT_TYPE.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The files it is about.
    pub fn subjects(&self) -> &[Resource] {
        &self.subject
    }

    /// What it says about them.
    pub const fn predicate(&self) -> &P {
        &self.predicate
    }

    /// The same, taken out of it.
    pub fn into_predicate(self) -> P {
        self.predicate
    }

    /// The type of its predicate.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }
}

impl<P: DeserializeOwned> Statement<P> {
    /// Reads a statement whose head was read.
    ///
    /// # Errors
    /// [`StatementError`]; a member that stands twice is refused.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        Head::parse(payload)?;
        Ok(serde_json::from_slice(payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a.whl","digest":{"sha256":"00"}}],"predicateType":"t","predicate":{}}"#;

    #[test]
    fn a_statement_has_its_type_and_a_subject() {
        assert_eq!(Head::parse(PAYLOAD.as_bytes()).unwrap().predicate_type(), "t");
        let other = PAYLOAD.replace("/v1", "/v0.1");
        assert!(matches!(Head::parse(other.as_bytes()), Err(StatementError::Type(_))));
        let nobody = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"t"}"#;
        assert!(matches!(Head::parse(nobody.as_bytes()), Err(StatementError::Subjects(0))));
        let crowd = nobody.replace("[]", &format!("[{}]", ["{}"; MAX_SUBJECTS + 1].join(",")));
        assert!(matches!(Head::parse(crowd.as_bytes()), Err(StatementError::Subjects(1025))));
    }

    #[test]
    fn a_digest_that_is_none_names_nothing() {
        let statement = Statement::<serde_json::Value>::parse(PAYLOAD.as_bytes()).unwrap();
        assert_eq!(statement.subjects().first().unwrap().sha256(), None);
    }

    #[test]
    fn a_subject_said_twice_is_refused() {
        let twice = PAYLOAD.replace(r#""predicateType""#, r#""subject":[],"predicateType""#);
        assert!(matches!(Head::parse(twice.as_bytes()), Err(StatementError::Json(_))));
    }
}
