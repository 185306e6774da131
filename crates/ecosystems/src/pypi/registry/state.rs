//! What a project's page says just now: upstream's listing, and over it what the mill knows.
//!
//! Built once per change of upstream or of the facts, and shared by pages and files alike, so that a page
//! never lists what the file then contradicts.

use super::releases::Releases;
use crate::pypi::names;
use crate::pypi::page::ProjectPage;
use crate::stop::Stop;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::shelf::{OwnFile, Shelf};
use trustmill_core::{Purl, Sha256};

/// The kind of the facts that remember metadata files which the mill extracted: `{"sha256": …}` about a
/// release, subject the wheel's name.
pub(super) const METADATA_KIND: &str = "core-metadata";

/// What the mill knows of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlay {
    pub(super) own: Option<(OwnFile, String)>,
    pub(super) stop: Option<Stop>,
    pub(super) provenance: Option<(Sha256, Option<Sha256>)>,
    pub(super) metadata: Option<Sha256>,
    pub(super) locked: Option<Sha256>,
}

/// A project at one state of upstream and of the facts.
#[derive(Debug)]
pub(super) struct State {
    /// Distinguishes states: what was rendered from this one stays valid as long as this one is.
    pub(super) id: u64,
    /// The project.
    pub(super) project: Purl,
    /// Upstream's page.
    pub(super) page: Arc<ProjectPage>,
    /// The records' revision before the facts were read.
    pub(super) revision: u64,
    /// Whether upstream is down and the page is what it said before.
    pub(super) stale: bool,
    /// What the mill knows, by file name.
    pub(super) overlays: HashMap<String, Overlay>,
    /// Which release each file is of.
    pub(super) releases: Releases,
    served: Mutex<HashMap<String, FileAnswer>>,
}

impl State {
    /// Reads what the mill knows of a project.
    ///
    /// # Errors
    /// The records cannot be read: then nothing is served, for a refusal might be among them.
    pub(super) async fn build(
        id: u64,
        records: &dyn Records,
        project: &Purl,
        page: Arc<ProjectPage>,
        stale: bool,
        with_repaired: bool,
    ) -> Result<Self, RecordsError> {
        // Before the facts: one that is appended meanwhile makes this state old, not invisible.
        let revision = records.revision(project);
        let mut overlays = HashMap::new();
        for fact in records.facts(project, Some(Shelf::KIND)).await? {
            apply_shelf(&mut overlays, &page.name, &fact);
        }
        if with_repaired {
            for fact in records.facts(project, Some(Shelf::REPAIRED)).await? {
                apply_shelf(&mut overlays, &page.name, &fact);
            }
        }
        for fact in records.facts(project, Some(METADATA_KIND)).await? {
            apply_metadata(&mut overlays, &fact);
        }
        apply_locks(&mut overlays, records, &page).await?;
        let own = overlays.iter().filter_map(|(filename, overlay)| {
            let (own, version) = overlay.own.as_ref().filter(|_| page.file(filename).is_none())?;
            Some((filename.as_str(), version.as_str(), own.upload_time))
        });
        let releases = Releases::new(&page, own);
        let project = project.clone();
        Ok(Self { id, project, page, revision, stale, overlays, releases, served: Mutex::default() })
    }

    /// The answer that was given for a file in this state.
    pub(super) fn answered(&self, filename: &str) -> Option<FileAnswer> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).get(filename).cloned()
    }

    /// Remembers an answer, its bytes being checked and locked.
    pub(super) fn remember(&self, filename: &str, answer: FileAnswer) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(filename.to_owned(), answer);
    }

    /// The files whose digest upstream changed.
    pub(super) fn moved(&self) -> impl Iterator<Item = (&str, &str, &Stop)> {
        self.page.files.iter().filter_map(|file| {
            let stop = self.overlays.get(&file.artifact.filename)?.stop.as_ref()?;
            stop.moved.is_some().then_some((
                file.artifact.filename.as_str(),
                file.artifact.version.as_str(),
                stop,
            ))
        })
    }

    /// Rough bytes in memory. The page counts here too: it lives as long as any of its holders.
    pub(super) fn weight(&self) -> usize {
        1024 + self.overlays.len() * 512 + self.releases.weight() + self.page.weight()
    }
}

/// The newest entry per file counts; one that this version cannot read refuses the file.
fn apply_shelf(overlays: &mut HashMap<String, Overlay>, project: &str, fact: &Fact) {
    let Some(filename) = fact.subject.as_deref() else { return };
    let Ok(parsed) = names::parse_filename(project, filename) else {
        tracing::warn!(project, filename = ?filename, "a shelf entry for what is no file of the project");
        return;
    };
    let overlay = match Shelf::read(fact) {
        Ok(shelf) => Overlay {
            stop: shelf.refuse.map(|refuse| Stop::new(refuse.code, &refuse.reason)),
            provenance: shelf.provenance.map(|blob| (blob, shelf.upstream_sha256)),
            own: shelf.own.map(|own| (own, parsed.version)),
            ..Overlay::default()
        },
        Err(why) => Overlay { stop: Some(Stop::new("TM0705", &why.to_string())), ..Overlay::default() },
    };
    overlays.insert(filename.to_owned(), overlay);
}

fn apply_metadata(overlays: &mut HashMap<String, Overlay>, fact: &Fact) {
    let digest = fact.body.get("sha256").and_then(|hex| hex.as_str()?.parse().ok());
    if let (Some(filename), Some(digest)) = (&fact.subject, digest) {
        overlays.entry(filename.clone()).or_default().metadata = Some(digest);
    }
}

/// Compares what upstream states with what was seen first.
async fn apply_locks(
    overlays: &mut HashMap<String, Overlay>,
    records: &dyn Records,
    page: &ProjectPage,
) -> Result<(), RecordsError> {
    let names: Vec<&str> = page.files.iter().map(|file| file.artifact.filename.as_str()).collect();
    let locks = records.locked_many("pypi", &names).await?;
    for (file, first) in page.files.iter().zip(locks) {
        let Some(first) = first else { continue };
        if file.artifact.sha256 == Some(first) {
            continue;
        }
        let overlay = overlays.entry(file.artifact.filename.clone()).or_default();
        overlay.locked = Some(first);
        if let (Some(now), None) = (file.artifact.sha256, &overlay.own) {
            overlay.stop = Some(Stop::moved(first, now));
        }
    }
    Ok(())
}
