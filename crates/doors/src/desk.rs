//! What a door asks the decision point, whether it is in this process or behind a socket. Whoever cannot be asked denies.

use crate::engine::{Answer, Engine, ReadBack};
use async_trait::async_trait;
use serde_json::Value;
use trustmill_core::Sha256;
use trustmill_guard::call::Call;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::Outcome;
use trustmill_guard::session::Session;

/// The decision point as doors see it. Nothing here leases, approves or speaks for a person.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Decides over a call.
    async fn decide(&self, session: &str, call: &Call) -> Answer;

    /// The call by which the door reads a call's target first, where the catalogue names one.
    async fn look_first(&self, call: &Call) -> Option<Call>;

    /// Decides over a call whose target the door read.
    async fn decide_seen(&self, session: &str, call: &Call, seen: &Value) -> Answer;

    /// Tells what came of an allowed call.
    async fn ended(&self, told: Told<'_>);

    /// The call by which the door reads back what a call did, where the catalogue names one.
    async fn look_after(&self, call: &Call, answer: &Value) -> Option<Call>;

    /// Tells what was read back.
    async fn read_back(&self, session: &str, number: u64, call: &Call, found: ReadBack<'_>);

    /// Tells what a server says of its tools; gives the names of those that are held, which agents are not shown.
    async fn listed(&self, server: &str, tools: &[(String, Value)]) -> Held;

    /// Changes whenever people decide something, where that can be watched.
    fn changes(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }

    /// Whether a call still waits for a person, as far as that can be seen.
    fn waits(&self, _session: &str, _call: &Sha256) -> bool {
        true
    }
}

/// Tools that are held, as `server/tool`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// These.
    Some(Vec<String>),
    /// Nobody knows: all.
    All,
}

impl Held {
    /// Whether a tool is.
    pub fn holds(&self, server: &str, tool: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(held) => held
                .iter()
                .any(|name| name.strip_prefix(server).and_then(|rest| rest.strip_prefix('/')) == Some(tool)),
        }
    }
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

    async fn look_first(&self, call: &Call) -> Option<Call> {
        Self::look_first(self, call)
    }

    async fn decide_seen(&self, session: &str, call: &Call, seen: &Value) -> Answer {
        Self::decide_seen(self, session, call, seen)
    }

    async fn ended(&self, told: Told<'_>) {
        // What cannot be recorded ends as unknown when the record is next opened.
        let _ = Self::ended(self, told.session, told.number, told.call, told.outcome, told.answer);
    }

    async fn look_after(&self, call: &Call, answer: &Value) -> Option<Call> {
        Self::look_after(self, call, answer)
    }

    async fn read_back(&self, session: &str, number: u64, call: &Call, found: ReadBack<'_>) {
        // What cannot be recorded holds every call anyway.
        let _ = Self::read_back(self, session, number, call, found);
    }

    async fn listed(&self, server: &str, tools: &[(String, Value)]) -> Held {
        // Where pins cannot be recorded, calls cannot either.
        Self::listed(self, server, tools).map_or(Held::All, Held::Some)
    }

    fn changes(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        Some(Self::changes(self))
    }

    fn waits(&self, session: &str, call: &Sha256) -> bool {
        let plan = |session: &Session| session.plans.values().any(|plan| plan.holds(call));
        self.look(|state| state.sessions.get(session).is_some_and(plan))
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
        mark: None,
    }
}
