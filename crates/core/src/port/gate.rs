//! What a registry asks before it shows or hands out a release.

use crate::advisory::Finding;
use crate::ruling::{Decision, Question, Ruling};
use crate::{Purl, Timestamp};
use async_trait::async_trait;

/// Decides what may be handed out, from every fact that the mill has.
///
/// * A gate that cannot find out MUST answer with an error or with a refusal, never with permission.
/// * `rule` MUST answer one decision per release of the question, in its order.
/// * `revision` MUST have changed before any ruling differs for another cause than time or the facts of the project
///   itself, which [`Records::revision`](crate::port::records::Records::revision) tells of. It MUST be cheap: it is
///   asked for every request.
#[async_trait]
pub trait Gate: Send + Sync {
    /// A number that changes with policies, advisories and overrides.
    fn revision(&self) -> u64;

    /// Decides about releases of one project as of `now`.
    async fn rule(&self, question: &Question<'_>, now: Timestamp) -> Result<Ruling, GateError>;

    /// What advisories say of a release, whatever policy makes of it; the worst first. For `npm audit`.
    async fn findings(&self, release: &Purl) -> Result<Vec<Finding>, GateError>;

    /// Whether any advisories are here at all: without them an audit that finds nothing would lie.
    fn has_advisories(&self) -> bool;
}

/// The gate of a mill that holds no advisories and no policies: it lets everything through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl Gate for Open {
    fn revision(&self) -> u64 {
        0
    }

    async fn rule(&self, question: &Question<'_>, _now: Timestamp) -> Result<Ruling, GateError> {
        let decisions = question.releases.iter().map(|_| Decision::allow()).collect();
        Ok(Ruling { decisions, until: None })
    }

    async fn findings(&self, _release: &Purl) -> Result<Vec<Finding>, GateError> {
        Ok(Vec::new())
    }

    fn has_advisories(&self) -> bool {
        false
    }
}

/// Why nothing could be decided: then nothing is handed out.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be decided whether {project} may be handed out: {what} cannot be read")]
pub struct GateError {
    /// What was asked about.
    pub project: Box<Purl>,
    /// `advisories`, `overrides`, `facts`, `policies`.
    pub what: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl super::Coded for GateError {
    fn code(&self) -> &'static str {
        "TM0909"
    }

    fn help(&self) -> String {
        "check that the volume of the data folder is healthy; `trustmill doctor` names what cannot be read"
            .into()
    }
}
