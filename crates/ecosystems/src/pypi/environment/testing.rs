//! Small stand-ins for this module's own tests: a shelf of projects and an interpreter.

use super::Projects;
use crate::pypi::interpreter::{Interpreter, PythonVersion};
use async_trait::async_trait;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::fetch::FetchError;
use trustmill_core::release::Project;

/// A CPython 3.11 that is mounted.
pub(crate) fn interpreter() -> Interpreter {
    Interpreter {
        version: PythonVersion { major: 3, minor: 11, micro: 7 },
        executable: "/opt/py/bin/python3.11".into(),
        prefix: "/opt/py".into(),
        sha256: Sha256::of(b"python"),
        shared: false,
    }
}

/// Projects with one wheel per version.
pub(crate) struct Shelf(Vec<(&'static str, &'static str, &'static str)>);

impl Shelf {
    /// `(name, version, upload time)`.
    pub(crate) fn new(rows: &[(&'static str, &'static str, &'static str)]) -> Self {
        Self(rows.to_vec())
    }
}

#[async_trait]
impl Projects for Shelf {
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        let files: Vec<Artifact> = self
            .0
            .iter()
            .filter(|(project, _, _)| *project == name)
            .map(|(project, version, uploaded)| Artifact {
                filename: format!("{project}-{version}-py3-none-any.whl"),
                kind: ArtifactKind::Portable,
                version: (*version).to_owned(),
                sha256: None,
                size: None,
                upload_time: Some(uploaded.parse().unwrap()),
                url: String::new(),
                yanked: None,
                requires_runtime: None,
                metadata_sha256: None,
                integrity: None,
                hints: std::collections::BTreeMap::new(),
            })
            .collect();
        if files.is_empty() {
            return Err(FetchError::NotFound { url: name.to_owned() });
        }
        Ok(Arc::new(Project { name: name.to_owned(), files, versions: Vec::new() }))
    }
}
