//! Compares a rebuilt file with the published one and puts the pair on the verdict ladder.
//!
//! Strongest first: the same bytes; our members in the published container; equal after named rules; every
//! difference of a kind that explains itself; else unexplained. `docs/verdicts.md` says what each proves.

mod cargo_toml;
mod classify;
mod diff;
mod kinds;
mod loud;
mod metadata;
mod mode;
mod native;
mod package_json;
mod text;

use crate::archive::published::{self, Archive, Family, PublishedError};
use crate::archive::{Limits, tar_gz, zip};
use crate::normalise::{self, TAR_GZ_CONTAINER, WHEEL_RECORD, ZIP_CONTAINER};
use crate::replay::{self, ReplayRefusal, Replayed};
use crate::wheel::record;
use bytes::Bytes;
use classify::Twins;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::comparison::{Comparison, Difference, DifferenceClass, Normalisation, Replay};
use trustmill_core::content::Contents;
use trustmill_core::port::Coded;
use trustmill_core::{Sha256, Verdict};

/// Why two files cannot be compared. The code is that of the refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// The published file is refused.
    #[error("the published file is refused")]
    Published(#[source] PublishedError),
    /// The rebuilt file is refused.
    #[error("the rebuilt file is refused")]
    Rebuilt(#[source] PublishedError),
}

impl Coded for CompareError {
    fn code(&self) -> &'static str {
        match self {
            Self::Published(error) | Self::Rebuilt(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Published(error) => error.help(),
            Self::Rebuilt(_) => "the build wrote an archive that no reader should take; read its log".into(),
        }
    }
}

/// Compares what is published under `filename` with a rebuild of it. A pure function of its arguments.
///
/// # Errors
/// [`CompareError`] if either is refused by the reader, or if the name is that of no format that is read.
pub fn compare(
    filename: &str,
    published: &Bytes,
    rebuilt: &Bytes,
    limits: &Limits,
) -> Result<Comparison, CompareError> {
    let theirs = published::open(filename, published, limits).map_err(CompareError::Published)?;
    let mut comparison = Comparison {
        format: Comparison::FORMAT,
        verdict: Verdict::Identical,
        published: Sha256::of(published),
        rebuilt: Sha256::of(rebuilt),
        replay: None,
        normalisations: Vec::new(),
        differences: Vec::new(),
    };
    if comparison.published == comparison.rebuilt {
        return Ok(comparison);
    }
    let ours = published::open(filename, rebuilt, limits).map_err(CompareError::Rebuilt)?;
    match replayed(&theirs, ours.contents(), &replay::Limits::from(limits)) {
        Ok(replayed) => {
            comparison.verdict = Verdict::Replayed;
            comparison.replay = Some(Replay::Reproduced { notes: replayed.notes() });
        }
        Err(refusal) => {
            comparison.replay = Some(Replay::Failed { why: refusal.to_string() });
            let family = Family::of(filename).unwrap_or(Family::Python);
            let found = members(family, theirs.contents(), ours.contents());
            settle(&mut comparison, found, &theirs, &ours);
        }
    }
    Ok(comparison)
}

fn replayed(theirs: &Archive, ours: &Contents, limits: &replay::Limits) -> Result<Replayed, ReplayRefusal> {
    match theirs {
        Archive::Zip(theirs) => replay::replay(theirs, ours, limits),
        Archive::TarGz(theirs) => replay::tar_gz::replay(theirs, ours, limits),
    }
}

/// What comparing member by member found.
#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
    fired: BTreeMap<&'static str, (&'static str, Vec<String>)>,
}

impl Found {
    fn fire(&mut self, (id, cites): (&'static str, &'static str), path: &str) {
        self.fired.entry(id).or_insert((cites, Vec::new())).1.push(path.to_owned());
    }

    fn report(&mut self, mut difference: Difference, alarming: bool) {
        difference.alarming = alarming || !difference.class.explains();
        self.differences.push(difference);
    }
}

fn members(family: Family, theirs: &Contents, ours: &Contents) -> Found {
    let mut found = Found::default();
    let (mut our_twins, mut their_twins) = (None, None);
    let bundled = native::bundled(theirs);
    let paths: BTreeSet<&String> = theirs.members.keys().chain(ours.members.keys()).collect();
    for path in paths {
        match (theirs.get(path), ours.get(path)) {
            (Some(a), Some(b)) if a.bytes == b.bytes => {}
            (Some(_), Some(_)) if family == Family::Python && record::is_record(path) => {
                compare_records(&mut found, path, theirs, ours);
            }
            (Some(a), Some(b)) => {
                let compiled = || native::classify(&a.bytes, &b.bytes, &bundled);
                let meaning = || kinds::by_meaning(family, path, theirs, ours).or_else(compiled);
                let rules = normalise::equalising(family, path, &a.bytes, &b.bytes);
                for rule in &rules {
                    found.fire((rule.id, rule.cites), path);
                }
                if rules.is_empty() {
                    let (difference, alarming) = classify::both(family, path, (a, b), meaning());
                    found.report(difference, alarming);
                    continue;
                }
            }
            (Some(a), None) => {
                let twins = our_twins.get_or_insert_with(|| Twins::of(ours));
                let (difference, alarming) = classify::only_published(family, path, a, twins);
                found.report(difference, alarming);
            }
            (None, Some(b)) => {
                let twins = their_twins.get_or_insert_with(|| Twins::of(theirs));
                found.report(classify::only_rebuilt(family, path, b, twins), false);
            }
            (None, None) => {}
        }
        if let (Some(a), Some(b)) = (theirs.get(path), ours.get(path))
            && let Some(difference) = mode::difference(path, a, b)
        {
            found.report(difference, false);
        }
    }
    if family == Family::Python {
        check_equal_record(&mut found, theirs, ours);
    }
    found
}

/// A `RECORD` that both have, while their members differ, is wrong about one of them.
fn check_equal_record(found: &mut Found, theirs: &Contents, ours: &Contents) {
    let Some(path) = record::path(theirs) else { return };
    let equal = theirs.get(path).map(|member| &member.bytes) == ours.get(path).map(|member| &member.bytes);
    if equal && !(record::check(theirs).is_empty() && record::check(ours).is_empty()) {
        compare_records(found, path, theirs, ours);
    }
}

/// Two `RECORD` files that each describe their own wheel differ only because the wheels do.
fn compare_records(found: &mut Found, path: &str, theirs: &Contents, ours: &Contents) {
    let (wrong, side) = match (record::check(theirs), record::check(ours)) {
        (problems, _) if !problems.is_empty() => (problems, "published"),
        (_, problems) if !problems.is_empty() => (problems, "rebuilt"),
        _ => return found.fire(WHEEL_RECORD, path),
    };
    let first: Vec<String> = wrong.iter().take(5).map(ToString::to_string).collect();
    let more = wrong.len().saturating_sub(first.len());
    let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let detail = format!("the {side} RECORD does not describe its wheel: {}{rest}", first.join("; "));
    let (Some(a), Some(b)) = (theirs.get(path), ours.get(path)) else { return };
    found.report(classify::difference(path, DifferenceClass::RecordMismatch, a, b, detail), true);
}

/// The verdict below `replayed`.
fn settle(comparison: &mut Comparison, found: Found, theirs: &Archive, ours: &Archive) {
    comparison.normalisations = found
        .fired
        .into_iter()
        .map(|(id, (cites, members))| normalise::fired((id, cites), members))
        .collect();
    if found.differences.is_empty() {
        comparison.normalisations.push(container(theirs, ours));
        comparison.verdict = Verdict::Normalised;
    } else {
        comparison.verdict = if found.differences.iter().any(|difference| difference.alarming) {
            Verdict::Unexplained
        } else {
            Verdict::Explained
        };
    }
    comparison.differences = found.differences;
}

/// The container differs too: otherwise the digests would be equal, or the replay would have succeeded.
fn container(theirs: &Archive, ours: &Archive) -> Normalisation {
    match (theirs, ours) {
        (Archive::Zip(theirs), Archive::Zip(ours)) => {
            normalise::fired(ZIP_CONTAINER, only_theirs(&zip_facts(theirs), &zip_facts(ours)))
        }
        (Archive::TarGz(theirs), Archive::TarGz(ours)) => {
            normalise::fired(TAR_GZ_CONTAINER, only_theirs(&tar_facts(theirs), &tar_facts(ours)))
        }
        // Both were opened under one name.
        _ => normalise::fired(ZIP_CONTAINER, Vec::new()),
    }
}

/// The members whose facts are not on our side.
fn only_theirs<T: PartialEq>(theirs: &[(String, T)], ours: &[(String, T)]) -> Vec<String> {
    theirs.iter().filter(|fact| !ours.contains(fact)).map(|fact| fact.0.clone()).collect()
}

fn zip_facts(archive: &zip::Archive) -> Vec<(String, impl PartialEq)> {
    let fact = |entry: &zip::Entry| {
        let header = &entry.central.header;
        (header.method, header.time, header.date, header.flags, entry.central.external)
    };
    archive.entries.iter().map(|entry| (entry.path.clone(), fact(entry))).collect()
}

fn tar_facts(archive: &tar_gz::Archive) -> Vec<(String, tar_gz::Header)> {
    archive.entries.iter().map(|entry| (entry.path.clone(), entry.header)).collect()
}
