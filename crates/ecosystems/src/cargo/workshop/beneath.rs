//! What a crate stands on, compiled once for all runs of its tests. It is compiled for a crate of the same manifest in which
//! nothing is written, so that no code of the release, patched or not, ever has a hand in what another run gets.

use super::run::{self, Way};
use super::{Tests, manifest};
use crate::rust::{Crates, TARGET};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::sandbox::{Exit, InputFile, SandboxError};
use trustmill_core::port::workshop::Bench;
use trustmill_core::{Purl, Sha256};

/// The most that is kept of one release.
const MOST: u64 = 1 << 30;
/// What is good for a library, a program, a test and a build script alike.
const NOTHING: &[u8] = b"fn main() {}\n";

/// The files to lay into a run, from memory or compiled now; none where there is nothing to compile, or it fails alone.
pub(super) async fn get(
    tests: &Tests,
    bench: &Bench<'_>,
    tree: &Contents,
    crates: &Crates,
    way: Way<'_>,
) -> Result<Vec<InputFile>, SandboxError> {
    let is_crate = |uri: &str| uri.starts_with("pkg:cargo/") || uri.ends_with(".crate");
    if !crates.materials.iter().any(|material| is_crate(&material.uri)) {
        return Ok(Vec::new());
    }
    let bare = bare(tree, bench.release);
    let mut job = run::job(&bare, crates, Way { only: None, ..way }, tests.limits);
    let key = key(&bare, crates, &job.env);
    if let Some(files) = tests.rust.built(key).await {
        return Ok(files);
    }
    job.argv.push("--no-run".to_owned());
    job.collect = vec![TARGET.to_owned()];
    job.limits.output_bytes = MOST;
    let report = tests.sandbox.run(job).await?;
    let mut files = report.files;
    if report.exit != Exit::Code(0) {
        files.clear();
    }
    let name = bench.release.name();
    files.retain(|file| is_beneath(&file.path, &name));
    // Also where it failed, so that it is not tried before every run.
    tests.rust.keep_built(key, files).await;
    Ok(tests.rust.built(key).await.unwrap_or_default())
}

/// The crate with its manifest and nothing in its files. The version is always the same: nothing beneath depends on it.
fn bare(tree: &Contents, release: &Purl) -> Contents {
    let own = manifest::stated("the crate", tree).map(|stated| stated.version).unwrap_or_default();
    let mut bare =
        manifest::renumbered(tree, &release.name(), &own, "0.0.0").unwrap_or_else(|_| tree.clone());
    let sources: Vec<String> = bare.order.iter().filter(|path| path.ends_with(".rs")).cloned().collect();
    for path in sources {
        bare.set(&path, Some(Bytes::from_static(NOTHING)));
    }
    bare
}

/// What decides what comes out: the manifest, the crates and how they are compiled. Which tests there are does not.
fn key(bare: &Contents, crates: &Crates, env: &[(String, String)]) -> Sha256 {
    let texts = ["Cargo.toml", "Cargo.lock"].map(|path| bare.text(path).unwrap_or_default());
    let crates: Vec<_> = crates.materials.iter().map(|material| &material.digest).collect();
    let all = serde_json::json!({ "format": 1, "manifest": texts, "crates": crates, "env": env });
    Sha256::of(all.to_string().as_bytes())
}

/// Whether a file below the target folder is of a crate beneath: not of the empty one, which would be taken for the real.
fn is_beneath(path: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace('-', "_");
    let own = plain(name);
    let is_own = |part: &str| {
        let part = plain(part);
        let part = part.strip_prefix("lib").filter(|rest| rest.starts_with(&own)).unwrap_or(&part);
        part.strip_prefix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    let kept = ["deps", ".fingerprint", "build"];
    path.split('/').any(|part| kept.contains(&part)) && !path.split('/').any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_crate_itself_is_kept() {
        for path in [
            "debug/deps/kit_x-0123.d",
            "debug/deps/libkit_x-0123.rlib",
            "debug/.fingerprint/kit-x-0123/lib-kit_x",
            "debug/build/kit-x-0123/output",
            "debug/kit-x",
            "a-host/debug/deps/kit_x-0123",
        ] {
            assert!(!is_beneath(path, "kit-x"), "{path}");
        }
        for path in ["debug/deps/libkit-0123.rlib", "a-host/debug/.fingerprint/serde-0123/lib-serde"] {
            assert!(is_beneath(path, "kit-x"), "{path}");
        }
    }

    #[test]
    fn what_is_written_in_a_crate_and_its_version_change_nothing_beneath() {
        let release = Purl::release("cargo", "kit", "1.0.0");
        let tree = |version: &str, text: &'static str| {
            let mut tree = Contents::default();
            let manifest = format!("[package]\nname = \"kit\"\nversion = \"{version}\"\n");
            tree.set("Cargo.toml", Some(manifest.into()));
            tree.set("src/lib.rs", Some(Bytes::from_static(text.as_bytes())));
            bare(&tree, &release)
        };
        let one = tree("1.0.0", "fn a() {}");
        assert_eq!(one.members, tree("1.0.0+tm.1", "fn b() {}").members);
        assert_eq!(one.text("src/lib.rs"), Some("fn main() {}\n"));
    }
}
