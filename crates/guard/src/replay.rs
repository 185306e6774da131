//! What other policies would have decided over the calls of a record.
//!
//! Each decision is asked again with the facts that it rested on, as they stand in the record. What would have followed
//! from another decision, a lease that was never spent or a page that was never read, is not played on.

use crate::decide::Decision;
use crate::record::{Basis, Event, Record};
use serde::Serialize;
use trustmill_policy::calls::{Asked, Facts, Policies};

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Decisions of the record.
    pub decided: usize,
    /// Of them, those that would be the same.
    pub same: usize,
    /// Of them, those of which the record has no facts.
    pub unknown: usize,
    /// Those that would be others.
    pub changed: Vec<Change>,
}

/// A decision that would be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The record.
    pub number: u64,
    /// The session.
    pub session: String,
    /// What a person reads of the call.
    pub summary: String,
    /// As it was decided.
    pub was: Decision,
    /// As it would be.
    pub would: Decision,
    /// The policy that would decide.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// Asks `policies` about every decision of a record.
pub fn replay(records: &[Record], policies: &Policies) -> Replayed {
    let mut replayed = Replayed::default();
    for record in records {
        let Some((was, tool, summary, basis)) = decided(&record.event) else { continue };
        replayed.decided += 1;
        if basis.is_empty() {
            replayed.unknown += 1;
            continue;
        }
        let facts = Facts::from_json(&basis.facts);
        let ruling = policies.decide(&Asked { tool, facts: &facts, input: &basis.input });
        if ruling.decision == was {
            replayed.same += 1;
            continue;
        }
        replayed.changed.push(Change {
            number: record.number,
            session: record.event.session().unwrap_or_default().to_owned(),
            summary: summary.to_owned(),
            was,
            would: ruling.decision,
            rule: ruling.rule,
            reason: ruling.reason,
        });
    }
    replayed
}

fn decided(event: &Event) -> Option<(Decision, &str, &str, &Basis)> {
    match event {
        Event::Allowed { call, basis, .. } => Some((Decision::Allow, &call.tool, &call.summary, basis)),
        Event::Asked { call, basis, .. } => Some((Decision::Ask, &call.tool, &call.summary, basis)),
        Event::Denied { call, basis, .. } => Some((Decision::Deny, &call.tool, &call.summary, basis)),
        _ => None,
    }
}
