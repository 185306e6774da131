//! The decision over one call.
//!
//! What is known of the call is put together as [`Facts`]; a short table of rules makes a [`Ruling`] of them. The first
//! rule that says something decides. A task begins read-only; what the user's words ask for passes while every value that
//! decides something is grounded well enough; a person is asked for the rest where the rest can be meant, and what nobody
//! asked for and nothing grounds is refused without a question: people who are asked too often stop reading.

mod facts;
mod rules;

pub use facts::Facts;

use crate::call::Call;
use crate::catalogue::Catalogue;
use crate::lease::{Amount, PlannedCall};
use crate::record::{CallRecord, Event};
use crate::session::State;
use serde::{Deserialize, Serialize};
use trustmill_core::{Sha256, Timestamp};

/// What policies may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Calls of each effect that a task may make without a person.
    pub ceiling: std::collections::BTreeMap<crate::Effect, u32>,
    /// What a task may pay without a person, in all; `None` sets no bound beyond the user's own words.
    pub pay: Option<Amount>,
    /// People who must approve a change of access.
    pub access_approvers: u32,
    /// Tools (`server/tool`) that may destroy what cannot be restored, with a lease.
    pub irreversible: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        use crate::Effect as E;
        let ceiling = [
            (E::Write, 50),
            (E::Send, 10),
            (E::Publish, 3),
            (E::Egress, 20),
            (E::Pay, 3),
            (E::Destroy, 5),
            (E::Access, 5),
        ];
        Self { ceiling: ceiling.into(), pay: None, access_approvers: 1, irreversible: Vec::new() }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is made.
    Allow,
    /// It waits for a person.
    Ask,
    /// It is not made.
    Deny,
}

/// A decision and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of the call.
    pub decision: Decision,
    /// The rule.
    pub rule: &'static str,
    /// Why, for the agent and its reader.
    pub reason: String,
    /// The event that has to be recorded first.
    pub event: Event,
}

/// Decides.
pub fn decide(
    state: &State,
    session: &str,
    catalogue: &Catalogue,
    settings: &Settings,
    call: &Call,
    clock: Timestamp,
) -> Ruling {
    let tool = catalogue.tool(&call.tool);
    let facts = Facts::gather(state, session, catalogue, settings, call, &tool, state.now(clock));
    let (decision, rule, reason) = rules::judge(&facts, settings);
    let summary = crate::call::summary(call, &tool);
    let record = CallRecord {
        tool: call.name(),
        effect: tool.effect,
        digest: call.digest(),
        summary: summary.clone(),
    };
    let session = session.to_owned();
    let event = match decision {
        Decision::Allow => {
            let lease: Option<Sha256> = facts.lease.filter(|_| rule == "leased");
            Event::Allowed { session, call: record, rule: rule.to_owned(), lease, amount: facts.amount }
        }
        Decision::Ask => {
            let planned = PlannedCall {
                digest: record.digest,
                tool: record.tool,
                effect: record.effect,
                summary,
                why: reason.clone(),
                reversible: tool.reversible,
                amount: facts.amount,
                approvers: facts.approvers_needed,
            };
            Event::Asked { session, call: planned, rule: rule.to_owned() }
        }
        Decision::Deny => {
            Event::Denied { session, call: record, rule: rule.to_owned(), reason: reason.clone() }
        }
    };
    Ruling { decision, rule, reason, event }
}
