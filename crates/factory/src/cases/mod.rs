//! Misses are data: every attempt at a repair, by a strategy, a model or a person, with what went in and what came out.

pub mod contest;
pub mod curve;
pub mod export;
mod redact;
mod similar;
mod store;

pub use redact::{redact, redact_json, redact_secrets};
pub use similar::{Index, words};
pub use store::{CaseError, Cases};

use crate::facts::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::conversation::Tokens;
use trustmill_core::repair::{Judgement, Proposer, Ruling};
use trustmill_core::{Purl, Sha256, Timestamp};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The oracle took it, with a test that fails before and passes after.
    Proven,
    /// The oracle took it, without one.
    Unproven,
    /// The oracle refused it, or there was nothing to judge.
    Missed,
    /// A budget was spent.
    Spent,
    /// The model gave up, or led nowhere.
    GaveUp,
    /// A person took it over.
    TakenOver,
}

impl Outcome {
    /// The word in tables and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Missed => "missed",
            Self::Spent => "spent",
            Self::GaveUp => "gave-up",
            Self::TakenOver => "taken-over",
        }
    }
}

impl From<Ruling> for Outcome {
    fn from(ruling: Ruling) -> Self {
        match ruling {
            Ruling::Proven => Self::Proven,
            Ruling::Unproven => Self::Unproven,
            Ruling::Refused => Self::Missed,
        }
    }
}

/// One attempt. About the release; the subject is its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// The release.
    pub release: Purl,
    /// `backport` or `recipe`.
    pub kind: String,
    /// The class of the miss that it was to mend.
    pub class: String,
    /// What was wanted: an advisory, or a verdict.
    pub goal: String,
    /// What went in, by digest.
    pub inputs: BTreeMap<String, Sha256>,
    /// Who tried.
    pub by: Proposer,
    /// What was read and said, in the blob store: a log.
    pub log: Option<Sha256>,
    /// The session, where a model tried.
    pub session: Option<String>,
    /// The unified difference, in the blob store.
    pub patch: Option<Sha256>,
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence for a reader.
    pub why: String,
    /// What the oracle found, where it was asked.
    pub judgement: Option<Judgement>,
    /// What a model used.
    pub tokens: Tokens,
    /// What that cost, in millionths; `None` where the price is not known.
    pub cost_micros: Option<u64>,
    /// How long it took.
    pub millis: u64,
    /// When it ended.
    pub at: Timestamp,
}

impl Kind for Case {
    const NAME: &'static str = "case";
}

impl Case {
    /// Whether the oracle took it.
    pub const fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Proven | Outcome::Unproven)
    }

    /// What was tried, whoever tried it: attempts at the same thing are compared with each other.
    pub fn key(&self) -> String {
        format!("{} {} {}", self.kind, self.release, self.goal)
    }

    /// Whether it is kept out of everything that is learnt from: by the project, so that no release of a project is on
    /// both sides. A fifth of all projects.
    pub fn is_held_out(&self) -> bool {
        let project = self.release.without_version().to_string();
        Sha256::of(format!("held-out\0{project}").as_bytes())
            .as_bytes()
            .first()
            .is_some_and(|byte| *byte < 51)
    }

    /// Who tried, as contests and curves call them: `strategy:merge`, `model:anthropic/claude-sonnet-5`, `person`.
    pub fn contender(&self) -> String {
        match &self.by {
            Proposer::Strategy { name, .. } => format!("strategy:{name}"),
            Proposer::Model { provider, model, .. } => format!("model:{provider}/{model}"),
            Proposer::Person { .. } => "person".to_owned(),
        }
    }
}

/// The attempt that later took what this one missed, if one did.
pub fn later_fix<'a>(case: &Case, all: &'a [Case]) -> Option<&'a Case> {
    let key = case.key();
    all.iter()
        .find(|other| !case.is_accepted() && other.is_accepted() && other.at >= case.at && other.key() == key)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn case(id: &str, accepted: bool) -> Case {
        Case {
            id: id.into(),
            release: Purl::release("pypi", &format!("demo-{id}"), "1"),
            kind: "backport".into(),
            class: "not-carried".into(),
            goal: "GHSA-1".into(),
            inputs: BTreeMap::new(),
            by: Proposer::Strategy { name: "merge".into(), version: 1 },
            log: None,
            session: None,
            patch: None,
            outcome: if accepted { Outcome::Proven } else { Outcome::Missed },
            why: String::new(),
            judgement: None,
            tokens: Tokens::default(),
            cost_micros: Some(0),
            millis: 1000,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_miss_that_was_mended_later_knows_by_what() {
        let miss = case("a", false);
        let mended = Case { at: Timestamp::from_second(9).unwrap(), ..case("a", true) };
        let earlier = Case { at: Timestamp::from_second(-9).unwrap(), ..case("a", true) };
        let all = [earlier, case("b", true), miss.clone(), mended.clone()];
        assert_eq!(later_fix(&miss, &all), Some(&mended));
        assert_eq!(later_fix(&mended, &all), None);
    }

    #[test]
    fn a_fifth_of_the_projects_is_held_out_with_all_releases() {
        let held = (0..1000).filter(|n| case(&n.to_string(), true).is_held_out()).count();
        assert!((150..250).contains(&held), "{held}");
        let one = case("7", true);
        let other = Case { release: one.release.at("2.0"), ..one.clone() };
        assert_eq!(one.is_held_out(), other.is_held_out());
    }
}
