//! What a door asks the decision point, whether it is in this process or behind a socket. Whoever cannot be asked denies.

use crate::engine::{Answer, Engine};
use async_trait::async_trait;
use serde_json::Value;
use trustmill_guard::call::Call;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::Outcome;

/// The decision point as doors see it. Nothing here leases, approves or speaks for a person.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Decides over a call.
    async fn decide(&self, session: &str, call: &Call) -> Answer;

    /// Tells what came of an allowed call.
    async fn ended(&self, told: Told<'_>);

    /// Tells what a server says of its tools.
    async fn listed(&self, server: &str, tools: &[(String, Value)]);
}

/// What came of a call.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The session.
    pub session: &'a str,
    /// The record that allowed it.
    pub number: u64,
    /// The call.
    pub call: &'a Call,
    /// How it ended.
    pub outcome: Outcome,
    /// What the server answered.
    pub answer: Option<&'a Value>,
}

#[async_trait]
impl Desk for Engine {
    async fn decide(&self, session: &str, call: &Call) -> Answer {
        Self::decide(self, session, call)
    }

    async fn ended(&self, told: Told<'_>) {
        // What cannot be recorded ends as unknown when the record is next opened.
        let _ = Self::ended(self, told.session, told.number, told.call, told.outcome, told.answer);
    }

    async fn listed(&self, server: &str, tools: &[(String, Value)]) {
        // Calls are refused then as well, since they cannot be recorded either.
        let _ = Self::listed(self, server, tools);
    }
}

/// The answer of a decision point that cannot be asked.
pub fn unreachable(why: &str) -> Answer {
    Answer {
        decision: Decision::Deny,
        rule: "unreachable".into(),
        reason: format!("the guard cannot be asked: {why}"),
        number: 0,
        plan: None,
    }
}
