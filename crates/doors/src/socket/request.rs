//! What can be asked of the decision point, by whom.

use crate::engine::Approved;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use trustmill_core::Sha256;
use trustmill_guard::lease::Terms;
use trustmill_guard::record::Outcome;

/// Something that is asked of the decision point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// May this call be made?
    Decide {
        /// The session.
        session: String,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// What the server says of the call's target, where that was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Value>,
    },
    /// How is this call's target read?
    Look {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
    },
    /// This came of it.
    Ended {
        /// The session.
        session: String,
        /// The record that allowed the call.
        number: u64,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// How it ended.
        outcome: Outcome,
        /// What the server answered.
        answer: Option<Value>,
    },
    /// How is what this call did read back?
    LookAfter {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// What the server answered.
        answer: Value,
    },
    /// This was read back.
    ReadBack {
        /// The session.
        session: String,
        /// The record that allowed the call.
        number: u64,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// Whether the server answered.
        answered: bool,
        /// What is there; `null` where the server refused.
        found: Option<Value>,
    },
    /// A server lists these tools.
    Listed {
        /// The server.
        server: String,
        /// Names and definitions.
        tools: Vec<(String, Value)>,
    },
    /// An event of an agent's hook, as it came.
    Hook {
        /// The session.
        session: String,
        /// The event.
        event: String,
        /// How the agent asks.
        #[serde(default)]
        shape: crate::hook::Shape,
    },
    /// A task begins. People only, like all that follow.
    Begin {
        /// Its name.
        session: String,
        /// The agent.
        agent: String,
        /// For whom.
        owner: String,
        /// What that person said.
        words: String,
        /// The task whose agent started this one's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// The owner said something more.
    Hear {
        /// The session.
        session: String,
        /// What.
        words: String,
    },
    /// A new key for a session's agent.
    Key {
        /// The session.
        session: String,
    },
    /// Which tools are held because they changed?
    Drifts,
    /// A person takes what a server says of a tool now.
    Accept {
        /// `server/tool`.
        tool: String,
        /// The definition that was looked at, or how its digest begins.
        seen: String,
        /// Who.
        by: String,
    },
    /// What waits?
    Waiting,
    /// Which sessions are there?
    Sessions,
    /// People approve a plan.
    Approve {
        /// The session.
        session: String,
        /// The plan's digest as shown.
        plan: Sha256,
        /// What of it, who, and for how long.
        approved: Approved,
    },
    /// A person writes terms.
    Lease {
        /// The session.
        session: String,
        /// The terms.
        terms: Terms,
        /// Who.
        by: BTreeSet<String>,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// What can be undone?
    Journal {
        /// One session, or all.
        session: Option<String>,
        /// Only what should be by now.
        due: bool,
    },
    /// A person has calls undone.
    Undo {
        /// The records that let them through.
        calls: BTreeSet<u64>,
        /// Who.
        by: String,
    },
    /// A call was undone.
    Undone {
        /// The record that let it through.
        call: u64,
        /// Who.
        by: String,
    },
    /// A person refuses what waits.
    Dismiss {
        /// The session.
        session: String,
        /// The plan's digest as shown; everything where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Sha256>,
        /// Who.
        by: String,
    },
    /// Stop.
    Stop {
        /// One session, or all.
        session: Option<String>,
        /// Who.
        by: String,
    },
    /// Go on.
    Resume {
        /// One session, or all.
        session: Option<String>,
        /// Who.
        by: String,
    },
}

impl Request {
    /// Whether an agent's side may ask it.
    pub(super) const fn is_for_doors(&self) -> bool {
        matches!(
            self,
            Self::Decide { .. }
                | Self::Look { .. }
                | Self::Ended { .. }
                | Self::LookAfter { .. }
                | Self::ReadBack { .. }
                | Self::Listed { .. }
                | Self::Hook { .. }
        )
    }
}
