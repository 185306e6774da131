//! Why a release is or is not handed out: every attribute, every policy that fired, and what lifted it.

use super::memo::Remembered;
use super::{Firewall, Look};
use serde::Serialize;
use trustmill_core::port::gate::GateError;
use trustmill_core::ruling::{Decision, Question};
use trustmill_core::{Purl, Timestamp};
use trustmill_policy::{Facts, Fired, Settings};

/// The answer about one release.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The release.
    pub release: Purl,
    /// What becomes of it, overrides included.
    pub decision: Decision,
    /// Every policy that said something against it, previews included, the hardest first.
    pub fired: Vec<Fired>,
    /// The attributes that policies see.
    #[serde(serialize_with = "by_name")]
    pub facts: Facts,
    /// What the configuration says.
    #[serde(serialize_with = "settings_by_name")]
    pub settings: Settings,
    /// Since when it is there, as far as it is known.
    pub since: Option<Timestamp>,
}

fn by_name<S: serde::Serializer>(facts: &Facts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facts.values())
}

fn settings_by_name<S: serde::Serializer>(settings: &Settings, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.values())
}

impl Firewall {
    /// Explains the decision about each release of a question, in its order.
    ///
    /// # Errors
    /// Nothing can be decided.
    pub async fn explain(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Vec<Explanation>, GateError> {
        let memo = self.ruled(question, now, Look::Idle).await?;
        let decisions = self.lifted(question, &memo, now).decisions;
        let policies = self.policies();
        let settings = self.settings.context(question.project.ty());
        let explain = |(one, decision): (&Remembered, Decision)| {
            let outcome = policies.decide(question.principal, question.action, &one.facts, &settings);
            Explanation {
                release: question.project.at(&one.facts.version),
                decision,
                fired: outcome.fired,
                facts: one.facts.clone(),
                settings: settings.clone(),
                since: one.since,
            }
        };
        Ok(memo.ruled.iter().zip(decisions).map(explain).collect())
    }
}
