//! Decide: which verdict the attempts prove. Pure.

use super::Archive;
use super::fetch::Refused;
use super::rebuild::{Climb, Rung};
use std::sync::Arc;
use trustmill_core::Verdict;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::port::ecosystem::Subject;
use trustmill_trust::attest::comparison::strength;

/// What is known of one file when the work on it ends.
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// One sentence for a reader.
    pub(crate) detail: String,
    pub(crate) published: Option<trustmill_core::Sha256>,
    pub(crate) source: Option<Arc<Archive>>,
    pub(crate) rungs: Vec<Rung>,
    /// Which of the rungs the verdict rests on.
    pub(crate) best: Option<usize>,
    /// The published file must not be served, and why.
    pub(crate) hostile: Option<Refused>,
}

impl Finding {
    fn without_attempts(subject: &Subject, verdict: Verdict, detail: String) -> Self {
        let published = subject.artifact.as_ref().and_then(|artifact| artifact.sha256);
        Self { verdict, detail, published, source: None, rungs: Vec::new(), best: None, hostile: None }
    }

    /// The rung that the verdict rests on.
    pub(crate) fn best(&self) -> Option<&Rung> {
        self.best.and_then(|index| self.rungs.get(index))
    }
}

/// A file that the mill leaves alone.
pub(super) fn left(subject: &Subject, reason: &str) -> Finding {
    Finding::without_attempts(subject, Verdict::NotAttempted, reason.to_owned())
}

/// A file whose release publishes no source.
pub(super) fn without_source(subject: &Subject) -> Finding {
    let detail = "the release publishes no source archive".to_owned();
    Finding::without_attempts(subject, Verdict::NoSource, detail)
}

/// A published file that is refused before anything is built.
pub(super) fn hostile(subject: &Subject, refused: Refused) -> Finding {
    let detail = format!("bad-published: the published file is refused: {}", refused.why);
    Finding {
        published: Some(refused.digest),
        hostile: Some(refused),
        ..Finding::without_attempts(subject, Verdict::BuildFailed, detail)
    }
}

/// The strongest claim that any attempt proves; of equal ones, the one with the fewest differences.
pub(super) fn from_rungs(climb: Climb) -> Finding {
    let Climb { published, source, rungs, refused } = climb;
    let published = published.map(|archive| archive.digest);
    let best = rungs.iter().enumerate().min_by_key(|(_, rung)| rank(&rung.attempt)).map(|(index, _)| index);
    let (verdict, detail) = match (refused, best.and_then(|index| rungs.get(index))) {
        (Some(refused), _) => {
            (Verdict::BuildFailed, format!("bad-source: the source archive is refused: {}", refused.why))
        }
        (None, None) => (Verdict::BuildFailed, "no recipe could be inferred".to_owned()),
        (None, Some(rung)) => conclude(&rung.attempt),
    };
    Finding { verdict, detail, published, source, rungs, best, hostile: None }
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
