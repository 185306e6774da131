//! The decision over one call.
//!
//! What is known of the call is put together as facts; policies in Cedar have the final say over them
//! (`policies/guard/`). A task begins read-only; what the user's words ask for passes while every value that decides
//! something is grounded well enough; a person is asked for the rest where the rest can be meant, and what nobody asked for
//! and nothing grounds is refused without a question: people who are asked too often stop reading.

mod facts;
mod rulebook;

pub use facts::Gathered;
pub use rulebook::Rulebook;
pub use trustmill_policy::calls::Decision;

use crate::Effect;
use crate::call::Call;
use crate::catalogue::{Role, Tool};
use crate::lease::{Amount, PlannedCall};
use crate::narrow::Cut;
use crate::record::{Basis, CallRecord, Event, Undo};
use crate::session::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use trustmill_core::{Sha256, Timestamp};
use trustmill_policy::calls::Asked;

/// What policies may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Calls of each effect that a task may make without a person.
    pub ceiling: std::collections::BTreeMap<Effect, u32>,
    /// What a task may pay without a person, in all; `None` sets no bound beyond the user's own words.
    pub pay: Option<Amount>,
    /// People who must approve a change of access.
    pub access_approvers: u32,
    /// The most people who gain something by one person's word; beyond, two must approve.
    pub access_wide: u32,
    /// Calls of each effect in a minute, leased or not.
    pub rate: std::collections::BTreeMap<Effect, u32>,
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
        let rate = [(E::Send, 60), (E::Publish, 30), (E::Pay, 30), (E::Destroy, 600), (E::Access, 60)];
        Self {
            ceiling: ceiling.into(),
            pay: None,
            access_approvers: 1,
            access_wide: 25,
            rate: rate.into(),
            irreversible: Vec::new(),
        }
    }
}

/// A decision and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of the call.
    pub decision: Decision,
    /// The rule.
    pub rule: String,
    /// Why, for the agent and its reader.
    pub reason: String,
    /// The event that has to be recorded first.
    pub event: Event,
}

/// Decides.
pub fn decide(state: &State, session: &str, rules: &Rulebook, call: &Call, clock: Timestamp) -> Ruling {
    let tool = rules.catalogue(&call.server).tool(&call.tool);
    let known = Gathered::new(state, session, rules, call, tool, state.now(clock));
    let name = call.name();
    let asked = Asked { tool: &name, facts: &known.facts, input: &known.input };
    let said = rules.policies().decide(&asked);
    let summary = crate::call::summary(call, tool);
    let record =
        CallRecord { tool: name, effect: tool.effect, digest: known.digest, summary: summary.clone() };
    let basis = Basis { facts: known.facts.to_json(), input: known.input };
    let (session, rule, reason) = (session.to_owned(), said.rule.clone(), said.reason.clone());
    let event = match said.decision {
        Decision::Allow => {
            let lease: Option<Sha256> = known.lease.filter(|_| rule == LEASED);
            Event::Allowed {
                session,
                call: record,
                rule,
                lease,
                amount: known.amount,
                key: call.key(tool),
                undo: undo(rules, call, tool, known.ends),
                published: call.published(tool).map(|(_, text)| Sha256::of(text.trim_end().as_bytes())),
                writes: if known.free { Vec::new() } else { call.writes(tool) },
                basis,
            }
        }
        Decision::Ask => {
            let approvers = u32::try_from(known.facts.approvers_needed).unwrap_or(u32::MAX);
            let planned = PlannedCall {
                digest: record.digest,
                tool: record.tool,
                effect: record.effect,
                summary,
                why: reason,
                reversible: tool.reversible,
                amount: known.amount,
                approvers,
                unseen: call.seen.is_some().then(|| call.digest_unseen()),
                cut: Cut::of(call, tool),
                texts: call.texts(tool),
            };
            Event::Asked { session, call: planned, rule, basis }
        }
        Decision::Deny => Event::Denied { session, call: record, rule, reason, basis },
    };
    Ruling { decision: said.decision, rule: said.rule, reason: said.reason, event }
}

/// The call that undoes a call: the tool that the catalogue names, given the same values of the arguments that decide
/// something. What widens access is due when its lease ends.
fn undo(
    rules: &Rulebook,
    call: &Call,
    tool: &Tool,
    ends: Option<(Timestamp, BTreeSet<String>)>,
) -> Option<Box<Undo>> {
    let name = tool.undo.as_ref()?;
    let inverse = rules.catalogue(&call.server).tool(name);
    let mut arguments = serde_json::Map::new();
    for (argument, described) in &inverse.arguments {
        let value = call.arguments.get(argument).filter(|_| described.role.is_sink());
        if let Some(value) = value.filter(|_| described.role != Role::Credential) {
            arguments.insert(argument.clone(), value.clone());
        }
    }
    let ends = ends.filter(|_| tool.effect == Effect::Access);
    let (due, by) = ends.map_or((None, BTreeSet::new()), |(at, by)| (Some(at), by));
    Some(Box::new(Undo { server: call.server.clone(), tool: name.clone(), arguments, due, by }))
}

/// The policy that lets through what people leased: a call that it allows is taken from the lease.
const LEASED: &str = "leased";
