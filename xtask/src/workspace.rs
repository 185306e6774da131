//! The workspace as cargo describes it.

use crate::report::Failure;
use crate::run::cargo;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// What `cargo metadata` says, as far as the tasks use it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// A dependency as a manifest declares it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None`, `"dev"` or `"build"`.
    pub(crate) kind: Option<String>,
    /// The folder, for a dependency of the workspace.
    pub(crate) path: Option<String>,
}

/// A library, binary, test or example.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Metadata {
    /// Our own packages, as their manifests describe them.
    pub(crate) fn ours() -> Result<Self, Failure> {
        Self::read(&["metadata", "--format-version", "1", "--no-deps"])
    }

    /// Every package that may be built on this machine, as its manifest describes it.
    pub(crate) fn everything() -> Result<Self, Failure> {
        let about = cargo(["--version", "--verbose"]).output()?;
        let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        // Without the filter cargo downloads what only other systems use.
        Self::read(&["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
    }

    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    fn read(arguments: &[&str]) -> Result<Self, Failure> {
        let json = cargo(arguments.iter().copied()).output()?;
        serde_json::from_str(&json)
            .map_err(|error| Failure::Shape { path: "cargo metadata".into(), source: error.into() })
    }
}

impl Package {
    /// The name without our prefix: `core` for `trustmill-core`.
    pub(crate) fn short(&self) -> &str {
        short(&self.name)
    }
}

/// The name without our prefix.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("trustmill-").unwrap_or(name)
}
