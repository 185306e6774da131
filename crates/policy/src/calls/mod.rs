//! Calls of AI agents: allowed, asked about, or refused, by Cedar policies over what the guard derived.
//!
//! A policy speaks of tools as actions: `Action::"mail/send_email"`, which is in its effect, `Action::"send"`; all but `Action::"read"` are in `Action::"acting"`. What is known
//! of the call is in `context` ([`Facts`]), its arguments that decide something are in `context.input`; [`schema`] is
//! derived from the operator's tools, so that a policy that names a tool or an argument which is none is an error.
//! [`Policies`] denies by default; what cannot be evaluated is denied.

pub mod cases;
mod facts;
pub mod schema;
mod set;
pub mod shipped;
mod slice;

pub use facts::{Facts, Secrecy};
pub use set::{Asked, Policies, Rule, Ruling};

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What becomes of a call. The order is from mild to hard.
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

impl Decision {
    /// The word in policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// Every effect, as policies name it.
pub const EFFECTS: [&str; 8] = ["read", "write", "send", "publish", "egress", "pay", "destroy", "access"];

/// The action that every effect is in but `read`.
pub const ACTING: &str = "acting";

/// Whether an effect is more than reading.
pub(crate) fn acts(effect: &str) -> bool {
    effect != "read"
}

/// The action of every tool that no catalogue describes; it is in the worst effect.
pub const UNDESCRIBED: &str = "undescribed";

/// A tool as policies see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tool {
    /// `server/tool`.
    pub name: String,
    /// Its effect: one of [`EFFECTS`].
    pub effect: String,
    /// Its arguments that decide something.
    pub inputs: BTreeSet<String>,
}
