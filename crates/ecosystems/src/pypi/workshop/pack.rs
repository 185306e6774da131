//! Source and built distribution of a tree.

use super::wheel::Wheel;
use crate::pypi::Pypi;
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Usage};
use trustmill_core::content::Contents;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::Ecosystem as _;
use trustmill_core::port::ecosystem::{BuildFailure, BuildRequest, Evidence};
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::port::workshop::Bench;
use trustmill_core::source::{Source, Sources};

/// Recipes that are tried.
const TRIES: usize = 4;

/// A wheel that was built of a tree.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// Its file name.
    pub(super) name: String,
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// What is in it.
    pub(super) wheel: Arc<Wheel>,
    /// The Python that built it: `3.8`.
    pub(super) python: String,
}

impl Packed {
    /// Whether it is for one platform.
    pub(super) fn is_native(&self) -> bool {
        !self.name.ends_with("-any.whl")
    }
}

/// Builds the wheel of a tree, by the first recipe that does.
pub(super) async fn wheel(
    pypi: &Pypi,
    bench: &Bench<'_>,
    tree: &Contents,
) -> Result<Result<Packed, BuildFailure>, SandboxError> {
    let source = Source::uploaded(artifact(bench), Sha256::of(b""), Arc::new(tree.clone()));
    with_python(pypi, bench, Arc::new(source), None).await
}

/// Builds the wheel of a source archive, by the first recipe that does; with this Python, where one is named.
pub(super) async fn with_python(
    pypi: &Pypi,
    bench: &Bench<'_>,
    source: Arc<Source>,
    python: Option<&str>,
) -> Result<Result<Packed, BuildFailure>, SandboxError> {
    let sources = Sources { archive: Some(Arc::clone(&source)), git: None };
    let evidence = Evidence {
        purl: bench.release,
        published: None,
        sources: &sources,
        // Before then, what builds was hardly published as wheels, and environments are made of these.
        uploaded: bench.as_of.max(super::FIRST),
        remembered: &[],
    };
    let mut tried: Vec<Attempt> = Vec::new();
    let none = || BuildFailure { class: FailureClass::Other, detail: "no recipe could be inferred".into() };
    let mut last = none();
    for _ in 0..TRIES {
        let Some(mut recipe) = pypi.next_recipe(&evidence, &tried) else { break };
        if let Some(python) = python {
            recipe.tools.insert("python".to_owned(), python.to_owned());
        }
        let request = BuildRequest { purl: bench.release, recipe: &recipe, source: &source, expect: None };
        let build = pypi.build(request).await?;
        match build.result {
            Ok((name, bytes)) => {
                let Some(wheel) = Wheel::read(&bytes) else {
                    let detail = "the wheel that came out cannot be read".to_owned();
                    return Ok(Err(BuildFailure { class: FailureClass::WrongArtifact, detail }));
                };
                let python = recipe.tools.get("python").cloned().unwrap_or_default();
                return Ok(Ok(Packed { name, bytes, wheel: Arc::new(wheel), python }));
            }
            Err(failure) => {
                tracing::debug!(release = %bench.release, ?failure, "a recipe builds nothing");
                tried.push(failed(recipe, &failure));
                last = failure;
            }
        }
    }
    Ok(Err(last))
}

fn failed(recipe: trustmill_core::recipe::Recipe, failure: &BuildFailure) -> Attempt {
    Attempt {
        recipe,
        result: AttemptResult::Failed { class: failure.class, detail: failure.detail.clone() },
        materials: Vec::new(),
        requests: Vec::new(),
        install_scripts: Vec::new(),
        layers: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: None,
    }
}

/// `NAME-VERSION`, as PEP 625 spells it.
pub(super) fn stem(name: &str, version: &str) -> String {
    format!("{}-{version}", name.replace('-', "_"))
}

fn artifact(bench: &Bench<'_>) -> Artifact {
    let version = bench.release.version().unwrap_or_default();
    Artifact {
        filename: format!("{}.tar.gz", stem(&bench.release.name(), version)),
        kind: ArtifactKind::Source,
        version: version.to_owned(),
        sha256: None,
        size: None,
        upload_time: Some(bench.as_of),
        url: String::new(),
        yanked: None,
        requires_runtime: None,
        metadata_sha256: None,
        integrity: None,
        hints: BTreeMap::new(),
    }
}

/// The source archive of a tree: the same bytes for the same tree, on any day.
pub(super) fn sdist(tree: &Contents, stem: &str, as_of: i64) -> io::Result<Bytes> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(9));
    let mut archive = tar::Builder::new(gzip);
    for path in &tree.order {
        let Some(member) = tree.get(path) else { continue };
        let mut header = tar::Header::new_ustar();
        header.set_size(member.bytes.len() as u64);
        header.set_mode(if member.mode.unwrap_or(0o644) & 0o111 == 0 { 0o644 } else { 0o755 });
        header.set_mtime(u64::try_from(member.mtime.unwrap_or(as_of)).unwrap_or(0));
        archive.append_data(&mut header, format!("{stem}/{path}"), member.bytes.as_ref())?;
    }
    Ok(Bytes::from(archive.into_inner()?.finish()?))
}
