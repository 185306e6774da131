//! What a crate's index file says just now: upstream's lines, and over them what the mill knows.
//!
//! Built once per change of upstream or of the facts, and shared by index and files alike, so that a line
//! never offers what the file then contradicts.

use crate::cargo::index::{IndexFile, Release};
use crate::cargo::names;
use crate::stop::Stop;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::ruling::Listed;
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Sha256};

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
    /// The crate.
    pub(super) project: Purl,
    /// Upstream's index file.
    pub(super) upstream: Arc<IndexFile>,
    /// The same, or where repaired releases are seen, with these in the place of those that they repair.
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
        with_repaired: bool,
    ) -> Result<Self, RecordsError> {
        let project = Purl::project("cargo", &file.name);
        // Before the facts: one that is appended meanwhile makes this state old, not invisible.
        let revision = records.revision(&project);
        let mut overlays = HashMap::new();
        for fact in records.facts(&project, Some(Shelf::KIND)).await? {
            apply_shelf(&mut overlays, &fact);
        }
        apply_locks(&mut overlays, records, &file).await?;
        let mut shown = Arc::clone(&file);
        if with_repaired {
            let facts = records.facts(&project, Some(Shelf::REPAIRED)).await?;
            shown = with_repaired_releases(&file, &facts, &mut overlays);
        }
        let served = Mutex::default();
        Ok(Self { id, project, upstream: file, file: shown, revision, stale, overlays, served })
    }

    /// Every release as the gate is asked about it, in the index's order.
    pub(super) fn releases(&self) -> Vec<Listed<'_>> {
        let listed = |release: &Release| Listed {
            version: Cow::Owned(release.version.clone()),
            published: release.published,
            yanked: release.yanked,
            ..Listed::default()
        };
        self.file.releases.iter().map(listed).collect()
    }

    /// What the mill says of a release's file by itself.
    pub(super) fn stop(&self, version: &str) -> Option<&Stop> {
        self.overlay(version)?.stop.as_ref()
    }

    /// The mill's statements about the very bytes that the index states.
    pub(super) fn provenance(&self, release: &Release) -> Option<Sha256> {
        let (blob, of) = self.overlay(&release.version)?.provenance?;
        of.is_none_or(|of| of == release.sha256).then_some(blob)
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

/// The index with repaired releases. Cargo takes two releases that differ in their build number alone for one that it
/// cannot choose between, so that a repaired release is in the place of the one that it repairs.
fn with_repaired_releases(
    file: &Arc<IndexFile>,
    facts: &[Fact],
    overlays: &mut HashMap<String, Overlay>,
) -> Arc<IndexFile> {
    let mut newest: HashMap<String, (String, Sha256)> = HashMap::new();
    for fact in facts {
        let (Some(version), Ok(shelf)) = (fact.about.version(), Shelf::read(fact)) else { continue };
        let Some((of, _)) =
            version.rsplit_once(['+', '.']).and_then(|(rest, _)| rest.rsplit_once(['+', '.']))
        else {
            continue;
        };
        apply_shelf(overlays, fact);
        match shelf.own.filter(|_| shelf.refuse.is_none()) {
            Some(own) => newest.insert(of.to_owned(), (version.to_owned(), own.sha256)),
            // What was withdrawn leaves its place to what was published.
            None => newest.remove(of),
        };
    }
    let mut shown = (**file).clone();
    for release in &mut shown.releases {
        let Some((version, digest)) = newest.get(&release.version) else { continue };
        if let Some(one) = release.repaired(version, *digest) {
            *release = one;
        }
    }
    Arc::new(shown)
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use trustmill_core::shelf::{OwnFile, ShelfRefusal};

    fn fact(version: &str, digest: Sha256, refused: bool) -> Fact {
        let own = OwnFile {
            sha256: digest,
            size: 1,
            upload_time: trustmill_core::Timestamp::UNIX_EPOCH,
            requires_python: None,
            metadata_sha256: None,
        };
        let refuse = refused.then(|| ShelfRefusal { code: "TM0703".into(), reason: "withdrawn".into() });
        let shelf = Shelf { own: Some(own), refuse, ..Shelf::new() };
        Fact {
            format: Fact::FORMAT,
            about: Purl::release("cargo", "kit", version),
            kind: Shelf::REPAIRED.into(),
            subject: Some(format!("kit-{version}.crate")),
            at: trustmill_core::Timestamp::UNIX_EPOCH,
            body: serde_json::to_value(&shelf).unwrap(),
        }
    }

    #[test]
    fn a_repaired_release_is_in_the_place_of_the_one_that_it_repairs() {
        let line = |version: &str| {
            let sum = Sha256::of(version.as_bytes());
            format!(
                r#"{{"name":"kit","vers":"{version}","deps":[],"cksum":"{sum}","features":{{"a":[]}},"yanked":true}}"#
            )
        };
        let body = Bytes::from([line("1.2.0"), line("1.2.1+b")].join("\n"));
        let file = Arc::new(IndexFile::parse("kit", &body).unwrap());
        let (first, second) = (Sha256::of(b"1"), Sha256::of(b"2"));
        let facts = [
            fact("1.2.0+tm.1", first, false),
            fact("1.2.0+tm.2", second, false),
            fact("1.2.1+b.tm.1", first, false),
            fact("9.9.9+tm.1", first, false),
        ];
        let shown = with_repaired_releases(&file, &facts, &mut HashMap::new());
        let versions: Vec<_> = shown.releases.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, ["1.2.0+tm.2", "1.2.1+b.tm.1"]);
        assert_eq!(shown.releases[0].sha256, second);
        let read: serde_json::Value = serde_json::from_slice(&shown.releases[0].line).unwrap();
        assert_eq!(
            (&read["vers"], &read["yanked"], read["features"].is_object()),
            (&"1.2.0+tm.2".into(), &false.into(), true)
        );
        let withdrawn = [fact("1.2.0+tm.1", first, false), fact("1.2.0+tm.1", first, true)];
        let shown = with_repaired_releases(&file, &withdrawn, &mut HashMap::new());
        assert_eq!(shown.releases[0].version, "1.2.0");
    }
}
