//! What a package's packument says just now: the registry's words, and over them what the mill knows.
//!
//! Built once per change of upstream or of the facts, and shared by pages and files alike, so that a page never
//! lists what the file then contradicts.

use crate::npm::names;
use crate::npm::packument::{Listed, Packument, Repaired, Tarball};
use crate::stop::Stop;
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::digest::Checksum;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::ruling;
use trustmill_core::shelf::{OwnFile, Shelf};
use trustmill_core::{Purl, Sha256};

/// What the mill knows of one version's file.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) stop: Option<Stop>,
    pub(super) provenance: Option<(Sha256, Option<Sha256>)>,
    pub(super) locked: Option<Sha256>,
    /// The stated digest is the one that the locked bytes were checked against.
    pub(super) confirmed: bool,
}

/// A package at one state of upstream and of the facts.
#[derive(Debug)]
pub(super) struct State {
    /// Distinguishes states: what was rendered from this one stays valid as long as this one is.
    pub(super) id: u64,
    /// The package.
    pub(super) project: Purl,
    /// Upstream's words.
    pub(super) upstream: Arc<Packument>,
    /// The same, or where repaired releases are seen, with these beside them.
    pub(super) packument: Arc<Packument>,
    /// The repaired releases among them, by version.
    pub(super) repaired: HashMap<String, OwnFile>,
    /// The records' revision before the facts were read.
    pub(super) revision: u64,
    /// Whether upstream is down and the packument is what it said before.
    pub(super) stale: bool,
    /// What the mill knows, by a version's place in the packument.
    pub(super) overlays: HashMap<usize, Overlay>,
    served: Mutex<HashMap<usize, FileAnswer>>,
}

impl State {
    /// Reads what the mill knows of a package.
    ///
    /// # Errors
    /// The records cannot be read: then nothing is served, for a refusal might be among them.
    pub(super) async fn build(
        id: u64,
        records: &dyn Records,
        project: &Purl,
        upstream: Arc<Packument>,
        stale: bool,
        with: Repairs,
    ) -> Result<Self, RecordsError> {
        let Repairs { packument, facts, own } = with;
        let packument = packument.unwrap_or_else(|| Arc::clone(&upstream));
        // Before the facts: one that is appended meanwhile makes this state old, not invisible.
        let revision = records.revision(project);
        let mut overlays = HashMap::new();
        for (index, listed) in packument.versions.iter().enumerate() {
            if listed.tarball == Tarball::Elsewhere {
                let stop =
                    Stop::new("TM0708", "the registry has this file on another host, which is not asked");
                overlays.insert(index, Overlay { stop: Some(stop), ..Overlay::default() });
            }
        }
        for fact in records.facts(project, Some(Shelf::KIND)).await? {
            apply_shelf(&mut overlays, &packument, &fact, false);
        }
        for fact in &facts {
            apply_shelf(&mut overlays, &packument, fact, true);
        }
        apply_locks(&mut overlays, records, &packument).await?;
        let project = project.clone();
        let served = Mutex::default();
        Ok(Self { id, project, upstream, packument, repaired: own, revision, stale, overlays, served })
    }

    /// The releases as the gate is asked about them, in the packument's order.
    pub(super) fn releases(&self) -> Vec<ruling::Listed<'_>> {
        let listed = |listed: &'_ Listed| ruling::Listed {
            version: Cow::Owned(listed.version.to_string()),
            published: listed.time,
            yanked: listed.deprecated,
            install_script: Some(listed.install_script),
            licence: listed.licence.as_deref().map(|text| Cow::Owned(text.to_owned())),
        };
        self.packument.versions.iter().map(listed).collect()
    }

    /// The answer that was given for a file in this state.
    pub(super) fn answered(&self, index: usize) -> Option<FileAnswer> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned()
    }

    /// Remembers an answer, its bytes being checked and locked.
    pub(super) fn remember(&self, index: usize, answer: FileAnswer) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(index, answer);
    }

    /// The files whose stated digest upstream changed.
    pub(super) fn moved(&self) -> impl Iterator<Item = (&Listed, &Stop)> {
        self.overlays.iter().filter_map(|(index, overlay)| {
            let stop = overlay.stop.as_ref().filter(|stop| stop.moved.is_some())?;
            Some((self.packument.versions.get(*index)?, stop))
        })
    }

    /// Rough bytes in memory. The packument counts here too: it lives as long as any of its holders.
    pub(super) fn weight(&self) -> usize {
        use crate::pages::Parsed as _;
        1024 + self.overlays.len() * 384 + self.packument.weight()
    }
}

/// What the view of repaired releases adds to a package.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// The packument with them, where there are any.
    packument: Option<Arc<Packument>>,
    facts: Vec<Fact>,
    own: HashMap<String, OwnFile>,
}

impl Repairs {
    /// The repaired releases that are on the shelf; `body` is that of `upstream`.
    pub(super) fn new(upstream: &Packument, body: &Bytes, facts: Vec<Fact>) -> Self {
        let mut own = HashMap::new();
        for fact in &facts {
            let (Some(version), Ok(shelf)) = (fact.about.version(), Shelf::read(fact)) else { continue };
            match shelf.own.filter(|_| shelf.refuse.is_none()) {
                Some(file) => own.insert(version.to_owned(), file),
                // It was withdrawn.
                None => own.remove(version),
            };
        }
        let releases = own.iter().filter_map(|(version, file)| {
            let (rest, _) = version.rsplit_once('.')?;
            let (of, _) = rest.rsplit_once(['-', '.'])?;
            Some(Repaired { version: version.clone(), of: of.to_owned(), sha256: file.sha256 })
        });
        let mut releases: Vec<Repaired> = releases.collect();
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        let packument = upstream.with_repaired(body, &releases).map(Arc::new);
        let listed = |fact: &Fact| fact.about.version().is_some_and(|version| own.contains_key(version));
        let facts = facts.into_iter().filter(listed).collect();
        Self { packument, facts, own }
    }
}

/// The newest entry per file counts; one that this version cannot read refuses the file.
fn apply_shelf(
    overlays: &mut HashMap<usize, Overlay>,
    packument: &Packument,
    fact: &Fact,
    is_repaired: bool,
) {
    let filename = fact.subject.as_deref().unwrap_or_default();
    let Some((index, listed)) = packument.find_file(filename) else {
        tracing::warn!(
            package = packument.name,
            ?filename,
            "a shelf entry for what is no file of the package"
        );
        return;
    };
    let overlay = match Shelf::read(fact) {
        // One version has one file here, and its digest stands in lockfiles: other bytes would break them all.
        Ok(shelf) if shelf.own.is_some() && !is_repaired => {
            let stop = Stop::new("TM0705", "the mill's own build cannot stand for a published npm file");
            Overlay { stop: Some(stop), ..Overlay::default() }
        }
        Ok(shelf) => Overlay {
            stop: shelf.refuse.map(|refuse| Stop::new(refuse.code, &refuse.reason)),
            provenance: shelf.provenance.map(|blob| (blob, shelf.upstream_sha256)),
            ..Overlay::default()
        },
        Err(why) => Overlay { stop: Some(Stop::new("TM0705", &why.to_string())), ..Overlay::default() },
    };
    // What makes a file impossible to serve is not lifted by an entry that has nothing against it.
    if listed.tarball == Tarball::Elsewhere && overlay.stop.is_none() {
        let kept = overlays.entry(index).or_default();
        kept.provenance = overlay.provenance;
        return;
    }
    overlays.insert(index, overlay);
}

/// Under which name a stated digest is locked, and what stands for it there.
pub(super) fn statement(filename: &str, promised: &Checksum) -> (String, Sha256) {
    (format!("{filename}#{}", promised.algorithm()), Sha256::of(promised.as_bytes()))
}

/// Compares what upstream states with what was seen first.
async fn apply_locks(
    overlays: &mut HashMap<usize, Overlay>,
    records: &dyn Records,
    packument: &Packument,
) -> Result<(), RecordsError> {
    let filenames: Vec<String> =
        packument.versions.iter().map(|listed| names::filename(&packument.name, &listed.version)).collect();
    let names: Vec<&str> = filenames.iter().map(String::as_str).collect();
    let locks = records.locked_many("npm", &names).await?;
    let locked = packument.versions.iter().zip(&filenames).zip(locks).enumerate();
    let locked: Vec<_> = locked.filter_map(|(index, (file, lock))| Some((index, file, lock?))).collect();
    let stated: Vec<_> = locked
        .iter()
        .map(|(_, (listed, filename), _)| {
            listed.promised.as_ref().map(|promised| statement(filename, promised))
        })
        .collect();
    let names: Vec<&str> =
        stated.iter().map(|stated| stated.as_ref().map_or("", |(name, _)| name.as_str())).collect();
    let first = records.locked_many("npm", &names).await?;
    for (((index, _, lock), stated), first) in locked.into_iter().zip(stated).zip(first) {
        let overlay = overlays.entry(index).or_default();
        overlay.locked = Some(lock);
        match (stated, first) {
            (Some((_, now)), Some(first)) if first == now => overlay.confirmed = true,
            (Some((_, now)), Some(first)) => overlay.stop = Some(moved_statement(first, now)),
            // What is stated for the first time is checked against the bytes when they are asked for.
            _ => {}
        }
    }
    Ok(())
}

/// The registry states another digest than it did.
fn moved_statement(first: Sha256, now: Sha256) -> Stop {
    let reason = "the registry states another digest for this file than when it was first seen";
    Stop { moved: Some((first, now)), ..Stop::new("TM0704", reason) }
}
