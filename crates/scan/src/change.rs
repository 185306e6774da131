//! What a release changed against the one before: words that the rules of the family `Change` share.

use crate::facts::{Capability, Use};
use crate::package::{File, Package};
use std::collections::BTreeSet;
use trustmill_core::scan::When;

/// A release, and the one before.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The release.
    pub now: &'a Package,
    /// The one before.
    pub before: &'a Package,
}

impl<'a> Change<'a> {
    /// `None` where no release before is known.
    pub fn of(now: &'a Package) -> Option<Self> {
        now.previous.as_deref().map(|before| Self { now, before })
    }

    /// Files that can run by themselves, with what they were before; those with the same bytes are left out.
    pub fn code(self) -> impl Iterator<Item = (&'a File, Option<&'a File>)> {
        self.now.code().filter_map(move |file| {
            let before = self.file_before(file);
            (before.is_none_or(|before| before.bytes != file.bytes)).then_some((file, before))
        })
    }

    /// What a file was before: the one at its path, or the only one of its name and bytes where it moved.
    pub fn file_before(self, file: &File) -> Option<&'a File> {
        self.before.file(&file.path).or_else(|| {
            let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
            self.before
                .files
                .iter()
                .find(|other| other.bytes == file.bytes && name(&other.path) == name(&file.path))
        })
    }

    /// What the release before could do, wherever in its code.
    pub fn could(self) -> BTreeSet<Capability> {
        self.before.code().flat_map(|file| &file.facts.uses).map(|one| one.capability).collect()
    }

    /// Uses in a file that neither this file nor any other of the release before had.
    pub fn new_uses(self, file: &'a File, before: Option<&'a File>) -> impl Iterator<Item = &'a Use> {
        file.facts.uses.iter().filter(move |one| {
            let same = |other: &Use| other.capability == one.capability && other.api == one.api;
            before.is_none_or(|before| !before.facts.uses.iter().any(same))
        })
    }

    /// Whether the release says of itself that it mends and adds nothing.
    pub fn is_patch(self) -> bool {
        let version = |package: &Package| {
            let told = if package.version.is_empty() { &package.manifest.version } else { &package.version };
            told.clone()
        };
        is_patch(&version(self.before), &version(self.now), &self.now.ecosystem)
    }
}

/// Whether code runs without anybody asking for it.
pub const fn runs_by_itself(when: When) -> bool {
    !matches!(when, When::Never | When::Called)
}

/// Whether a version is a patch release of another, by the shape that its registry's projects give their versions.
pub fn is_patch(before: &str, now: &str, ecosystem: &str) -> bool {
    let (Some(before), Some(now)) = (numbers(before), numbers(now)) else { return false };
    match ecosystem {
        // Cargo's and npm's caret: in 0.x the second number is the one that breaks.
        "cargo" | "npm" => before.len() == 3 && now.len() == 3 && before.get(..2) == now.get(..2),
        // PyPI: the third number, or a post-release.
        _ => before.len() >= 2 && before.get(..2) == now.get(..2),
    }
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    let release = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut numbers = Vec::new();
    for part in release.split('.').take(6) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        match digits.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => break,
        }
    }
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_patch_release_is_known_by_its_version() {
        for (before, now, ecosystem) in [
            ("1.2.3", "1.2.4", "npm"),
            ("0.3.1", "0.3.2", "cargo"),
            ("2.1", "2.1.post1", "pypi"),
            ("8.1.0", "8.1.1", "pypi"),
        ] {
            assert!(is_patch(before, now, ecosystem), "{before} {now}");
        }
        for (before, now, ecosystem) in [("1.2.3", "1.3.0", "npm"), ("1", "2", "pypi"), ("", "1.0.0", "npm")]
        {
            assert!(!is_patch(before, now, ecosystem), "{before} {now}");
        }
    }

    proptest! {
        #[test]
        fn no_version_breaks_it(before in "\\PC{0,20}", now in "\\PC{0,20}") {
            is_patch(&before, &now, "npm");
        }
    }
}
