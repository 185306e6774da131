//! Where a release says that it came from, and what was found there.

mod address;

pub use address::{clean_address, clean_directory, is_on_forge};

use crate::Sha256;
use crate::content::Contents;
use crate::digest::from_hex;
use crate::package::Artifact;
use crate::recipe::SourceKind;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a git object: 20 bytes (SHA-1) or 32 (SHA-256), shown in lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Vec<u8>);

/// Why a text is not the name of a git object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the 40 or 64 hexadecimal digits of a git object, got {got:?}")]
pub struct ParseObjectIdError {
    /// The text, cut to 80 characters.
    pub got: String,
}

impl ObjectId {
    /// The name that git gives to a file of these bytes, in the object format of SHA-1.
    pub fn blob(bytes: &[u8]) -> Self {
        use sha1::Digest as _;
        let mut hasher = sha1::Sha1::new();
        hasher.update(format!("blob {}\0", bytes.len()));
        hasher.update(bytes);
        Self(hasher.finalize().to_vec())
    }

    /// Whether git gives this name to an object of this kind (`blob`, `tree`, `commit`) with these bytes, in the object
    /// format that the name's width shows.
    pub fn names(&self, kind: &str, bytes: &[u8]) -> bool {
        let head = format!("{kind} {}\0", bytes.len());
        match self.0.len() {
            20 => {
                use sha1::Digest as _;
                let hasher = sha1::Sha1::new().chain_update(&head).chain_update(bytes);
                hasher.finalize().as_slice() == self.0.as_slice()
            }
            _ => {
                let mut hasher = crate::digest::Hasher::new();
                hasher.update(head.as_bytes());
                hasher.update(bytes);
                hasher.finish().as_bytes().as_slice() == self.0.as_slice()
            }
        }
    }

    /// Bytes of the name: 20 or 32.
    pub fn width(&self) -> usize {
        self.0.len()
    }

    /// The first 12 digits: for people, never for comparison.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = ParseObjectIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let raw = if matches!(text.len(), 40 | 64) { from_hex(text) } else { None };
        raw.map(Self).ok_or_else(|| ParseObjectIdError { got: text.chars().take(80).collect() })
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a release's own metadata says of its source. A claim of the publisher: nothing is checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceClaim {
    /// The repository as an address that git understands (`https://…`, `ssh://…`, `file://…`), cleaned of what
    /// registries write around it (`git+`, `#readme`, `/tree/main/…`). Credentials MUST have been removed.
    pub repository: String,
    /// The package's folder below the root, `/`-separated and clean; empty at the root.
    pub directory: String,
    /// The commit that the publisher's tool recorded.
    pub commit: Option<ObjectId>,
    /// Whether the tool recorded that the work tree had changes which no commit holds.
    pub dirty: bool,
    /// Tags that the project may use for this version, likeliest first.
    pub tags: Vec<String>,
    /// Where this is said, for a reader: `.cargo_vcs_info.json`, `Project-URL: Source`.
    pub stated_by: String,
}

/// How the commit of a release was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// The publisher's tool recorded it, and a branch or tag of the repository reaches it.
    Recorded,
    /// A tag of this name leads to it.
    Tag(String),
    /// Of the commits before the upload it is the newest whose tree holds the archive's files: so many of them.
    Content {
        /// Files of the archive that the tree holds.
        held: u32,
        /// Files of the archive that were looked for.
        of: u32,
    },
}

/// Why a release's source is not known. Every case has a class; none is passed over in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceProblem {
    /// The metadata names no repository.
    NoRepository,
    /// The address is none that the mill reads: another system than git, an unknown scheme, a local path.
    UnusableAddress,
    /// The repository does not exist, or asks for a login.
    RepositoryGone,
    /// The forge cannot be reached from here.
    Unreachable,
    /// A limit on size, depth or time was hit.
    TooLarge,
    /// The recorded commit is not in the named repository.
    CommitMissing,
    /// The commit is there, and no branch or tag leads to it: anybody's fork may have put it there.
    CommitUnreached,
    /// The tag led to another commit when it was first seen.
    TagMoved,
    /// Nothing is recorded, no tag fits, and no commit holds the files.
    NoCommit,
    /// The package's folder is not in the commit's tree.
    NoDirectory,
    /// Git's answer is hostile or malformed.
    Malformed,
}

impl SourceProblem {
    /// The word in facts and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRepository => "no-repository",
            Self::UnusableAddress => "unusable-address",
            Self::RepositoryGone => "repository-gone",
            Self::Unreachable => "unreachable",
            Self::TooLarge => "too-large",
            Self::CommitMissing => "commit-missing",
            Self::CommitUnreached => "commit-unreached",
            Self::TagMoved => "tag-moved",
            Self::NoCommit => "no-commit",
            Self::NoDirectory => "no-directory",
            Self::Malformed => "malformed",
        }
    }
}

/// One entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// The object.
    pub id: ObjectId,
    /// What it is.
    pub kind: TreeKind,
    /// Bytes; 0 for a submodule, and where a partial mirror has the name only.
    pub size: u64,
}

/// What a tree's entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// A file, mode 100644.
    File,
    /// A file, mode 100755.
    Executable,
    /// A symbolic link; the blob is its target. Never followed by the mill's own reader.
    Symlink,
    /// Another repository's commit. Never fetched.
    Submodule,
}

/// A commit and the names in its tree: as it stands in the object store, before any filter, attribute or
/// hook could touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The commit.
    pub commit: ObjectId,
    /// When it was committed, by the committer's own clock.
    pub committed: Timestamp,
    /// The commits that it was made on top of, as it names them; they need not be here.
    pub parents: Vec<ObjectId>,
    /// Path to entry, paths clean, relative and `/`-separated.
    pub files: BTreeMap<String, TreeFile>,
    /// Entries whose path or mode no archive may hold, each with the reason. They are not in `files`.
    pub refused: Vec<(String, String)>,
}

/// A commit that was brought here, with the content of its files.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The address as it was fetched, the mirror map not applied.
    pub repository: String,
    /// The commit's tree.
    pub tree: Arc<Tree>,
    /// The package's folder; empty at the root.
    pub directory: String,
    /// How the commit was found.
    pub found_by: FoundBy,
}

/// The source of a release, opened.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where the bytes come from.
    pub from: SourceFrom,
    /// The files: of an archive with its single top folder removed; of a commit the whole tree, symbolic links
    /// that stay inside it resolved to what they lead to.
    pub contents: Arc<Contents>,
}

/// Where a source's bytes come from.
#[derive(Debug, Clone)]
pub enum SourceFrom {
    /// An archive that the publisher uploaded.
    Archive {
        /// As the registry lists it.
        artifact: Box<Artifact>,
        /// Its digest.
        sha256: Sha256,
    },
    /// A commit.
    Git(Checkout),
}

impl Source {
    /// An archive that the publisher uploaded.
    pub fn uploaded(artifact: Artifact, sha256: Sha256, contents: Arc<Contents>) -> Self {
        Self { from: SourceFrom::Archive { artifact: Box::new(artifact), sha256 }, contents }
    }

    /// The word for attestations.
    pub const fn kind(&self) -> SourceKind {
        match self.from {
            SourceFrom::Archive { .. } => SourceKind::Sdist,
            SourceFrom::Git(_) => SourceKind::Git,
        }
    }

    /// The archive, if this is one.
    pub const fn archive(&self) -> Option<(&Artifact, &Sha256)> {
        match &self.from {
            SourceFrom::Archive { artifact, sha256 } => Some((artifact, sha256)),
            SourceFrom::Git(_) => None,
        }
    }

    /// The commit, if this is one.
    pub const fn checkout(&self) -> Option<&Checkout> {
        match &self.from {
            SourceFrom::Archive { .. } => None,
            SourceFrom::Git(checkout) => Some(checkout),
        }
    }
}

/// The opened sources of a release: what the publisher uploaded, what the repository holds, or both.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The uploaded archive.
    pub archive: Option<Arc<Source>>,
    /// The commit.
    pub git: Option<Arc<Source>>,
}

impl Sources {
    /// The source that a recipe builds from.
    pub fn of(&self, kind: SourceKind) -> Option<&Arc<Source>> {
        match kind {
            SourceKind::Sdist => self.archive.as_ref(),
            SourceKind::Git => self.git.as_ref(),
        }
    }
}

/// How an uploaded source archive compares with the repository that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCheck {
    /// Files of the archive that the commit holds, byte for byte, at the same path.
    pub equal: u32,
    /// Every other file of the archive, by path.
    pub findings: Vec<SourceFinding>,
}

impl SourceCheck {
    /// Whether the archive holds nothing but what the commit holds and what known tools generate.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.class.is_accounted_for())
    }
}

/// One file of an uploaded archive that does not stand so in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFinding {
    /// The path in the archive, its single top folder removed.
    pub path: String,
    /// What it is.
    pub class: SourceFindingClass,
    /// One sentence for a reader.
    pub detail: String,
}

/// How a file of an uploaded archive differs from the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceFindingClass {
    /// Not in the commit; a known tool writes it when it makes the archive.
    Generated,
    /// In the commit with other bytes; a known tool writes it when it makes the archive.
    Rewritten,
    /// The same text with other line endings.
    LineEndings,
    /// A licence or read-me file that the commit holds at another path, byte for byte.
    Moved,
    /// In the commit with other bytes.
    Modified,
    /// Nowhere in the commit.
    Extra,
    /// Executable in the archive, not in the commit.
    MadeExecutable,
}

impl SourceFindingClass {
    /// The word in facts and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Rewritten => "rewritten",
            Self::LineEndings => "line-endings",
            Self::Moved => "moved",
            Self::Modified => "modified",
            Self::Extra => "extra",
            Self::MadeExecutable => "made-executable",
        }
    }

    /// Whether the file holds nothing that did not come from the commit or from a known tool.
    pub const fn is_accounted_for(self) -> bool {
        matches!(self, Self::Generated | Self::Rewritten | Self::LineEndings | Self::Moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_the_name_that_git_gives_it() {
        assert_eq!(ObjectId::blob(b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(ObjectId::blob(b"hello\n").to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_name_fits_its_object_only() {
        let sha1 = ObjectId::blob(b"hello\n");
        let sha256 = "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4";
        for name in [&sha1, &sha256.parse().unwrap()] {
            assert!(name.names("blob", b"hello\n"), "{name}");
            assert!(!name.names("blob", b"hello") && !name.names("tree", b"hello\n"), "{name}");
        }
        assert_eq!(sha1.width(), 20);
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for text in ["", "HEAD", "ce01", "ce013625030ba8dba906f756967f9e9ca394464", "main~1"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }
}
