//! What the mill puts on the shelf: the one fact that changes how a registry serves a file.
//!
//! A fact of kind [`Shelf::KIND`] is about a release; its subject is the file name. The newest per file
//! counts. The factory writes it, the ecosystems' registries read it, `docs/serving.md` explains it.

use crate::fact::Fact;
use crate::{Sha256, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How one file is served. Whatever is absent leaves upstream's word as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shelf {
    /// Version of this record's shape; a reader that knows less refuses the file.
    pub format: u32,
    /// The mill's own build, where upstream publishes none under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnFile>,
    /// The published bytes that `verdict` and `provenance` speak of; they say nothing about others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_sha256: Option<Sha256>,
    /// Signed statements about the file, in the blob store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Sha256>,
    /// Do not hand it out, and say why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<ShelfRefusal>,
    /// How the rebuild compares with the published file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When it was decided, where it is not the first decision about the file. Equal facts are one fact: a
    /// decision that returns to an earlier one MUST differ from it here, or the one between would stay the
    /// newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

/// A file that the mill built and serves out of the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFile {
    /// Its digest and its address.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// The instant from which time-travel views show it: that of the source it was built from.
    pub upload_time: Timestamp,
    /// The language versions it accepts (`Requires-Python`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    /// Digest of its metadata file (PEP 658), if that is in the blob store too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_sha256: Option<Sha256>,
}

/// Why a file is not handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelfRefusal {
    /// Stable code (`TM0703`, …).
    pub code: String,
    /// One line for the person who is refused.
    pub reason: String,
}

/// Why a fact is not a shelf entry.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A newer version of the mill wrote it.
    #[error("the shelf entry has format {found}, this version reads up to {}", Shelf::FORMAT)]
    Newer {
        /// In the record.
        found: u64,
    },
    /// It does not have the shape.
    #[error("the shelf entry is malformed")]
    Malformed(#[source] serde_json::Error),
}

impl Shelf {
    /// The kind of the fact.
    pub const KIND: &str = "shelf";
    /// The kind of the facts about files of repaired releases, which only those see who ask for them.
    pub const REPAIRED: &str = "shelf-repaired";
    /// The version of the shape that this code writes.
    pub const FORMAT: u32 = 1;

    /// An entry that changes nothing.
    pub fn new() -> Self {
        Self { format: Self::FORMAT, ..Self::default() }
    }

    /// Reads a fact of kind [`Self::KIND`].
    ///
    /// # Errors
    /// The format is newer than this code, or the body does not have the shape.
    pub fn read(fact: &Fact) -> Result<Self, ShelfError> {
        let found = fact.body.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found > u64::from(Self::FORMAT) {
            return Err(ShelfError::Newer { found });
        }
        Self::deserialize(&fact.body).map_err(ShelfError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Purl;

    fn fact(body: serde_json::Value) -> Fact {
        Fact {
            format: Fact::FORMAT,
            about: Purl::release("pypi", "a", "1"),
            kind: Shelf::KIND.into(),
            subject: Some("a-1.tar.gz".into()),
            at: Timestamp::UNIX_EPOCH,
            body,
        }
    }

    #[test]
    fn an_entry_round_trips() {
        let refuse = ShelfRefusal { code: "TM0703".into(), reason: "held".into() };
        let entry = Shelf { refuse: Some(refuse), verdict: Some(Verdict::Explained), ..Shelf::new() };
        let body = serde_json::to_value(&entry).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
        assert_eq!(Shelf::read(&fact(body)).unwrap(), entry);
    }

    #[test]
    fn a_newer_or_shapeless_entry_is_refused() {
        assert!(matches!(
            Shelf::read(&fact(serde_json::json!({"format": 2}))),
            Err(ShelfError::Newer { found: 2 })
        ));
        assert!(Shelf::read(&fact(serde_json::json!({"own": 1, "format": 1}))).is_err());
        assert!(Shelf::read(&fact(serde_json::json!([]))).is_err());
    }
}
