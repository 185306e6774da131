//! What a project's page says just now: upstream's listing, and over it what the mill knows.
//!
//! Built once per change of upstream or of the facts, and shared by pages and files alike, so that a page
//! never lists what the file then contradicts.

use crate::pypi::index::{Entry, Provenance};
use crate::pypi::names;
use crate::pypi::page::{ListedFile, ProjectPage};
use crate::stop::Stop;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::shelf::{OwnFile, Shelf};
use trustmill_core::{Purl, Sha256, Timestamp};

/// The kind of the facts that remember metadata files which the mill extracted: `{"sha256": …}` about a
/// release, subject the wheel's name.
pub(super) const METADATA_KIND: &str = "core-metadata";

/// What the mill knows of one file.
#[derive(Debug, Clone, Default)]
struct Overlay {
    own: Option<(OwnFile, String)>,
    stop: Option<Stop>,
    provenance: Option<(Sha256, Option<Sha256>)>,
    metadata: Option<Sha256>,
    locked: Option<Sha256>,
}

/// A project at one state of upstream and of the facts.
#[derive(Debug)]
pub(super) struct State {
    /// Distinguishes states: what was rendered from this one stays valid as long as this one is.
    pub(super) id: u64,
    /// Upstream's page.
    pub(super) page: Arc<ProjectPage>,
    /// The records' revision before the facts were read.
    pub(super) revision: u64,
    /// Whether upstream is down and the page is what it said before.
    pub(super) stale: bool,
    overlays: HashMap<String, Overlay>,
    served: Mutex<HashMap<String, FileAnswer>>,
}

/// A file as it is served.
#[derive(Debug, Clone)]
pub(super) struct Served<'a> {
    /// What the page says.
    pub(super) entry: Entry<'a>,
    /// Why it is not handed out, if it is not.
    pub(super) stop: Option<&'a Stop>,
    /// Whose bytes.
    pub(super) source: Source<'a>,
    /// The mill's statements about it.
    pub(super) provenance: Option<Sha256>,
}

/// Whose bytes are served.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Upstream's.
    Upstream(&'a ListedFile),
    /// The mill's.
    Own(&'a OwnFile),
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
    ) -> Result<Self, RecordsError> {
        // Before the facts: one that is appended meanwhile makes this state old, not invisible.
        let revision = records.revision(project);
        let mut overlays = HashMap::new();
        for fact in records.facts(project, Some(Shelf::KIND)).await? {
            apply_shelf(&mut overlays, &page.name, &fact);
        }
        for fact in records.facts(project, Some(METADATA_KIND)).await? {
            apply_metadata(&mut overlays, &fact);
        }
        apply_locks(&mut overlays, records, &page).await?;
        Ok(Self { id, page, revision, stale, overlays, served: Mutex::default() })
    }

    /// Every file that exists before `as_of`, upstream's first.
    pub(super) fn files(&self, as_of: Option<Timestamp>) -> impl Iterator<Item = Served<'_>> {
        let listed = self.page.files.iter().map(|file| self.listed(file));
        let own = self.overlays.iter().filter_map(|(filename, overlay)| {
            let is_new = overlay.own.is_some() && self.page.file(filename).is_none();
            is_new.then(|| self.own(filename, overlay)).flatten()
        });
        // In one order, whatever the map's: pages with the same content are the same bytes.
        let own: BTreeMap<&str, Served<'_>> = own.map(|file| (file.entry.filename, file)).collect();
        listed.chain(own.into_values()).filter(move |file| exists(&file.entry, as_of))
    }

    /// The file of that name, if it exists before `as_of`.
    pub(super) fn file<'a>(&'a self, filename: &'a str, as_of: Option<Timestamp>) -> Option<Served<'a>> {
        let found = match self.page.file(filename) {
            Some(file) => Some(self.listed(file)),
            None => self.overlays.get_key_value(filename).and_then(|(name, overlay)| self.own(name, overlay)),
        };
        found.filter(|file| exists(&file.entry, as_of))
    }

    /// The versions of a page with `files` (PEP 700): upstream's own list, cut to what the view shows.
    pub(super) fn versions<'a>(&'a self, files: &[Served<'a>], as_of: Option<Timestamp>) -> Vec<&'a str> {
        let mut versions: Vec<&str> = files.iter().map(|file| file.entry.version).collect();
        if as_of.is_none() {
            versions.extend(self.page.versions.iter().map(String::as_str));
        }
        let mut parsed: Vec<_> = versions
            .into_iter()
            .filter_map(|text| Some((crate::pypi::version::parse(text)?, text)))
            .collect();
        parsed.sort();
        parsed.dedup_by(|a, b| a.0 == b.0);
        parsed.into_iter().map(|(_, text)| text).collect()
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
        1024 + self.overlays.len() * 512 + self.page.weight()
    }

    fn listed<'a>(&'a self, file: &'a ListedFile) -> Served<'a> {
        let artifact = &file.artifact;
        let overlay = self.overlays.get(&artifact.filename);
        if let Some(own) = overlay.and_then(|overlay| self.own(&artifact.filename, overlay)) {
            return own;
        }
        let stop = overlay.and_then(|overlay| overlay.stop.as_ref());
        let locked = overlay.and_then(|overlay| overlay.locked);
        let sha256 = locked.or(artifact.sha256);
        // Statements speak of certain bytes; about others the mill has said nothing.
        let provenance = overlay
            .and_then(|overlay| overlay.provenance)
            .filter(|(_, of)| of.is_none_or(|of| Some(of) == sha256))
            .map(|(blob, _)| blob);
        let theirs = || file.provenance.as_deref().map(Provenance::Upstream);
        let entry = Entry {
            filename: &artifact.filename,
            version: &artifact.version,
            sha256,
            other_hashes: Some(&file.other_hashes).filter(|_| locked.is_none() || locked == artifact.sha256),
            size: artifact.size,
            upload_time: artifact.upload_time,
            requires_python: artifact.requires_runtime.as_deref(),
            metadata: artifact.metadata_sha256.or(overlay.and_then(|overlay| overlay.metadata)),
            yanked: stop.map(|stop| stop.line.as_str()).or(artifact.yanked.as_deref()),
            gpg_sig: file.gpg_sig,
            provenance: provenance.map(|_| Provenance::Ours).or_else(theirs),
        };
        Served { entry, stop, source: Source::Upstream(file), provenance }
    }

    fn own<'a>(&'a self, filename: &'a str, overlay: &'a Overlay) -> Option<Served<'a>> {
        let (own, version) = overlay.own.as_ref()?;
        let provenance = overlay.provenance.map(|(blob, _)| blob);
        let entry = Entry {
            filename,
            version,
            sha256: Some(own.sha256),
            other_hashes: None,
            size: Some(own.size),
            upload_time: Some(own.upload_time),
            requires_python: own.requires_python.as_deref(),
            metadata: own.metadata_sha256.or(overlay.metadata),
            yanked: overlay.stop.as_ref().map(|stop| stop.line.as_str()),
            gpg_sig: None,
            provenance: provenance.map(|_| Provenance::Ours),
        };
        Some(Served { entry, stop: overlay.stop.as_ref(), source: Source::Own(own), provenance })
    }
}

/// Without an upload time nobody can say that a file existed, so a view of the past has it not.
fn exists(entry: &Entry<'_>, as_of: Option<Timestamp>) -> bool {
    as_of.is_none_or(|instant| entry.upload_time.is_some_and(|uploaded| uploaded < instant))
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
