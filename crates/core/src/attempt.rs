//! One try at rebuilding an artefact.

use crate::comparison::Comparison;
use crate::port::sandbox::Layer;
use crate::recipe::Recipe;
use crate::source::{ObjectId, Source, SourceFrom};
use crate::{Purl, Sha256};
use serde::{Deserialize, Serialize};

/// Why a build gave nothing to compare. Every failure has a class; `Other` is a defect to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// No interpreter or tool of the wanted version is on this machine.
    MissingTool,
    /// The build dependencies cannot be resolved as of the wanted time.
    UnresolvableRequirements,
    /// The source archive is refused: hostile or malformed.
    BadSource,
    /// The published archive is refused: hostile or malformed.
    BadPublished,
    /// The back end cannot be imported or lacks the hook.
    BackendMissing,
    /// The back end ran and raised an error.
    BackendError,
    /// A module that the build imports is not in its declared environment.
    UndeclaredDependency,
    /// The build needs a compiler, header or program that the sandbox does not have.
    MissingNativeTool,
    /// The build tried to reach the network, and could not.
    NetworkDenied,
    /// The build hit its limit on wall time.
    TimedOut,
    /// The build hit its limit on memory.
    OutOfMemory,
    /// The build hit its limit on processes.
    TooManyProcesses,
    /// The build hit its limit on output, disk or inodes.
    OutputLimit,
    /// A signal ended the build.
    Killed,
    /// The build ended well and left no artefact, or more than one.
    NoArtifact,
    /// The build made a platform artefact where a portable one was published, or under another name.
    WrongArtifact,
    /// None of the above.
    Other,
}

impl FailureClass {
    /// The word in facts and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingTool => "missing-tool",
            Self::UnresolvableRequirements => "unresolvable-requirements",
            Self::BadSource => "bad-source",
            Self::BadPublished => "bad-published",
            Self::BackendMissing => "backend-missing",
            Self::BackendError => "backend-error",
            Self::UndeclaredDependency => "undeclared-dependency",
            Self::MissingNativeTool => "missing-native-tool",
            Self::NetworkDenied => "network-denied",
            Self::TimedOut => "timed-out",
            Self::OutOfMemory => "out-of-memory",
            Self::TooManyProcesses => "too-many-processes",
            Self::OutputLimit => "output-limit",
            Self::Killed => "killed",
            Self::NoArtifact => "no-artifact",
            Self::WrongArtifact => "wrong-artifact",
            Self::Other => "other",
        }
    }
}

/// CPU, wall time and memory of the processes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// User and system CPU, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    /// Largest resident set of one process, in KiB.
    pub max_rss_kib: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.cpu_ms += other.cpu_ms;
        self.wall_ms += other.wall_ms;
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
    }
}

/// Something the build was made with: a dependency, a tool, the source. A material of the provenance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Material {
    /// A package URL, `file:` with the name of a local tool, or `git+` with a repository's address and `@`
    /// with the commit.
    pub uri: String,
    /// Its digest.
    #[serde(flatten)]
    pub digest: MaterialDigest,
}

/// The digest of a material, in the names of in-toto's digest set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MaterialDigest {
    /// Of a file's bytes.
    #[serde(rename = "sha256")]
    Sha256(Sha256),
    /// The name of a commit object.
    #[serde(rename = "gitCommit")]
    GitCommit(ObjectId),
}

impl Material {
    /// A file.
    pub const fn file(uri: String, sha256: Sha256) -> Self {
        Self { uri, digest: MaterialDigest::Sha256(sha256) }
    }

    /// The source of `purl`: an archive that it publishes, or a commit.
    pub fn source(purl: &Purl, source: &Source) -> Self {
        match &source.from {
            SourceFrom::Archive { artifact, sha256 } => {
                Self::file(format!("{purl}?file={}", artifact.filename), *sha256)
            }
            SourceFrom::Git(checkout) => Self {
                uri: format!("git+{}@{}", checkout.repository, checkout.tree.commit),
                digest: MaterialDigest::GitCommit(checkout.tree.commit.clone()),
            },
        }
    }
}

/// One request that the fetch phase made through the mill's proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// `GET`, `HEAD`.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Answer's status.
    pub status: u16,
    /// Digest of the answer's body where it was a file.
    pub sha256: Option<Sha256>,
}

/// An install script of a dependency: what package managers run once they have unpacked it. A `binding.gyp` without a
/// script is one, too: npm then runs `node-gyp rebuild`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstallScript {
    /// Name and version of the dependency: `core-js@3.36.0`.
    pub package: String,
    /// `preinstall`, `install`, `postinstall`.
    pub event: String,
    /// The command, as the dependency states it.
    pub command: String,
}

/// How one try ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptResult {
    /// An artefact came out and was compared.
    Compared(Box<Comparison>),
    /// An artefact came out and there is nothing published to compare it with.
    Built {
        /// Its file name.
        filename: String,
        /// Its digest.
        sha256: Sha256,
    },
    /// Nothing came out.
    Failed {
        /// The class.
        class: FailureClass,
        /// One sentence for a reader.
        detail: String,
    },
}

/// One try: recipe, what it used, how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The recipe that was run.
    pub recipe: Recipe,
    /// How it ended.
    pub result: AttemptResult,
    /// Source, dependencies and tools by digest.
    pub materials: Vec<Material>,
    /// Requests of the fetch phase.
    pub requests: Vec<RecordedRequest>,
    /// Install scripts of dependencies that the recipe had run, in the sandbox, as they stood before anything ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install_scripts: Vec<InstallScript>,
    /// Isolation layers that were really on.
    pub layers: Vec<Layer>,
    /// What making the environment used (nothing, if it was there already).
    pub environment_usage: Usage,
    /// What the back end used.
    pub build_usage: Usage,
    /// Digest of the log in the blob store.
    pub log: Option<Sha256>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_written_as_it_is_shown() {
        use FailureClass as F;
        let all = [
            F::MissingTool,
            F::UnresolvableRequirements,
            F::BadSource,
            F::BadPublished,
            F::BackendMissing,
            F::BackendError,
            F::UndeclaredDependency,
            F::MissingNativeTool,
            F::NetworkDenied,
            F::TimedOut,
            F::OutOfMemory,
            F::TooManyProcesses,
            F::OutputLimit,
            F::Killed,
            F::NoArtifact,
            F::WrongArtifact,
            F::Other,
        ];
        for class in all {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }
}
