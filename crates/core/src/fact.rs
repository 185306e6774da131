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

    /// The address of the fact: SHA-256 of its JSON with sorted keys (which `serde_json` alone does not give: a feature
    /// of some other crate turns its order off) and without `at`, so that learning the same thing twice is one fact.
    pub fn address(&self) -> Sha256 {
        let mut content = serde_json::json!({
            "format": self.format, "about": self.about, "kind": self.kind,
            "subject": self.subject, "body": self.body,
        });
        content.sort_all_objects();
        Sha256::of(content.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_is_no_part_of_a_fact() {
        let fact = |body: &str| Fact {
            format: 1,
            about: Purl::release("pypi", "a", "1"),
            kind: "note".into(),
            subject: None,
            at: Timestamp::UNIX_EPOCH,
            body: serde_json::from_str(body).unwrap(),
        };
        let one = fact(r#"{"b": [{"d": 1, "c": 2}], "a": 3}"#);
        assert_eq!(one.address(), fact(r#"{"a": 3, "b": [{"c": 2, "d": 1}]}"#).address());
        let sorted = r#"{"about":"pkg:pypi/a@1","body":{"a":3,"b":[{"c":2,"d":1}]},"format":1,"kind":"note","subject":null}"#;
        assert_eq!(one.address(), Sha256::of(sorted.as_bytes()), "as data folders have it");
    }
}
