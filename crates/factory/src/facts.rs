//! The facts that the pipeline writes, as types. Each kind has one struct, and its shape a version.

use crate::StepError;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trustmill_core::attempt::Usage;
use trustmill_core::fact::Fact;
use trustmill_core::package::Artifact;
use trustmill_core::recipe::Recipe;
use trustmill_core::scan::{Conclusion, Report};
use trustmill_core::source::{FoundBy, ObjectId, SourceCheck, SourceClaim, SourceProblem};
use trustmill_core::{Purl, Sha256, Verdict};

/// A kind of fact: its name in the records, and the newest version of its shape.
pub trait Kind: Serialize + DeserializeOwned {
    /// The name in the records.
    const NAME: &'static str;
}

/// What the registry lists for a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// Every file, source and platform builds included.
    pub files: Vec<Artifact>,
}

impl Kind for Listing {
    const NAME: &'static str = "release";
}

/// A recipe that gave the published bytes: the first guess for the project's other releases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Winner {
    /// The recipe.
    pub recipe: Recipe,
}

impl Kind for Winner {
    const NAME: &'static str = "winner";
}

/// Where the source of a release is, as far as it could be found out. The newest counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// What the release's own metadata says.
    pub claim: Option<SourceClaim>,
    /// The commit that counts as its source.
    pub commit: Option<ObjectId>,
    /// The package's folder in that commit.
    pub directory: Option<String>,
    /// How the commit was found.
    pub found_by: Option<FoundBy>,
    /// What is wrong with the claim: with a commit, a part of it; without, why there is none.
    pub problem: Option<Problem>,
    /// The file that was checked against the commit, and how they compare.
    pub checked: Option<(String, SourceCheck)>,
}

impl Kind for SourceReport {
    const NAME: &'static str = "source";
}

/// Why a source is not what the metadata says, or not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The class.
    pub class: SourceProblem,
    /// One sentence for a reader.
    pub detail: String,
}

/// The commit to which a tag led when it was first seen. About the project; the subject is repository and tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagSeen {
    /// The commit.
    pub commit: ObjectId,
}

impl Kind for TagSeen {
    const NAME: &'static str = "tag";
}

/// What serves a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Serves {
    /// Upstream's bytes, proven to be what the source builds.
    UpstreamProven,
    /// Upstream's bytes, with a weaker claim or none.
    Upstream,
    /// The mill's own build: upstream has none.
    Mill,
    /// Nothing: policy asks for a stronger claim.
    Refused,
    /// Nothing: the published file is hostile or malformed.
    Hostile,
}

impl Serves {
    /// The words in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamProven => "upstream, proven",
            Self::Upstream => "upstream",
            Self::Mill => "mill",
            Self::Refused => "refused",
            Self::Hostile => "refused (hostile)",
        }
    }
}

/// What the mill says of one file of a release. The newest per file counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The version of the pipeline that judged; another version judges again.
    pub pipeline: u32,
    /// When it was decided: a judgement that comes back after another one is a new fact.
    pub decided_at: Timestamp,
    /// The place on the ladder.
    pub verdict: Verdict,
    /// One sentence for a reader.
    pub detail: String,
    /// What serves the file.
    pub serves: Serves,
    /// Digest of the published file, if one is published.
    pub published: Option<Sha256>,
    /// Digest of the mill's own build, if there is one.
    pub rebuilt: Option<Sha256>,
    /// How many recipes were run.
    pub attempts: u32,
    /// The signed statements (JSON Lines of DSSE envelopes), in the blob store.
    pub bundle: Option<Sha256>,
    /// Whether the file is for one platform.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
    /// Whether the cause lies outside of the release and may pass (a forge out of reach): judged again after an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// What making environments used, over all attempts.
    pub environment_usage: Usage,
    /// What back ends used, over all attempts.
    pub build_usage: Usage,
}

impl Kind for Judgement {
    const NAME: &'static str = "judgement";
}

/// What the scanner says of a published file. About the release; the subject is the file's digest, and the newest per
/// digest counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// The rules that were applied.
    pub rules: String,
    /// The file's name.
    pub filename: String,
    /// When it was scanned: a report that comes back after another one is a new fact.
    pub at: Timestamp,
    /// What came of it.
    pub result: ScanResult,
}

/// What came of a scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanResult {
    /// A report, cut to a size that may be kept.
    Report(Box<Report>),
    /// None: the file broke the scanner, or is too large for it.
    Failed {
        /// The code of the cause.
        code: String,
        /// The cause.
        what: String,
    },
}

impl Kind for Scan {
    const NAME: &'static str = "scan";
}

impl Scan {
    /// What is concluded, if anything could be.
    pub fn conclusion(&self) -> Option<Conclusion> {
        match &self.result {
            ScanResult::Report(report) => Some(report.conclusion),
            ScanResult::Failed { .. } => None,
        }
    }

    /// The licence that the file's own metadata names.
    pub fn licence(&self) -> Option<&str> {
        match &self.result {
            ScanResult::Report(report) => report.licence.as_deref(),
            ScanResult::Failed { .. } => None,
        }
    }

    /// The word in policies: that of the conclusion, or `failed`.
    pub fn word(&self) -> &'static str {
        self.conclusion().map_or("failed", Conclusion::as_str)
    }

    /// How bad it is, for choosing the worst of several: what is not known is worse than a note.
    pub fn gravity(&self) -> u8 {
        match self.conclusion() {
            Some(Conclusion::Clear) => 0,
            Some(Conclusion::Note) => 1,
            None => 2,
            Some(Conclusion::Hold) => 3,
            Some(Conclusion::Block) => 4,
        }
    }

    /// Why, in one line: the weightiest finding with its place. Empty where nothing was found.
    pub fn reason(&self) -> String {
        match &self.result {
            ScanResult::Report(report) => match report.findings.first() {
                Some(finding) => format!("{}: {}", finding.place, finding.what),
                None => report.reason.clone(),
            },
            ScanResult::Failed { what, .. } => what.clone(),
        }
    }
}

/// The prints of a popular release's files of code, by which copies of it are known. The subject is the file's digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prints {
    /// As in [`Fingerprint`](trustmill_core::port::scanner::Fingerprint).
    pub files: std::collections::BTreeSet<u64>,
}

impl Kind for Prints {
    const NAME: &'static str = "prints";
}

/// Something that a person must look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Stable code.
    pub code: String,
    /// What happened.
    pub what: String,
}

impl Kind for Alarm {
    const NAME: &'static str = "alarm";
}

/// A fact about `purl`, ready to be appended.
pub fn fact<K: Kind>(purl: &Purl, subject: Option<&str>, at: Timestamp, body: &K) -> Result<Fact, StepError> {
    let body = serde_json::to_value(body).map_err(|error| StepError::Internal(error.to_string()))?;
    Ok(Fact {
        format: Fact::FORMAT,
        about: purl.clone(),
        kind: K::NAME.to_owned(),
        subject: subject.map(str::to_owned),
        at,
        body,
    })
}

/// Reads a fact back.
pub fn read<K: Kind>(fact: &Fact) -> Result<K, StepError> {
    K::deserialize(&fact.body).map_err(|error| StepError::Unreadable {
        kind: K::NAME,
        purl: Box::new(fact.about.clone()),
        why: error.to_string(),
    })
}

/// Every fact of a kind about `purl`, oldest first, with its subject.
pub async fn all<K: Kind>(
    records: &dyn trustmill_core::port::records::Records,
    purl: &Purl,
) -> Result<Vec<(Fact, K)>, StepError> {
    records
        .facts(purl, Some(K::NAME))
        .await?
        .into_iter()
        .map(|fact| read(&fact).map(|body| (fact, body)))
        .collect()
}
