//! A packument in the words of the domain, for the building side.

use super::object::Object;
use super::{Listed, Packument, Tarball, read};
use crate::npm::{names, version};
use std::collections::BTreeMap;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::release::Project;
use url::Url;

/// What of a version's own text helps to infer a recipe.
const HINTS: [&str; 5] = ["gitHead", "_npmVersion", "_nodeVersion", "_hasShrinkwrap", "packageManager"];
/// Longest hint, in bytes.
const MAX_HINT: usize = 4096;

impl Packument {
    /// The package as the factory sees it. `body` is the one that was read.
    pub(crate) fn project(&self, registry: &Url, body: &str) -> Project {
        let files: Vec<Artifact> = self
            .versions
            .iter()
            .filter_map(|listed| Some((listed, self.url_of(registry, listed)?)))
            .map(|(listed, url)| self.artifact(listed, url, listed.span.of(body)))
            .collect();
        let mut versions: Vec<String> = files.iter().map(|file| file.version.clone()).collect();
        versions.sort_by(|a, b| version::compare(a, b));
        Project { name: self.name.clone(), files, versions }
    }

    /// Where a version's file is, if it may be asked for.
    pub(crate) fn url_of(&self, registry: &Url, listed: &Listed) -> Option<String> {
        match &listed.tarball {
            Tarball::Usual => {
                Some(registry.join(&read::usual_path(&self.name, &listed.version)).ok()?.into())
            }
            Tarball::At(url) => Some(url.to_string()),
            Tarball::Elsewhere => None,
        }
    }

    fn artifact(&self, listed: &Listed, url: String, raw: Option<&str>) -> Artifact {
        let manifest = raw.and_then(Object::read).unwrap_or_default();
        let hint = |key: &&str| {
            let value = manifest.text(key).map(std::borrow::Cow::into_owned);
            let value = value.or_else(|| manifest.get(key).filter(|raw| *raw == "true").map(str::to_owned));
            value.filter(|value| value.len() <= MAX_HINT).map(|value| ((*key).to_owned(), value))
        };
        let mut hints: BTreeMap<String, String> = HINTS.iter().filter_map(hint).collect();
        let part = |key: &str| manifest.get(key).and_then(Object::read);
        if let Some(name) =
            part("_npmUser").and_then(|user| user.text("name").map(std::borrow::Cow::into_owned))
        {
            hints.insert(Artifact::PUBLISHER.to_owned(), name.chars().take(MAX_HINT).collect());
        }
        if part("dist").is_some_and(|dist| dist.get("attestations").is_some()) {
            hints.insert(Artifact::PROVENANCE.to_owned(), "attestations".to_owned());
        }
        let engines = manifest.get("engines").and_then(Object::read).unwrap_or_default();
        Artifact {
            filename: names::filename(&self.name, &listed.version),
            kind: ArtifactKind::Portable,
            version: listed.version.to_string(),
            sha256: None,
            integrity: listed.promised.clone(),
            size: None,
            upload_time: listed.time,
            url,
            yanked: None,
            requires_runtime: engines.text("node").map(std::borrow::Cow::into_owned),
            metadata_sha256: None,
            hints,
        }
    }
}
