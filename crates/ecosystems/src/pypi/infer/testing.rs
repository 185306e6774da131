//! A published wheel and its source, made up in a few words for the rules' own tests.

use bytes::Bytes;
use jiff::Timestamp;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::content::{Contents, Member};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Recipe;
use trustmill_core::source::{Source, Sources};
use trustmill_core::{Purl, Sha256};

/// Contents from paths and texts.
pub(crate) fn contents(files: &[(&str, &str)]) -> Contents {
    let mut out = Contents::default();
    for (path, text) in files {
        insert(&mut out, path, text);
    }
    out
}

fn insert(contents: &mut Contents, path: &str, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    // Times differ, as those of a real build do.
    let mtime = Some(i64::try_from(contents.members.len()).unwrap());
    contents.members.insert(path.to_owned(), Member { bytes, mode: Some(0o100_644), mtime });
    contents.order.push(path.to_owned());
}

/// A release with one wheel and one source archive.
pub(in crate::pypi) struct World {
    purl: Purl,
    wheel: Artifact,
    sdist: Artifact,
    published: Contents,
    pub(super) source: Contents,
    uploaded: Timestamp,
    pub(super) remembered: Vec<Recipe>,
    sources: OnceCell<Sources>,
}

pub(in crate::pypi) fn artifact(filename: &str, kind: ArtifactKind) -> Artifact {
    Artifact {
        filename: filename.to_owned(),
        kind,
        version: "1.0".into(),
        sha256: None,
        size: None,
        upload_time: None,
        url: String::new(),
        yanked: None,
        requires_runtime: None,
        metadata_sha256: None,
        integrity: None,
        hints: BTreeMap::new(),
    }
}

impl World {
    /// demo 1.0, uploaded in June 2022, made by `generator`, its source a bare `setup.py`.
    pub(in crate::pypi) fn new(generator: &str) -> Self {
        let wheel = format!(
            "Wheel-Version: 1.0\nGenerator: {generator}\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"
        );
        let published = contents(&[("demo/__init__.py", ""), ("demo-1.0.dist-info/WHEEL", &wheel)]);
        Self {
            purl: Purl::release("pypi", "demo", "1.0"),
            wheel: artifact("demo-1.0-py3-none-any.whl", ArtifactKind::Portable),
            sdist: artifact("demo-1.0.tar.gz", ArtifactKind::Source),
            published,
            source: contents(&[
                ("setup.py", "from setuptools import setup; setup()"),
                ("demo/__init__.py", ""),
            ]),
            uploaded: "2022-06-01T12:00:00Z".parse().unwrap(),
            remembered: Vec::new(),
            sources: OnceCell::new(),
        }
    }

    pub(super) fn metadata(self, text: &str) -> Self {
        self.member("demo-1.0.dist-info/METADATA", text)
    }

    pub(super) fn member(mut self, path: &str, text: &str) -> Self {
        insert(&mut self.published, path, text);
        self
    }

    pub(super) fn source(mut self, path: &str, text: &str) -> Self {
        insert(&mut self.source, path, text);
        self.sources = OnceCell::new();
        self
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        self.purl = Purl::release("pypi", name, "1.0");
        self
    }

    pub(super) fn uploaded(mut self, at: &str) -> Self {
        self.uploaded = at.parse().unwrap();
        self
    }

    pub(super) fn at_one_time(mut self, seconds: i64) -> Self {
        self.published.members.values_mut().for_each(|member| member.mtime = Some(seconds));
        self
    }

    pub(in crate::pypi) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            purl: &self.purl,
            published: Some((&self.wheel, &self.published)),
            sources: self.sources.get_or_init(|| {
                let contents = Arc::new(self.source.clone());
                let source = Source::uploaded(self.sdist.clone(), Sha256::of(b"sdist"), contents);
                Sources { archive: Some(Arc::new(source)), git: None }
            }),
            uploaded: self.uploaded,
            remembered: &self.remembered,
        }
    }
}
