//! What a crate's index file says just now: upstream's lines, and over them what the mill knows.
//!
//! Built once per change of upstream or of the facts, and shared by index and files alike, so that a line
//! never offers what the file then contradicts.

use crate::cargo::index::{IndexFile, Release};
use crate::cargo::names;
use bytes::{BufMut as _, Bytes, BytesMut};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Sha256, Timestamp};

/// Why a file is not handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    /// Stable code.
    pub(super) code: Cow<'static, str>,
    /// `CODE: reason`, one line of printable ASCII.
    pub(super) line: String,
    /// Both digests, where the file is not what it was.
    pub(super) moved: Option<(Sha256, Sha256)>,
}

impl Stop {
    pub(super) fn new(code: impl Into<Cow<'static, str>>, reason: &str) -> Self {
        let code = code.into();
        let clean: String = format!("{code}: {reason}")
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
            .take(240)
            .collect();
        Self { code, line: clean.split_whitespace().collect::<Vec<_>>().join(" "), moved: None }
    }

    /// A file whose digest is not the one that was seen first.
    pub(super) fn moved(first: Sha256, now: Sha256) -> Self {
        let reason = format!(
            "this crate changed after it was first seen: SHA-256 was {}..., is {}...",
            first.short(),
            now.short()
        );
        Self { moved: Some((first, now)), ..Self::new("TM0704", &reason) }
    }
}

/// What the mill knows of one release's file.
#[derive(Debug, Clone, Default)]
struct Overlay {
    stop: Option<Stop>,
    /// The statements, and the bytes that they speak of.
    provenance: Option<(Sha256, Option<Sha256>)>,
}

/// A crate at one state of upstream and of the facts.
#[derive(Debug)]
pub(super) struct State {
    /// Distinguishes states: what was rendered from this one stays valid as long as this one is.
    pub(super) id: u64,
    /// Upstream's index file.
    pub(super) file: Arc<IndexFile>,
    /// The records' revision before the facts were read.
    pub(super) revision: u64,
    /// Whether upstream is down and the file is what it said before.
    pub(super) stale: bool,
    overlays: HashMap<String, Overlay>,
    served: Mutex<HashMap<String, FileAnswer>>,
}

impl State {
    /// Reads what the mill knows of a crate.
    ///
    /// # Errors
    /// The records cannot be read: then nothing is served, for a refusal might be among them.
    pub(super) async fn build(
        id: u64,
        records: &dyn Records,
        file: Arc<IndexFile>,
        stale: bool,
    ) -> Result<Self, RecordsError> {
        let project = Purl::project("cargo", &file.name);
        // Before the facts: one that is appended meanwhile makes this state old, not invisible.
        let revision = records.revision(&project);
        let mut overlays = HashMap::new();
        for fact in records.facts(&project, Some(Shelf::KIND)).await? {
            apply_shelf(&mut overlays, &fact);
        }
        apply_locks(&mut overlays, records, &file).await?;
        Ok(Self { id, file, revision, stale, overlays, served: Mutex::default() })
    }

    /// The release of that version, if it exists before `as_of`.
    pub(super) fn release(&self, version: &str, as_of: Option<Timestamp>) -> Option<&Release> {
        self.file.release(version).filter(|release| exists(release, as_of))
    }

    /// Why a release is not handed out.
    pub(super) fn stop(&self, version: &str) -> Option<&Stop> {
        self.overlay(version)?.stop.as_ref()
    }

    /// The mill's statements about the very bytes that the index states.
    pub(super) fn provenance(&self, release: &Release) -> Option<Sha256> {
        let (blob, of) = self.overlay(&release.version)?.provenance?;
        of.is_none_or(|of| of == release.sha256).then_some(blob)
    }

    /// The index file as it is served; `None` where nothing existed before `as_of`.
    pub(super) fn rendered(&self, as_of: Option<Timestamp>) -> Option<Bytes> {
        let mut out = BytesMut::new();
        for release in self.file.releases.iter().filter(|release| exists(release, as_of)) {
            match self.stop(&release.version) {
                Some(_) => out.put(release.yanked_line()),
                None => out.put(release.line.clone()),
            }
            out.put_u8(b'\n');
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    /// The answer that was given for a file in this state.
    pub(super) fn answered(&self, version: &str) -> Option<FileAnswer> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).get(version).cloned()
    }

    /// Remembers an answer, its bytes being checked and locked.
    pub(super) fn remember(&self, version: &str, answer: FileAnswer) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(version.to_owned(), answer);
    }

    /// The releases whose digest upstream changed.
    pub(super) fn moved(&self) -> impl Iterator<Item = (&str, &Stop)> {
        self.file.releases.iter().filter_map(|release| {
            let stop = self.stop(&release.version)?;
            stop.moved.is_some().then_some((release.version.as_str(), stop))
        })
    }

    /// Rough bytes in memory.
    pub(super) fn weight(&self) -> usize {
        1024 + self.overlays.len() * 512 + self.file.weight()
    }

    fn overlay(&self, version: &str) -> Option<&Overlay> {
        self.overlays.get(&names::filename(&self.file.name, version))
    }
}

/// Without a publication time nobody can say that a release existed, so a view of the past has it not.
fn exists(release: &Release, as_of: Option<Timestamp>) -> bool {
    as_of.is_none_or(|instant| release.published.is_some_and(|published| published < instant))
}

/// The newest entry per file counts; one that this version cannot read refuses the file.
fn apply_shelf(overlays: &mut HashMap<String, Overlay>, fact: &Fact) {
    let Some(filename) = fact.subject.as_deref() else { return };
    let overlay = match Shelf::read(fact) {
        Ok(shelf) => Overlay {
            stop: shelf.refuse.map(|refuse| Stop::new(refuse.code, &refuse.reason)),
            provenance: shelf.provenance.map(|blob| (blob, shelf.upstream_sha256)),
        },
        Err(why) => Overlay { stop: Some(Stop::new("TM0705", &why.to_string())), ..Overlay::default() },
    };
    overlays.insert(filename.to_owned(), overlay);
}

/// Compares what upstream states with what was seen first.
async fn apply_locks(
    overlays: &mut HashMap<String, Overlay>,
    records: &dyn Records,
    file: &IndexFile,
) -> Result<(), RecordsError> {
    let names: Vec<String> =
        file.releases.iter().map(|release| names::filename(&file.name, &release.version)).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let locks = records.locked_many("cargo", &borrowed).await?;
    for ((release, filename), first) in file.releases.iter().zip(names).zip(locks) {
        if let Some(first) = first.filter(|first| *first != release.sha256) {
            overlays.entry(filename).or_default().stop = Some(Stop::moved(first, release.sha256));
        }
    }
    Ok(())
}
