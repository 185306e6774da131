//! Pins gathered: each project once, at one version, with the digests that all its entries accept.

use super::error;
use super::source::{Hashes, shown};
use pep440_rs::Version;
use std::collections::HashMap;
use trustmill_core::lockfile::{Graph, LockfileError, Pin, Pins, Scope, Skipped};
use trustmill_core::{Purl, Sha256};

/// The pins of a lockfile in the making.
#[derive(Debug, Default)]
pub(super) struct PinSet {
    pins: Vec<(Version, Pin)>,
    by_name: HashMap<String, usize>,
    skipped: Vec<Skipped>,
    /// Whether the pins are those of several environments: then a project may have several versions.
    everywhere: bool,
}

impl PinSet {
    /// Pins of one environment, or of all that a lockfile is for.
    pub(super) fn new(everywhere: bool) -> Self {
        Self { everywhere, ..Self::default() }
    }

    /// Adds a release. The same release again is merged as pip does it (what both entries accept); another
    /// version of the same project is a contradiction, since one environment holds one.
    pub(super) fn pin(
        &mut self,
        name: &str,
        version: &Version,
        hashes: &[Sha256],
        origin: &str,
    ) -> Result<(), LockfileError> {
        let purl = Purl::release("pypi", name, &version.to_string());
        let key = if self.everywhere { purl.to_string() } else { purl.name() };
        let known = self.by_name.get(&key).and_then(|at| self.pins.get_mut(*at));
        let Some((pinned, pin)) = known else {
            self.by_name.insert(key, self.pins.len());
            let pin = Pin {
                purl,
                hashes: hashes.to_vec(),
                checksums: Vec::new(),
                scope: Scope::default(),
                licence: None,
                origin: origin.to_owned(),
            };
            self.pins.push((version.clone(), pin));
            return Ok(());
        };
        if pinned != version {
            let what = format!("{name} is pinned to {version} here and to {pinned} at {}", pin.origin);
            return Err(error::contradiction(origin, what));
        }
        if self.everywhere {
            // Each environment has its own files.
            let new =
                hashes.iter().filter(|digest| !pin.hashes.contains(digest)).copied().collect::<Vec<_>>();
            pin.hashes.extend(new);
            return Ok(());
        }
        pin.hashes = common(&pin.hashes, hashes).ok_or_else(|| {
            let what = format!("{name}=={version} has no digest in common with {}", pin.origin);
            error::contradiction(origin, what)
        })?;
        Ok(())
    }

    /// Notes an entry that is not secured.
    pub(super) fn skip(&mut self, entry: &str, origin: &str, why: impl Into<String>) {
        let entry = shown(entry);
        self.skipped.push(Skipped { entry, origin: origin.to_owned(), why: why.into(), own: false });
    }

    /// Notes the project itself.
    pub(super) fn own(&mut self, entry: &str, origin: &str, why: &str) {
        let entry = shown(entry);
        self.skipped.push(Skipped { entry, origin: origin.to_owned(), why: why.to_owned(), own: true });
    }

    /// The digests that can be checked. Other algorithms are noted beside SHA-256 and refused alone, where
    /// leaving them out would accept any file.
    pub(super) fn checkable(
        &mut self,
        entry: &str,
        hashes: Hashes,
        origin: &str,
    ) -> Result<Vec<Sha256>, LockfileError> {
        if let [first, ..] = hashes.others.as_slice() {
            if hashes.sha256.is_empty() {
                let what = format!("{:?} has {first} digests only; SHA-256 is what is checked", shown(entry));
                return Err(error::hashes(origin, what));
            }
            let why = format!("digests of {} are not checked, only SHA-256", hashes.others.join(", "));
            self.skip(entry, origin, why);
        }
        Ok(hashes.sha256)
    }

    /// What was gathered.
    pub(super) fn finish(self) -> Pins {
        Pins {
            pins: self.pins.into_iter().map(|(_, pin)| pin).collect(),
            skipped: self.skipped,
            graph: Graph::default(),
        }
    }
}

/// What both lists accept, where an empty list accepts anything; `None` if nothing is left.
pub(super) fn common(left: &[Sha256], right: &[Sha256]) -> Option<Vec<Sha256>> {
    match (left, right) {
        ([], some) | (some, []) => Some(some.to_vec()),
        _ => {
            let both: Vec<Sha256> = left.iter().filter(|digest| right.contains(digest)).copied().collect();
            (!both.is_empty()).then_some(both)
        }
    }
}
