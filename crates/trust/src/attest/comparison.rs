//! How a rebuild compares with the published file: our own predicate, described in `docs/attestations.md`.
//!
//! It holds the facts from which the verdict follows, so that a verifier derives the verdict again and
//! need not believe it. It holds no policy: whether a verdict is good enough is for the reader to say.

use super::statement::{Resource, Statement};
use super::{AttestError, json};
use serde::{Deserialize, Serialize};
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass};
use trustmill_core::comparison::{DifferenceClass, Normalisation, Replay};
use trustmill_core::recipe::{Origin, SourceKind};
use trustmill_core::{Purl, Sha256, Verdict};

/// The predicate's type; another meaning, and that includes a new word, is another URI.
pub const PREDICATE_TYPE: &str = "urn:x-trustmill:predicate:comparison:v2";

/// The type before it, which lacked the words for compiled files. What was signed as it still counts.
pub const PREDICATE_TYPE_1: &str = "urn:x-trustmill:predicate:comparison:v1";

/// The words that version 1 did not have.
const SINCE_2: [DifferenceClass; 7] = [
    DifferenceClass::PlatformTag,
    DifferenceClass::NativeMetadata,
    DifferenceClass::NativeLinking,
    DifferenceClass::NativeCompiler,
    DifferenceClass::NativeCode,
    DifferenceClass::NativeInterface,
    DifferenceClass::BundledLibrary,
];

/// The published file that a comparison is about.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Its release.
    pub purl: &'a Purl,
    /// Its name.
    pub filename: &'a str,
    /// Its digest.
    pub sha256: Sha256,
}

/// The predicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The release.
    pub purl: Purl,
    /// The place on the ladder.
    pub verdict: Verdict,
    /// Why the mill did not try, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The best comparison, where a build gave something to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Compared>,
    /// Every try, in order: those that failed too.
    pub attempts: Vec<Try>,
}

/// What was compared and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The published file: the statement's subject.
    pub published: Resource,
    /// What the build made, before any replay: the subject of a provenance.
    pub rebuilt: Resource,
    /// What came of the replay; absent if none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// The normalisations that fired, each with the text that allows it.
    pub normalisations: Vec<Normalisation>,
    /// What still differs.
    pub differences: Vec<Differs>,
}

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Differs {
    /// Its path in the archive.
    pub member: String,
    /// What kind of difference it is.
    pub class: DifferenceClass,
    /// Whether it leaves the pair unexplained.
    pub alarming: bool,
    /// Digest of the published member, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Sha256>,
    /// Digest of the rebuilt member, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt: Option<Sha256>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Try {
    /// SHA-256 of the canonical JSON of its recipe.
    pub recipe: Sha256,
    /// Who wrote the recipe.
    pub origin: Origin,
    /// What it built from.
    pub source: SourceKind,
    /// How it ended.
    pub ended: Ended,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It gave a file, which compared like this.
    Compared(Verdict),
    /// It gave a file that was compared with nothing.
    Built,
    /// It gave nothing.
    Failed(FailureClass),
}

impl Comparison {
    /// The verdict that follows from the facts: a pure function, the one that a verifier runs.
    ///
    /// Same digest: `identical`. Something differs: `explained` if every class explains itself
    /// and nothing is alarming, else `unexplained`. Nothing differs and the replay gave the published digest: `replayed`. Nothing differs
    /// but the replay did not, or a rule had to fire: `normalised`. No file to compare: `build-failed` if
    /// something was tried, else what is claimed, as long as it is `no-source` or `not-attempted`.
    pub fn derive(&self) -> Verdict {
        let Some(result) = &self.result else {
            return match self.verdict {
                claim @ (Verdict::NoSource | Verdict::NotAttempted) if self.attempts.is_empty() => claim,
                _ if self.attempts.is_empty() => Verdict::NotAttempted,
                _ => Verdict::BuildFailed,
            };
        };
        result.derive()
    }
}

impl Comparison {
    /// Whether every word of it is one of version 1.
    pub fn is_of_version_1(&self) -> bool {
        let differences = self.result.iter().flat_map(|result| &result.differences);
        differences.into_iter().all(|difference| !SINCE_2.contains(&difference.class))
    }
}

impl Compared {
    fn derive(&self) -> Verdict {
        let same = self.published.sha256().is_some() && self.published.sha256() == self.rebuilt.sha256();
        let loud = |difference: &Differs| difference.alarming || !difference.class.explains();
        if same && self.differences.is_empty() {
            Verdict::Identical
        } else if same || self.differences.iter().any(loud) {
            // The same bytes cannot differ: a statement that says both is explained by nothing.
            Verdict::Unexplained
        } else if !self.differences.is_empty() {
            Verdict::Explained
        } else if self.normalisations.is_empty() && matches!(self.replay, Some(Replay::Reproduced { .. })) {
            Verdict::Replayed
        } else {
            Verdict::Normalised
        }
    }

    fn of(published: &Published<'_>, comparison: &trustmill_core::comparison::Comparison) -> Self {
        Self {
            published: Resource::file(published.filename, comparison.published),
            rebuilt: Resource::file(published.filename, comparison.rebuilt),
            replay: comparison.replay.clone(),
            normalisations: comparison.normalisations.clone(),
            differences: comparison
                .differences
                .iter()
                .map(|difference| Differs {
                    member: difference.member.clone(),
                    class: difference.class,
                    alarming: difference.alarming,
                    published: difference.published,
                    rebuilt: difference.rebuilt,
                })
                .collect(),
        }
    }
}

impl Try {
    fn of(attempt: &Attempt) -> Result<Self, json::EncodeError> {
        Ok(Self {
            recipe: json::digest(&attempt.recipe)?,
            origin: attempt.recipe.origin,
            source: attempt.recipe.source,
            ended: match &attempt.result {
                AttemptResult::Compared(comparison) => Ended::Compared(comparison.verdict),
                AttemptResult::Built { .. } => Ended::Built,
                AttemptResult::Failed { class, .. } => Ended::Failed(*class),
            },
        })
    }
}

/// What the attempts say of a published file: the strongest comparison counts, since one build that gives
/// the published bytes proves that the source gives them. Without any comparison it is `build-failed`.
///
/// # Errors
/// [`AttestError::NothingTried`] without attempts, [`AttestError::OtherFile`] if an attempt was compared
/// with another file, [`AttestError::Contradiction`] if a verdict does not follow from its facts.
pub fn of_attempts(
    published: &Published<'_>,
    attempts: &[Attempt],
) -> Result<Statement<Comparison>, AttestError> {
    let filename = published.filename.to_owned();
    if attempts.is_empty() {
        return Err(AttestError::NothingTried { filename, verdict: Verdict::BuildFailed });
    }
    let mut compared = attempts.iter().filter_map(comparison_of);
    if compared.any(|comparison| comparison.published != published.sha256) {
        return Err(AttestError::OtherFile { filename });
    }
    let best = strongest(attempts).and_then(comparison_of);
    let predicate = Comparison {
        purl: published.purl.clone(),
        verdict: best.map_or(Verdict::BuildFailed, |comparison| comparison.verdict),
        reason: None,
        result: best.map(|comparison| Compared::of(published, comparison)),
        attempts: attempts.iter().map(Try::of).collect::<Result<_, _>>()?,
    };
    consistent(published, predicate)
}

/// That nothing was tried for a published file, and why.
///
/// # Errors
/// [`AttestError::NothingTried`] if `verdict` is neither `no-source` nor `not-attempted`.
pub fn of_none(
    published: &Published<'_>,
    verdict: Verdict,
    reason: &str,
) -> Result<Statement<Comparison>, AttestError> {
    if !matches!(verdict, Verdict::NoSource | Verdict::NotAttempted) {
        return Err(AttestError::NothingTried { filename: published.filename.to_owned(), verdict });
    }
    let predicate = Comparison {
        purl: published.purl.clone(),
        verdict,
        reason: Some(reason.to_owned()),
        result: None,
        attempts: Vec::new(),
    };
    consistent(published, predicate)
}

/// The attempt whose comparison counts: the strongest verdict, then the fewest differences, then the first.
/// The provenance that goes with the statement is this attempt's.
pub fn strongest(attempts: &[Attempt]) -> Option<&Attempt> {
    let compared = attempts.iter().filter_map(|attempt| comparison_of(attempt).map(|found| (attempt, found)));
    compared.min_by_key(|(_, found)| strength(found)).map(|(attempt, _)| attempt)
}

/// Orders comparisons of one file, the strongest first. Whoever chooses the attempt that a provenance is
/// made of goes by this order: a statement counts only beside the provenance of the attempt it rests on.
pub const fn strength(comparison: &trustmill_core::comparison::Comparison) -> (Verdict, usize) {
    (comparison.verdict, comparison.differences.len())
}

fn comparison_of(attempt: &Attempt) -> Option<&trustmill_core::comparison::Comparison> {
    match &attempt.result {
        AttemptResult::Compared(comparison) => Some(comparison),
        AttemptResult::Built { .. } | AttemptResult::Failed { .. } => None,
    }
}

fn consistent(
    published: &Published<'_>,
    predicate: Comparison,
) -> Result<Statement<Comparison>, AttestError> {
    let (claimed, derived) = (predicate.verdict, predicate.derive());
    if claimed != derived {
        let filename = published.filename.to_owned();
        return Err(AttestError::Contradiction { filename, claimed, derived });
    }
    let subject = Resource::file(published.filename, published.sha256);
    Ok(Statement::about(subject, PREDICATE_TYPE, predicate))
}
