//! From bytes to rows: what is done to each record before the writer sees it.

use super::report::{Progress, Refusal};
use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use trustmill_core::Sha256;
use trustmill_core::advisory::osv::{self, RecordError};
use trustmill_core::advisory::{Advisory, lookup_key};

/// Moves when a record is read in another way than before, so that all are read anew.
const READING: u8 = 1;

/// What a source has of a record.
pub(super) enum Piece<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// More than a record may have.
    TooLarge,
}

/// Who takes the records of a source.
pub(super) trait Sink {
    /// So many files will come, at most.
    fn total(&mut self, files: u64);
    /// Takes one file; `false` if no more is wanted.
    fn take(&mut self, name: &str, piece: Piece<'_>) -> bool;
}

/// The first bytes of a digest: enough to notice a change.
pub(super) type Digest = [u8; 16];

/// What is held of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Its row.
    pub(super) row: i64,
    /// In microseconds.
    pub(super) modified: i64,
    pub(super) digest: Digest,
}

/// The records that are held of a feed, by id.
pub(super) type AllHeld = HashMap<Box<str>, Held>;

/// What became of a file.
pub(super) enum Item {
    /// It is held as it is.
    Same(Box<str>),
    /// It is to be kept.
    Row(Box<Row>),
    /// It is about other ecosystems alone.
    Foreign(Box<str>),
    /// It is refused.
    Refused(Refusal),
}

/// A record as its rows.
pub(super) struct Row {
    pub(super) id: Box<str>,
    pub(super) modified: i64,
    pub(super) withdrawn: bool,
    pub(super) malicious: bool,
    pub(super) digest: Digest,
    pub(super) json: String,
    pub(super) projects: Vec<String>,
    pub(super) aliases: Vec<String>,
}

/// Reads records on the thread of the source, and sends on what became of them.
pub(super) struct Reader<'a> {
    pub(super) held: &'a AllHeld,
    /// The one ecosystem that the feed may speak of.
    pub(super) only: Option<&'a str>,
    pub(super) progress: &'a Progress,
    pub(super) out: SyncSender<Item>,
}

impl Sink for Reader<'_> {
    fn total(&mut self, files: u64) {
        self.progress.begin(files);
    }

    fn take(&mut self, name: &str, piece: Piece<'_>) -> bool {
        let item = match piece {
            Piece::Whole(bytes) => self.read(name, bytes),
            Piece::TooLarge => refused(name, &RecordError::TooLarge),
        };
        self.progress.step();
        self.out.send(item).is_ok()
    }
}

impl Reader<'_> {
    fn read(&self, name: &str, bytes: &[u8]) -> Item {
        let digest = self.digest(bytes);
        let stem = name.strip_suffix(".json").unwrap_or(name);
        if self.held.get(stem).is_some_and(|held| held.digest == digest) {
            return Item::Same(stem.into());
        }
        let mut advisory = match osv::parse(bytes) {
            Ok(parsed) => parsed.advisory,
            Err(error) => return refused(name, &error),
        };
        if let Some(only) = self.only {
            advisory.affected.retain(|affected| affected.project.ty() == only);
        }
        if advisory.affected.is_empty() {
            return Item::Foreign(advisory.id.into());
        }
        match serde_json::to_string(&advisory) {
            Ok(json) => Item::Row(Box::new(row(advisory, digest, json))),
            Err(error) => refused(name, &RecordError::Malformed(error.to_string())),
        }
    }

    /// What the feed may speak of is part of how a record is read.
    fn digest(&self, bytes: &[u8]) -> Digest {
        let whole = Sha256::of(bytes);
        let mut digest = Digest::default();
        for (into, from) in digest.iter_mut().zip(whole.as_bytes()) {
            *into = *from;
        }
        let only = self.only.unwrap_or_default().bytes().fold(READING, |sum, byte| sum.rotate_left(3) ^ byte);
        let [first, ..] = &mut digest;
        *first ^= only;
        digest
    }
}

fn row(advisory: Advisory, digest: Digest, json: String) -> Row {
    let mut projects: Vec<_> = advisory.affected.iter().map(|a| lookup_key(&a.project)).collect();
    projects.sort_unstable();
    projects.dedup();
    let mut aliases = advisory.aliases;
    aliases.sort_unstable();
    aliases.dedup();
    Row {
        modified: advisory.modified.as_microsecond(),
        withdrawn: advisory.withdrawn.is_some(),
        malicious: advisory.malicious,
        id: advisory.id.into(),
        digest,
        json,
        projects,
        aliases,
    }
}

fn refused(name: &str, error: &RecordError) -> Item {
    let record: String = name.chars().filter(|c| !c.is_control()).take(150).collect();
    tracing::info!(record, %error, "a record is refused");
    Item::Refused(Refusal { record, why: error.to_string() })
}
