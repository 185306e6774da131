//! The attributes of a call: one description, for Rust, for Cedar and for people.

use crate::attribute::{Attribute, Field, Type, Value, record, rust_type};
use std::sync::{Arc, LazyLock};

record! {
    /// What the guard derived of a call: `context` in policies.
    Facts {
        /// The agent that makes the call, as the task names it.
        agent: Text,
        /// The person for whom it works.
        owner: Text,
        /// Whether the task is known.
        session: Flag,
        /// Whether the operator's catalogue describes the tool.
        known: Flag,
        /// Whether the server describes the tool otherwise than when a person saw it.
        drifted: Flag,
        /// Whether somebody said stop.
        stopped: Flag,
        /// Whether it takes back access that people gave for a time which is over, leased by them.
        ending: Flag,
        /// Whether the user's last words said to wait.
        withheld: Flag,
        /// Whether the user's words ask for the effect.
        asked: Flag,
        /// Whether a lease of people covers exactly this call.
        leased: Flag,
        /// Different people who agreed: those of the lease; without one, the owner where the words ask for it.
        approvers: Whole,
        /// People who must agree.
        approvers_needed: Whole,
        /// Whether it can be undone.
        reversible: Flag,
        /// Whether the operator lets this tool do what cannot be undone.
        irreversible_allowed: Flag,
        /// Whether everybody can see what it does.
        public: Flag,
        /// How secret what the task read is: 0 public, 1 internal, 2 confidential, 3 secret.
        secrecy: Whole,
        /// The same as a word.
        label: Text,
        /// Whether somebody sees it who may not read all that the task read, as far as sources say who may.
        outsiders: Flag,
        /// Whether it publishes a text in which nothing can say that an agent wrote it.
        unmarked: Flag,
        /// Whether a server has something else than what a call of the task should have done, and nobody looked since.
        deviated: Flag,
        /// Whether every value that decides something is grounded as well as it must be.
        grounded: Flag,
        /// The argument of the value that is furthest from it; empty where `grounded` holds.
        weak_argument: Text,
        /// That value, shortened; a credential is hidden.
        weak_value: Text,
        /// Whether every value that decides something is at least in a record that the user means.
        meant: Flag,
        /// Whether the user named everybody whom it reaches.
        audience_named: Flag,
        /// An address in the text that neither the user nor a system gave; empty where there is none.
        stray_address: Text,
        /// Calls of its effect (of the tool, where that has a limit of its own) that the task made with nobody looking.
        done: Whole,
        /// How many may be.
        ceiling: Whole,
        /// What it costs; 0 where it costs nothing that the guard can see.
        amount: Whole in "millionths",
        /// Whether it has an amount that cannot be read.
        amount_unreadable: Flag,
        /// The most that a call pays with nobody looking.
        pay_most: Whole in "millionths",
        /// Whether the target should have been read before, and could not be.
        unchecked: Flag,
        /// Whether people leased this on its target as it was, and the target is another now.
        stale: Flag,
        /// What people allowed in place of this very call; empty where they allowed nothing less.
        less: Text,
        /// Whether its idempotency key was used by a call before.
        replayed: Flag,
        /// Whether the task made exactly this payment before.
        repeated: Flag,
        /// How many people gain something by it; 0 where that is not read.
        reach: Whole,
        /// Calls of its effect in the last minute, leased or not.
        rate: Whole,
        /// How many may be.
        rate_ceiling: Whole,
    }
}

/// How secret something is, as a number and as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secrecy(pub i64, pub &'static str);

impl Facts {
    /// The attributes that are not at their defaults, for a record.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        static NOTHING: LazyLock<Facts> = LazyLock::new(Facts::default);
        let said = self.values().zip(NOTHING.values()).filter(|(said, nothing)| said != nothing);
        let said = said.map(|(said, _)| said);
        said.map(|(name, value)| (name.to_owned(), serde_json::to_value(value).unwrap_or_default())).collect()
    }

    /// Reads what [`Facts::to_json`] wrote; names that are no attributes any more are left out.
    pub fn from_json(map: &serde_json::Map<String, serde_json::Value>) -> Self {
        let mut facts = Self::default();
        for (name, value) in map {
            facts.set(name, value);
        }
        facts
    }
}
