//! Pieces of evidence for tests.

use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::content::{Contents, Member};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::source::{Checkout, FoundBy, ObjectId, Source, SourceFrom, Sources, Tree};

/// A tarball as a registry lists it.
pub(crate) fn artifact(name: &str, version: &str) -> Artifact {
    Artifact {
        filename: crate::npm::names::filename(name, version),
        kind: ArtifactKind::Portable,
        version: version.to_owned(),
        sha256: None,
        integrity: None,
        size: None,
        upload_time: None,
        url: String::new(),
        yanked: None,
        requires_runtime: None,
        metadata_sha256: None,
        hints: BTreeMap::new(),
    }
}

/// Files by path.
pub(crate) fn contents(files: &[(&str, &str)]) -> Contents {
    let mut contents = Contents::default();
    for (path, text) in files {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        contents.members.insert((*path).to_owned(), Member { bytes, mode: Some(0o644), mtime: None });
        contents.order.push((*path).to_owned());
    }
    contents
}

/// A commit of `committed` with these files, and the package in `directory`.
pub(crate) fn sources(files: &[(&str, &str)], directory: &str, committed: &str) -> Sources {
    let tree = Tree {
        commit: ObjectId::blob(b"a commit"),
        committed: committed.parse::<Timestamp>().unwrap(),
        parents: Vec::new(),
        files: BTreeMap::new(),
        refused: Vec::new(),
    };
    let checkout = Checkout {
        repository: "https://forge.example/demo".into(),
        tree: Arc::new(tree),
        directory: directory.to_owned(),
        found_by: FoundBy::Recorded,
    };
    let source = Source { from: SourceFrom::Git(checkout), contents: Arc::new(contents(files)) };
    Sources { archive: None, git: Some(Arc::new(source)) }
}
