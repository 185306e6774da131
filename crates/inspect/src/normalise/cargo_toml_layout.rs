//! Comments, white space, and the order and form of tables in a crate's `Cargo.toml`.

use super::Rule;
use crate::archive::published::Family;
use crate::manifest::toml;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "cargo-toml-layout",
    cites: "TOML v1.0.0: a document maps to a hash table; comments are ignored, key/value pairs within tables are not \
            guaranteed to be in any specific order, and dotted keys, inline and standard tables are spellings of one \
            value. The Cargo Book, The Manifest Format: a manifest is a TOML document. Arrays keep their order",
    family: Family::Rust,
    applies: |path| path == "Cargo.toml",
    canonical,
};

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut out = String::new();
    toml::write(&toml::parse(bytes)?, &mut out);
    Some(out.into_bytes())
}
