//! Pins gathered: each release once, with the digests that all its entries accept.

use super::error;
use super::graph::Draft;
use super::text::shown;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use trustmill_core::digest::Checksum;
use trustmill_core::lockfile::{LockfileError, Pin, Pins, Scope, Skipped};
use trustmill_core::{Purl, Sha256};

/// The pins of a lockfile in the making.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pins: Vec<Pin>,
    by_purl: HashMap<Purl, usize>,
    skipped: Vec<Skipped>,
    /// Who needs whom.
    pub(super) graph: Draft,
}

/// One release as an entry pins it.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    /// Subresource Integrity as written.
    pub(super) integrity: Option<&'a str>,
    pub(super) scope: Scope,
    pub(super) licence: Option<&'a str>,
}

impl Gathered {
    /// Adds a release. A tree holds one release in many places; they all have the same digest.
    pub(super) fn pin(&mut self, entry: &Entry<'_>, origin: &str) -> Result<(), LockfileError> {
        check_name(entry.name, origin)?;
        check_version(entry.version, origin)?;
        let promised = entry.integrity.map(|text| integrity(text, origin)).transpose()?.unwrap_or_default();
        let hashes = promised.iter().filter_map(sha256).collect();
        let checksums: Vec<Checksum> = promised.into_iter().filter(|one| sha256(one).is_none()).collect();
        let purl = Purl::release("npm", entry.name, entry.version);
        let known = self.by_purl.get(&purl).and_then(|at| self.pins.get_mut(*at));
        if let Some(pin) = known {
            return merge(pin, hashes, checksums, entry.scope, origin);
        }
        self.by_purl.insert(purl.clone(), self.pins.len());
        let licence = entry.licence.map(str::to_owned);
        self.pins.push(Pin {
            purl,
            hashes,
            checksums,
            scope: entry.scope,
            licence,
            origin: origin.to_owned(),
        });
        Ok(())
    }

    /// Notes an entry that is not secured.
    pub(super) fn skip(&mut self, entry: &str, origin: &str, why: impl Into<String>) {
        let entry = shown(entry);
        self.skipped.push(Skipped { entry, origin: origin.to_owned(), why: why.into(), own: false });
    }

    /// Notes the project's own folders.
    pub(super) fn own(&mut self, entry: &str, origin: &str, why: impl Into<String>) {
        let entry = shown(entry);
        self.skipped.push(Skipped { entry, origin: origin.to_owned(), why: why.into(), own: true });
    }

    /// What was gathered.
    pub(super) fn finish(self) -> Pins {
        let graph = self.graph.finish(|purl| self.by_purl.contains_key(purl));
        Pins { pins: self.pins, skipped: self.skipped, graph }
    }
}

const fn sha256(checksum: &Checksum) -> Option<Sha256> {
    match checksum {
        Checksum::Sha256(digest) => Some(*digest),
        Checksum::Sha1(_) | Checksum::Sha512(_) => None,
    }
}

fn merge(
    pin: &mut Pin,
    hashes: Vec<Sha256>,
    checksums: Vec<Checksum>,
    scope: Scope,
    origin: &str,
) -> Result<(), LockfileError> {
    // The order of `Scope` is that of need: what something needs to run is needed to run.
    pin.scope = pin.scope.min(scope);
    if hashes.is_empty() && checksums.is_empty() {
        return Ok(());
    }
    if pin.hashes.is_empty() && pin.checksums.is_empty() {
        (pin.hashes, pin.checksums) = (hashes, checksums);
        return Ok(());
    }
    if pin.hashes == hashes && pin.checksums == checksums {
        return Ok(());
    }
    let what = format!("{} has another digest here than at {}", pin.purl, pin.origin);
    Err(error::contradiction(origin, what))
}

/// The digests of the strongest algorithm, any of which is accepted: Subresource Integrity
/// (<https://www.w3.org/TR/sri-2/#parse-metadata>), as npm's `ssri` reads it.
pub(super) fn integrity(text: &str, origin: &str) -> Result<Vec<Checksum>, LockfileError> {
    let bad =
        |part: &str| error::integrity(origin, format!("{:?} is no digest that is checked", shown(part)));
    let mut all: Vec<Checksum> = Vec::new();
    let mut other = None;
    for part in text.split_ascii_whitespace() {
        let (algorithm, rest) = part.split_once('-').ok_or_else(|| bad(part))?;
        let raw = STANDARD.decode(rest.split('?').next().unwrap_or_default()).map_err(|_| bad(part))?;
        if matches!(algorithm, "sha1" | "sha256" | "sha512") {
            all.push(Checksum::new(algorithm, &raw).ok_or_else(|| bad(part))?);
        } else {
            other = Some(part);
        }
    }
    if all.is_empty() {
        return Err(bad(other.unwrap_or(text)));
    }
    let strongest = all.iter().map(|one| one.as_bytes().len()).max();
    all.retain(|one| Some(one.as_bytes().len()) == strongest);
    all.sort();
    all.dedup();
    Ok(all)
}

/// A name that the registry may hold (<https://docs.npmjs.com/cli/configuring-npm/package-json#name>); upper
/// case is allowed, as old names have it.
pub(super) fn check_name(name: &str, origin: &str) -> Result<(), LockfileError> {
    let part = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!*'()".contains(&byte);
        !text.is_empty() && !text.starts_with(['.', '_']) && text.bytes().all(plain)
    };
    let parts = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/'),
        None => Some(("scope", name)),
    };
    if name.len() <= 214 && parts.is_some_and(|(scope, name)| part(scope) && part(name)) {
        return Ok(());
    }
    Err(error::syntax(origin, format!("{:?} is no package name", shown(name))))
}

fn check_version(version: &str, origin: &str) -> Result<(), LockfileError> {
    let shaped = version.starts_with(|c: char| c.is_ascii_digit())
        && version.len() <= 256
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.+".contains(&byte));
    if shaped && semver::Version::parse(version).is_ok() {
        return Ok(());
    }
    Err(error::syntax(origin, format!("{:?} is no version", shown(version))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_algorithm_counts() {
        let sha1 = "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
        let sha256 = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let both = integrity(&format!("{sha1} {sha256}?opt"), "f:1").unwrap();
        assert_eq!(both.len(), 1);
        assert!(both[0].matches(b"abc"));
        assert_eq!(integrity(sha1, "f:1").unwrap()[0].algorithm(), "sha1");
        for bad in ["", "sha512-", "sha512-AAAA", "md5-AAAA", "junk", "sha1-!!"] {
            assert_eq!(integrity(bad, "f:1").unwrap_err().code, "TM0205", "{bad:?}");
        }
    }

    #[test]
    fn names_that_no_registry_holds_are_refused() {
        for good in ["a", "@a/b", "JSONStream", "lodash.merge", "@types/node"] {
            check_name(good, "f:1").unwrap();
        }
        for bad in ["", "__proto__", ".", "..", "a/b", "@a", "@/b", "@a/", "@a/../b", "a b", "a\\b", "é"] {
            assert_eq!(check_name(bad, "f:1").unwrap_err().code, "TM0202", "{bad:?}");
        }
    }
}
