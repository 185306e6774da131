//! Decide: which verdict the attempts prove. Pure.

use super::Archive;
use super::fetch::Refused;
use super::rebuild::{Climb, Rung};
use super::source::Found;
use crate::facts::Problem;
use trustmill_core::Verdict;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::port::ecosystem::Subject;
use trustmill_core::source::SourceProblem;
use trustmill_trust::attest::comparison::strength;

/// What is known of one file when the work on it ends.
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// One sentence for a reader.
    pub(crate) detail: String,
    pub(crate) published: Option<trustmill_core::Sha256>,
    pub(crate) found: Found,
    pub(crate) rungs: Vec<Rung>,
    /// Which of the rungs the verdict rests on.
    pub(crate) best: Option<usize>,
    /// The published file must not be served, and why.
    pub(crate) hostile: Option<Refused>,
    /// The cause lies outside of the release and may pass.
    pub(crate) provisional: bool,
}

impl Finding {
    fn new(verdict: Verdict, detail: String) -> Self {
        let found = Found::default();
        let (published, rungs, best, hostile) = (None, Vec::new(), None, None);
        Self { verdict, detail, published, found, rungs, best, hostile, provisional: false }
    }

    /// The rung that the verdict rests on.
    pub(crate) fn best(&self) -> Option<&Rung> {
        self.best.and_then(|index| self.rungs.get(index))
    }
}

/// A file that the mill leaves alone.
pub(super) fn left(subject: &Subject, reason: &str) -> Finding {
    let published = subject.artifact.as_ref().and_then(|artifact| artifact.sha256);
    Finding { published, ..Finding::new(Verdict::NotAttempted, reason.to_owned()) }
}

/// A file whose release can have no source here.
pub(super) fn left_without_source(subject: &Subject) -> Finding {
    let published = subject.artifact.as_ref().and_then(|artifact| artifact.sha256);
    Finding { published, ..without_source(None, None) }
}

/// A file of a release whose source is not known, and why.
pub(super) fn without_source(published: Option<&Archive>, problem: Option<&Problem>) -> Finding {
    let detail = problem.map_or_else(
        || "the release publishes no source archive".to_owned(),
        |problem| format!("{}: {}", problem.class.as_str(), problem.detail),
    );
    let provisional = is_passing(problem);
    let published = published.map(|archive| archive.digest);
    Finding { published, provisional, ..Finding::new(Verdict::NoSource, detail) }
}

/// Whether a problem with the source may be gone the next time.
fn is_passing(problem: Option<&Problem>) -> bool {
    problem.is_some_and(|problem| problem.class == SourceProblem::Unreachable)
}

/// A file whose release has an uploaded source that is hostile or malformed.
pub(super) fn bad_source(published: Option<&Archive>, refused: &Refused) -> Finding {
    let detail = format!("bad-source: the source archive is refused: {}", refused.why);
    let published = published.map(|archive| archive.digest);
    Finding { published, ..Finding::new(Verdict::BuildFailed, detail) }
}

/// A published file that is refused before anything is built.
pub(super) fn hostile(refused: Refused) -> Finding {
    let detail = format!("bad-published: the published file is refused: {}", refused.why);
    Finding {
        published: Some(refused.digest),
        hostile: Some(refused),
        ..Finding::new(Verdict::BuildFailed, detail)
    }
}

/// The strongest claim that any attempt proves; of equal ones, the one with the fewest differences.
pub(super) fn from_rungs(climb: Climb) -> Finding {
    let Climb { published, found, rungs } = climb;
    let provisional = is_passing(found.problem.as_ref());
    let published = published.map(|archive| archive.digest);
    let best = rungs.iter().enumerate().min_by_key(|(_, rung)| rank(&rung.attempt)).map(|(index, _)| index);
    let (verdict, detail) = best.and_then(|index| rungs.get(index)).map_or_else(
        || (Verdict::BuildFailed, "no recipe could be inferred".to_owned()),
        |rung| conclude(&rung.attempt),
    );
    Finding { published, found, rungs, best, provisional, ..Finding::new(verdict, detail) }
}

/// The verdict that one attempt proves, and a sentence about it.
fn conclude(attempt: &Attempt) -> (Verdict, String) {
    match &attempt.result {
        AttemptResult::Compared(comparison) => (comparison.verdict, describe(comparison)),
        AttemptResult::Built { filename, .. } => {
            (Verdict::Built, format!("only source is published; the mill built {filename}"))
        }
        AttemptResult::Failed { class, detail } => {
            (Verdict::BuildFailed, format!("{}: {detail}", class.as_str()))
        }
    }
}

/// Orders attempts, best first.
fn rank(attempt: &Attempt) -> (Verdict, usize) {
    match &attempt.result {
        AttemptResult::Compared(comparison) => strength(comparison),
        AttemptResult::Built { .. } => (Verdict::Built, 0),
        AttemptResult::Failed { .. } => (Verdict::BuildFailed, 0),
    }
}

/// One sentence about a comparison.
fn describe(comparison: &trustmill_core::comparison::Comparison) -> String {
    match comparison.verdict {
        Verdict::Identical => "the rebuild is the published file, byte for byte".into(),
        Verdict::Replayed => "our member bytes in the published container give the published SHA-256".into(),
        Verdict::Normalised => {
            let ids: Vec<_> = comparison.normalisations.iter().map(|rule| rule.id.as_str()).collect();
            format!("equal after {}", ids.join(", "))
        }
        _ => {
            let mut differences = comparison.differences.iter();
            let shown: Vec<_> = differences
                .by_ref()
                .take(3)
                .map(|difference| format!("{} ({})", difference.member, difference.class.as_str()))
                .collect();
            match differences.count() {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        }
    }
}
