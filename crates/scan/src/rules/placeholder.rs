//! A package that is none: there is nothing in it, or it says of itself that it only holds a name, warns or plays at an
//! attack. Whoever asks for it meant another one, or gets what its next release will be.

use super::{Found, Rule};
use crate::package::{File, Package};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct Placeholder;

/// Bytes of code that a package may have and still be taken at its word.
const SMALL: usize = 8 << 10;

impl Rule for Placeholder {
    fn id(&self) -> &'static str {
        "placeholder"
    }

    fn family(&self) -> Family {
        Family::DependencyConfusion
    }

    fn summary(&self) -> &'static str {
        "there is nothing in it, or it says that it only holds a name"
    }

    fn look(&self) -> &'static str {
        "which package was meant"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let code: usize = code(package).map(|file| file.bytes.len()).sum();
        if code <= SMALL
            && let Some((file, word)) = says(package)
        {
            let what = format!("says of itself what no package for use does: {word:?}");
            found.file(if file.when > When::Called { 78 } else { 84 }, file, what);
        }
        if package.ecosystem == "pypi" && is_empty(package) {
            found.place(
                74,
                When::Imported,
                Place::default(),
                "there is nothing in it: no code, no data, no dependency",
            );
        }
    }
}

/// Code that is there to be used.
fn code(package: &Package) -> impl Iterator<Item = &File> {
    package.files.iter().filter(|file| file.kind.is_code() && file.path != "setup.py")
}

/// Whether a source distribution has no more than what every one has. A wheel may be made of nothing for reasons of its own.
fn is_empty(package: &Package) -> bool {
    let named = |file: &File| {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path).to_ascii_lowercase();
        let stem = name.split('.').next().unwrap_or(&name);
        let about = ["readme", "license", "licence", "changelog", "changes", "history", "authors", "copying"];
        let built = ["setup", "pyproject", "manifest", "pkg-info", "metadata", "record", "wheel", "", "tox"];
        let kept = file.path.contains(".egg-info/") || file.path.contains(".dist-info/");
        kept || about.contains(&stem) || built.contains(&stem)
    };
    let blank = |file: &File| file.bytes.iter().all(u8::is_ascii_whitespace);
    // One that was cut, or did not open, is something else.
    let read = package.oddities.is_empty() && package.file("PKG-INFO").is_some();
    let nothing = package.files.iter().all(|file| named(file) || blank(file));
    let setup = package.file("setup.py").map_or(0, |file| file.bytes.len());
    read && nothing && setup <= 4 << 10 && package.manifest.dependencies.is_empty() && !requires(package)
}

/// Whether a source distribution names dependencies, which its metadata may leave out.
fn requires(package: &Package) -> bool {
    let named = package.files.iter().filter(|file| file.path.ends_with(".egg-info/requires.txt"));
    let said = ["setup.py", "setup.cfg", "pyproject.toml"].iter().filter_map(|path| package.file(path));
    let asks = |file: &File| {
        ["install_requires", "dependencies"]
            .iter()
            .any(|word| memchr::memmem::find(&file.bytes, word.as_bytes()).is_some())
    };
    named.count() > 0 || said.into_iter().any(asks)
}

/// What a package says where it speaks of itself and of nothing else.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| crate::flow::secret::matcher(SAYINGS));

/// Such words.
const SAYINGS: &[&str] = &[
    "not meant to be installed",
    "not intended to be installed",
    "not supposed to be installed",
    "you probably meant to install",
    "probably meant to install",
    "dependency confusion",
    "dependency-confusion",
    "typosquat",
    "typo-squat",
    "placeholder package",
    "package placeholder",
    "security placeholder",
    "security holding package",
    "dummy package",
    "stub package intended",
    "reserve the name",
    "reserve this name",
    "reserved name",
    "name squatting",
    "namesquat",
    "malicious package",
    "malicious pip",
    "malicious python package",
    "malicious npm",
    "evil package",
    "evil-package",
    "not-so-evil",
    "you have been pwned",
    "you have been hacked",
    "you've been hacked",
    "0wned",
    "hackerone",
    "bugcrowd",
    "bug bounty",
    "bugbounty",
    "for research purposes",
    "security research purposes",
    "supply chain attack",
    "supply-chain attack",
    "code execution via python package installation",
];

/// The first such words, in what a package says of itself or in its code.
fn says(package: &Package) -> Option<(&File, String)> {
    let matcher = WORDS.as_ref()?;
    let own = |file: &&File| {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path).to_ascii_lowercase();
        file.bytes.len() <= SMALL * 4
            && (file.kind.is_code()
                || name.starts_with("readme")
                || matches!(
                    name.as_str(),
                    "pkg-info" | "metadata" | "package.json" | "pyproject.toml" | "setup.cfg"
                ))
    };
    package.files.iter().filter(own).find_map(|file| {
        let found = matcher.find(&*file.bytes)?;
        let word = SAYINGS.get(found.pattern().as_usize())?;
        Some((file, (*word).to_owned()))
    })
}
