//! Opens archives in memory, once, within limits: what cannot be read is a finding and not an end.

use crate::package::Oddity;
use bytes::Bytes;
use trustmill_core::port::Coded;
use trustmill_inspect::archive::{Limits, published};

/// What was found in an archive.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Path and bytes of every regular file.
    pub files: Vec<(String, Bytes)>,
    /// What is odd.
    pub oddities: Vec<Oddity>,
}

/// What the scanner opens at most. Larger files are cut short, and that is said.
pub const LIMITS: Limits = Limits {
    members: 100_000,
    member_bytes: 128 << 20,
    total_bytes: 512 << 20,
    ratio: 400,
    path_bytes: 4096,
};

/// Opens a published file by its name; a name that is no archive's is a package of one file.
pub fn unpack(name: &str, bytes: &Bytes) -> Unpacked {
    if published::Family::of(name).is_none() {
        return Unpacked { files: vec![(name.to_owned(), bytes.clone())], oddities: Vec::new() };
    }
    match published::read(name, bytes, &LIMITS) {
        Ok(contents) => Unpacked {
            files: contents.members.into_iter().map(|(path, member)| (path, member.bytes)).collect(),
            oddities: Vec::new(),
        },
        Err(error) => Unpacked {
            files: Vec::new(),
            oddities: vec![Oddity {
                kind: "refused",
                what: format!("{}: {error}", error.code()),
                path: name.to_owned(),
            }],
        },
    }
}
