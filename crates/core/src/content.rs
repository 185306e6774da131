//! The content of an archive as plain data, so that inference and comparison share one reading of it.

use crate::Sha256;
use crate::digest::Hasher;
use bytes::Bytes;
use std::collections::BTreeMap;

/// One regular file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its bytes, inflated.
    pub bytes: Bytes,
    /// Unix permission bits (`0o777` mask plus setuid, setgid, sticky) as the container records them;
    /// `None` where it records none.
    pub mode: Option<u32>,
    /// Seconds since 1970 as the container says (a zip's local time is read as UTC); `None` if it says none.
    pub mtime: Option<i64>,
}

impl Member {
    /// The digest of the member's bytes.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    /// The bytes as text, where they are UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// The regular files of an archive by their path, `/`-separated and relative.
///
/// Only a reader that refused hostile paths, duplicates and bombs builds one (`inspect::archive`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Path to file.
    pub members: BTreeMap<String, Member>,
    /// Member paths in the order in which the container lists them.
    pub order: Vec<String>,
}

impl Contents {
    /// The member at `path`.
    pub fn get(&self, path: &str) -> Option<&Member> {
        self.members.get(path)
    }

    /// The text of the member at `path`, where there is one and it is UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Member::text)
    }

    /// The digest of the paths and bytes.
    pub fn digest(&self) -> Sha256 {
        let mut hasher = Hasher::new();
        for (path, member) in &self.members {
            hasher.update(format!("{path}\0{}\n", member.digest()).as_bytes());
        }
        hasher.finish()
    }

    /// Puts bytes at `path`, or takes the file away; mode and time of what stood there stay.
    pub fn set(&mut self, path: &str, bytes: Option<Bytes>) {
        let Some(bytes) = bytes else {
            self.members.remove(path);
            self.order.retain(|listed| listed != path);
            return;
        };
        if let Some(member) = self.members.get_mut(path) {
            member.bytes = bytes;
        } else {
            self.members.insert(path.to_owned(), Member { bytes, mode: None, mtime: None });
            self.order.push(path.to_owned());
        }
    }

    /// The first member, in path order, whose path ends with `suffix`.
    pub fn ending(&self, suffix: &str) -> Option<(&str, &Member)> {
        self.members
            .iter()
            .find(|(path, _)| path.ends_with(suffix))
            .map(|(path, member)| (path.as_str(), member))
    }
}
