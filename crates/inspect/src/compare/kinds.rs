//! Differences that the kind of a file explains, or makes worse, in packages of JavaScript and Rust.

use super::{cargo_toml, package_json};
use crate::archive::published::Family;
use crate::manifest::json::Json;
use crate::normalise::is_package_json;
use trustmill_core::comparison::DifferenceClass;
use trustmill_core::content::Contents;

/// A class, a sentence, and whether it alarms.
pub(super) type Class = (DifferenceClass, String, bool);

/// A line longer than this was written by a minifier, or by a bundler.
const MINIFIED_LINE: usize = 1_000;
/// Folders into which bundlers and compilers write.
const OUTPUT: [&str; 9] = ["build", "bundles", "cjs", "dist", "es", "esm", "lib", "out", "umd"];
/// Stems of files for people.
const PEOPLE: [&str; 10] = [
    "authors",
    "changelog",
    "changes",
    "contributing",
    "copying",
    "history",
    "licence",
    "license",
    "notice",
    "readme",
];

/// Manifests, and files that a tool writes or a client runs: their meaning decides, before their text does.
pub(super) fn by_meaning(family: Family, path: &str, theirs: &Contents, ours: &Contents) -> Option<Class> {
    let (a, b) = (theirs.get(path)?, ours.get(path)?);
    let script = |what: &str| Some((DifferenceClass::InstallScript, format!("{what} differs"), true));
    match (family, path) {
        (Family::JavaScript, _) if is_package_json(path) => package_json::classify(&a.bytes, &b.bytes),
        (Family::JavaScript, "npm-shrinkwrap.json") => {
            let detail = "the lock that npm obeys even in a dependency differs".to_owned();
            Some((DifferenceClass::Dependencies, detail, true))
        }
        (Family::JavaScript, "binding.gyp") => script("what npm builds on installation"),
        (Family::Rust, "Cargo.toml") => {
            let side = |contents: &'_ Contents| contents.get("build.rs").is_some();
            let (a, b) = (&a.bytes[..], &b.bytes[..]);
            let (a, b) = (
                cargo_toml::Side { bytes: a, build_rs: side(theirs) },
                cargo_toml::Side { bytes: b, build_rs: side(ours) },
            );
            cargo_toml::classify(&a, &b)
        }
        (Family::Rust, "Cargo.lock") => {
            let detail = "Cargo reads it only in `cargo install --locked`; it is reported apart".to_owned();
            Some((DifferenceClass::PublishedLock, detail, false))
        }
        (Family::Rust, ".cargo_vcs_info.json") => Some(vcs_info(&a.bytes, &b.bytes)),
        (Family::Rust, "Cargo.toml.orig") => {
            let detail = "the manifest before Cargo rewrote it, which no tool reads, differs".to_owned();
            Some((DifferenceClass::Manifest, detail, false))
        }
        (Family::Rust, "build.rs") => script("the build script"),
        _ => None,
    }
}

/// What the kind of a file says, where its text says nothing.
pub(super) fn by_kind(family: Family, path: &str, published: &[u8], rebuilt: &[u8]) -> Option<Class> {
    if family == Family::Python {
        return None;
    }
    let lower = path.to_ascii_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
    let harmless = |class, what: &str| Some((class, format!("{what} differs"), false));
    let program = published.starts_with(b"#!") || rebuilt.starts_with(b"#!");
    if is_for_people(&lower) && !program {
        return harmless(DifferenceClass::Documentation, "a file for people");
    }
    if family == Family::Rust {
        return None;
    }
    if ends(&[".js.map", ".mjs.map", ".cjs.map", ".css.map", ".d.ts.map", ".d.mts.map", ".d.cts.map"]) {
        return harmless(DifferenceClass::SourceMap, "a source map, which only debuggers read,");
    }
    if ends(&[".d.ts", ".d.mts", ".d.cts"]) {
        return harmless(DifferenceClass::Declarations, "a file of type declarations, which never runs,");
    }
    if !ends(&[".js", ".mjs", ".cjs"]) {
        return None;
    }
    let minified = lower.contains(".min.") || is_minified(published) || is_minified(rebuilt);
    let folder = path.split('/').rev().skip(1).find(|part| OUTPUT.contains(part));
    let how = match (minified, folder) {
        (true, _) => "minified or bundled code differs".to_owned(),
        (false, Some(folder)) => format!("code differs in {folder}/, where compilers and bundlers write"),
        (false, None) => return None,
    };
    Some((DifferenceClass::BuildOutput, how, true))
}

fn is_minified(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| line.len() > MINIFIED_LINE)
}

/// Whether a file is for people; `path` is in lower case.
fn is_for_people(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, suffix) = name.split_once('.').unwrap_or((name, ""));
    let prose = matches!(suffix, "" | "md" | "markdown" | "txt" | "rst" | "adoc");
    let titled = PEOPLE.iter().any(|title| {
        stem.strip_prefix(title).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    });
    prose && (titled || matches!(suffix, "md" | "markdown"))
}

fn vcs_info(published: &[u8], rebuilt: &[u8]) -> Class {
    let (Some(a), Some(b)) = (Json::parse(published), Json::parse(rebuilt)) else {
        return (DifferenceClass::Content, "one side is no JSON".into(), true);
    };
    let git = |json: &Json, key: &str| json.get("git").and_then(|git| git.get(key)).cloned();
    let mut what = Vec::new();
    if git(&a, "sha1") != git(&b, "sha1") {
        what.push("the commit");
    }
    if git(&a, "dirty") != git(&b, "dirty") {
        what.push("whether the tree had changes that were not committed (`dirty`)");
    }
    if a.get("path_in_vcs") != b.get("path_in_vcs") {
        what.push("the folder of the crate");
    }
    if what.is_empty() {
        what.push("the spelling");
    }
    (
        DifferenceClass::VcsInfo,
        format!("what Cargo recorded of the repository differs: {}", what.join(", ")),
        false,
    )
}
