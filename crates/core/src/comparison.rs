//! What a comparison of a rebuilt with a published artefact found.

use crate::{Sha256, Verdict};
use serde::{Deserialize, Serialize};

/// A rule that makes two encodings of the same content equal. Each cites the text that allows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Normalisation {
    /// Stable name: `wheel-record-order`.
    pub id: String,
    /// The specification that makes it sound.
    pub cites: String,
    /// The members it touched.
    pub members: Vec<String>,
}

/// What kind of difference was found. A stable word; `docs/verdicts.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceClass {
    /// The published artefact has a file that the source does not build.
    OnlyPublished,
    /// The source builds a file that the published artefact does not have.
    OnlyRebuilt,
    /// Same text but for `CR LF` against `LF`: the publisher built on Windows.
    LineEndings,
    /// A file is executable on one side only, or a mode bit beyond `rwx` differs.
    ExecutableBit,
    /// Only fields that the back end's version writes differ (`Generator`, `Metadata-Version`, field order).
    GeneratorMetadata,
    /// Metadata that a resolver acts on differs: requirements, extras, entry points, supported Pythons.
    Dependencies,
    /// An absolute path of the build's machine differs.
    BuildPath,
    /// A date or time that the build wrote differs.
    BuildTime,
    /// A version string that source control wrote differs.
    VersionStamp,
    /// `RECORD` does not describe the archive it is in.
    RecordMismatch,
    /// What runs when a package is installed or built differs: lifecycle scripts, `binding.gyp`, `build.rs`.
    InstallScript,
    /// The features of a crate differ.
    Features,
    /// Other fields of a manifest differ (`package.json`, `Cargo.toml`).
    Manifest,
    /// `Cargo.lock` differs, which no dependent reads.
    PublishedLock,
    /// The commit that the packer recorded differs (`.cargo_vcs_info.json`).
    VcsInfo,
    /// JavaScript that a bundler, minifier or compiler wrote differs.
    BuildOutput,
    /// A source map differs.
    SourceMap,
    /// Type declarations differ (`.d.ts`).
    Declarations,
    /// A file for people differs: licence, read-me, change log.
    Documentation,
    /// The platforms that a wheel names differ as builds and bundling tools name them: `linux` against `manylinux`.
    PlatformTag,
    /// Two compiled files differ in what no loader maps: debugging information, build id, the compiler's name.
    NativeMetadata,
    /// Two compiled files differ as a bundling tool changes them: names, search paths and places of tables.
    NativeLinking,
    /// Compiled code differs, another compiler is named, and what it takes, gives and starts is the same.
    NativeCompiler,
    /// Compiled code or data differs, and another compiler does not account for it.
    NativeCode,
    /// What a compiled file takes from others, gives to them or starts by itself differs.
    NativeInterface,
    /// The published artefact carries a library that the source does not build.
    BundledLibrary,
    /// The bytes of a file differ, and no other class fits.
    Content,
}

impl DifferenceClass {
    /// Whether this class explains itself: knowing it, a reader knows why the files differ.
    pub const fn explains(self) -> bool {
        !matches!(
            self,
            Self::Content
                | Self::RecordMismatch
                | Self::InstallScript
                | Self::BuildOutput
                | Self::NativeCode
                | Self::NativeInterface
                | Self::BundledLibrary
        )
    }

    /// The word in tables and attestations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnlyPublished => "only-published",
            Self::OnlyRebuilt => "only-rebuilt",
            Self::LineEndings => "line-endings",
            Self::ExecutableBit => "executable-bit",
            Self::GeneratorMetadata => "generator-metadata",
            Self::Dependencies => "dependencies",
            Self::BuildPath => "build-path",
            Self::BuildTime => "build-time",
            Self::VersionStamp => "version-stamp",
            Self::RecordMismatch => "record-mismatch",
            Self::InstallScript => "install-script",
            Self::Features => "features",
            Self::Manifest => "manifest",
            Self::PublishedLock => "published-lock",
            Self::VcsInfo => "vcs-info",
            Self::BuildOutput => "build-output",
            Self::SourceMap => "source-map",
            Self::Declarations => "declarations",
            Self::Documentation => "documentation",
            Self::PlatformTag => "platform-tag",
            Self::NativeMetadata => "native-metadata",
            Self::NativeLinking => "native-linking",
            Self::NativeCompiler => "native-compiler",
            Self::NativeCode => "native-code",
            Self::NativeInterface => "native-interface",
            Self::BundledLibrary => "bundled-library",
            Self::Content => "content",
        }
    }
}

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The member's path.
    pub member: String,
    /// What kind of difference it is.
    pub class: DifferenceClass,
    /// Whether it leaves the pair unexplained, whatever its class: code that runs on one side alone, metadata
    /// that a resolver acts on.
    pub alarming: bool,
    /// Digest of the published member's bytes, if it is there.
    pub published: Option<Sha256>,
    /// Digest of the rebuilt member's bytes, if it is there.
    pub rebuilt: Option<Sha256>,
    /// One sentence for a reader.
    pub detail: String,
    /// A unified diff (published against rebuilt) where both are text; cut at a limit, and says so.
    pub diff: Option<String>,
}

/// What came of putting our members into the published container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    /// The published digest came out.
    Reproduced {
        /// What the replay did beyond order, times, modes and compression parameters: `RECORD` written again
        /// from our members, a compressed stream that inflates to our bytes taken over as it is.
        notes: Vec<String>,
    },
    /// It did not, or was refused.
    Failed {
        /// Why.
        why: String,
    },
}

/// The result of comparing one rebuilt artefact with the published one: a pure function of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Version of this record's shape.
    pub format: u32,
    /// The place on the ladder.
    pub verdict: Verdict,
    /// SHA-256 of the published artefact.
    pub published: Sha256,
    /// SHA-256 of the rebuilt artefact, before any replay.
    pub rebuilt: Sha256,
    /// What came of the replay; `None` where the rebuild was identical and none was needed.
    pub replay: Option<Replay>,
    /// The normalisations that fired, in order.
    pub normalisations: Vec<Normalisation>,
    /// What still differs.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// The version of the shape that this code writes.
    pub const FORMAT: u32 = 1;
}
