//! Facts: what the mill came to know, append-only.

use crate::{Purl, Sha256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that the mill came to know about a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Version of this record's shape.
    pub format: u32,
    /// What it is about.
    pub about: Purl,
    /// The kind: `release`, `attempt`, `comparison`, `verdict`, `alarm`, …; decides the shape of `body`.
    pub kind: String,
    /// The file it is about, where it is about one.
    pub subject: Option<String>,
    /// When it was learnt.
    pub at: Timestamp,
    /// The fact itself.
    pub body: serde_json::Value,
}

impl Fact {
    /// The version of the shape that this code writes.
    pub const FORMAT: u32 = 1;

    /// The address of the fact: SHA-256 of its JSON with sorted keys (`serde_json` maps are sorted) and
    /// without `at`, so that learning the same thing twice is one fact.
    pub fn address(&self) -> Sha256 {
        let content = serde_json::json!({
            "format": self.format, "about": self.about, "kind": self.kind,
            "subject": self.subject, "body": self.body,
        });
        Sha256::of(content.to_string().as_bytes())
    }
}
