//! The record: what was attempted, decided, leased, and what came of it, as a chain of hashes.
//!
//! A record is written, and safe on disk, before what it says may happen happens. The records are the state: whoever
//! reads them from the first to the last knows what the guard knows. Secrets do not stand in them: the value of a
//! credential is left out, what agents write is there as a digest.

use crate::catalogue::Confidentiality;
use crate::effect::Effect;
use crate::ground::Minted;
use crate::label::Artefact;
use crate::lease::{Amount, Lease, PlannedCall};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::{Sha256, Timestamp};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its place, from 0.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The hash of the record before; `None` for the first.
    pub before: Option<Sha256>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A call in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// `server/tool`.
    pub tool: String,
    /// What it does.
    pub effect: Effect,
    /// Tool and arguments.
    pub digest: Sha256,
    /// What a person reads.
    pub summary: String,
}

/// What a decision rests on, as policies saw it: enough to ask other policies the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// What was known ([`trustmill_policy::calls::Facts`]); what is at its default is left out.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub facts: serde_json::Map<String, serde_json::Value>,
    /// Arguments that decide something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, BTreeSet<String>>,
}

impl Basis {
    /// Whether nothing is known of it: it was recorded by an older guard.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }
}

/// The call that undoes another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: serde_json::Map<String, serde_json::Value>,
    /// When it is to be undone by itself: what widens access ends with its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Who agreed to that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub by: BTreeSet<String>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The server says that it did it.
    Done,
    /// The server says that it failed.
    Failed,
    /// Nobody knows: the server or the guard ended in between.
    Unknown,
}

/// What reading back says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server has what it should.
    Same,
    /// The server has something else: nothing that was leased goes on before a person looked.
    Differs,
    /// It could not be read.
    Unread,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A task began.
    Opened {
        /// Its id.
        session: String,
        /// The agent.
        agent: String,
        /// For whom it works.
        owner: String,
        /// The task whose agent started this one's: their labels are one, and a stop of it is a stop of this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// The person for whom the agent works said something.
    Heard {
        /// The session.
        session: String,
        /// What.
        text: String,
    },
    /// A call was let through.
    Allowed {
        /// The session.
        session: String,
        /// The call.
        call: CallRecord,
        /// The rule that let it through.
        rule: String,
        /// The lease that it was taken from.
        lease: Option<Sha256>,
        /// What it was counted with.
        amount: Option<Amount>,
        /// SHA-256 of the key under which the server does it once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The call that undoes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Box<Undo>>,
        /// SHA-256 of the text that it publishes, before it is marked as an agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        published: Option<Sha256>,
        /// What it writes: it has the label of the task from here on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        writes: Vec<Artefact>,
        /// What it rests on.
        #[serde(default, skip_serializing_if = "Basis::is_empty")]
        basis: Basis,
    },
    /// A call waits for a person.
    Asked {
        /// The session.
        session: String,
        /// The call.
        call: PlannedCall,
        /// The rule that asks.
        rule: String,
        /// What it rests on.
        #[serde(default, skip_serializing_if = "Basis::is_empty")]
        basis: Basis,
    },
    /// A call was refused.
    Denied {
        /// The session.
        session: String,
        /// The call.
        call: CallRecord,
        /// The rule that refuses.
        rule: String,
        /// Why, for a reader.
        reason: String,
        /// What it rests on.
        #[serde(default, skip_serializing_if = "Basis::is_empty")]
        basis: Basis,
    },
    /// People leased something.
    Granted {
        /// The session.
        session: String,
        /// The lease.
        lease: Lease,
    },
    /// A person refused what waited.
    Dismissed {
        /// The session.
        session: String,
        /// Who.
        by: String,
        /// Calls of this effect; all where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effect: Option<Effect>,
    },
    /// Stop: of one session, or of everybody.
    Stopped {
        /// The session; `None` for every one.
        session: Option<String>,
        /// Who.
        by: String,
    },
    /// Effects may happen again, with new leases.
    Resumed {
        /// The session; `None` for every one.
        session: Option<String>,
        /// Who.
        by: String,
    },
    /// A call came to an end.
    Ended {
        /// The session.
        session: String,
        /// The number of the record that let it through.
        call: u64,
        /// How.
        outcome: Outcome,
        /// SHA-256 of the answer.
        answer: Option<Sha256>,
        /// What it minted.
        minted: Vec<Minted>,
        /// How secret the answer is.
        label: Confidentiality,
        /// Who may read it, where sources said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        readers: Option<BTreeSet<String>>,
        /// Records that it made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        wrote: Vec<Artefact>,
    },
    /// What an effect came to was read back from the server.
    ReadBack {
        /// The session.
        session: String,
        /// The number of the record that let the call through.
        call: u64,
        /// SHA-256 of what is there.
        found: Option<Sha256>,
        /// Whether that is what the call did.
        verdict: Verdict,
        /// The field that is another one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        about: String,
    },
    /// A call was undone by another one.
    Undone {
        /// The session of the call that was undone.
        session: String,
        /// The record that let it through.
        call: u64,
        /// Who had it undone.
        by: String,
    },
    /// These rules decide from here on: policies, settings and catalogues.
    Ruled {
        /// SHA-256 of all of them.
        digest: Sha256,
    },
    /// A person saw these definitions.
    Pinned {
        /// By `server/tool`.
        tools: BTreeMap<String, Sha256>,
        /// Who.
        by: String,
    },
    /// Whoever shows this key speaks for the session's agent.
    Keyed {
        /// The session.
        session: String,
        /// SHA-256 of the key.
        key: Sha256,
    },
    /// A server says something else of a tool than what was pinned.
    Drifted {
        /// `server/tool`.
        tool: String,
        /// The definition that it gives now.
        digest: Sha256,
    },
}

impl Event {
    /// The session that it belongs to, if it is one's.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Opened { session, .. }
            | Self::Heard { session, .. }
            | Self::Allowed { session, .. }
            | Self::Asked { session, .. }
            | Self::Denied { session, .. }
            | Self::Granted { session, .. }
            | Self::Keyed { session, .. }
            | Self::Dismissed { session, .. }
            | Self::Undone { session, .. }
            | Self::ReadBack { session, .. }
            | Self::Ended { session, .. } => Some(session),
            Self::Stopped { session, .. } | Self::Resumed { session, .. } => session.as_deref(),
            Self::Pinned { .. } | Self::Drifted { .. } | Self::Ruled { .. } => None,
        }
    }

    /// Whether it must be on disk before anything else happens. What only reads may be lost in a crash.
    pub fn is_urgent(&self) -> bool {
        match self {
            Self::Allowed { call, .. } => call.effect != Effect::Read,
            // An agent whose question was lost asks again.
            Self::Asked { .. } | Self::Ended { .. } | Self::Denied { .. } => false,
            _ => true,
        }
    }
}

/// What the line begins with that the guard adds to a published text.
pub const WRITTEN_BY: &str = "Written by agent ";

/// The name under which a published text refers to the record that let it be published.
pub fn receipt(number: u64, hash: &Sha256) -> String {
    format!("{number}-{}", hash.to_string().chars().take(20).collect::<String>())
}

impl Record {
    /// SHA-256 of the record as JSON with sorted members, which names the one before: change one, and every later hash
    /// is another.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.line().as_bytes())
    }

    /// The record as JSON with sorted members: what is hashed, and what stands on disk.
    pub fn line(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(text.len());
        // What was just written is JSON.
        serde_json::from_str(&text).map_or_else(drop, |value| sort(value, &mut line));
        line
    }
}

/// Writes a value with the members of every object sorted. Values of records are small: to go over a text once for each level
/// is far cheaper than to build a tree of it.
fn sort(value: &RawValue, out: &mut String) {
    let text = value.get();
    if text.starts_with('{')
        && let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(text)
    {
        list(out, ('{', '}'), members, |out, (name, value)| {
            out.push_str(&serde_json::to_string(&name).unwrap_or_default());
            out.push(':');
            sort(value, out);
        });
    } else if text.starts_with('[')
        && let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text)
    {
        list(out, ('[', ']'), items, |out, item| sort(item, out));
    } else {
        out.push_str(text);
    }
}

/// Writes several things between two marks, with commas.
fn list<T>(
    out: &mut String,
    (begin, end): (char, char),
    items: impl IntoIterator<Item = T>,
    each: impl Fn(&mut String, T),
) {
    out.push(begin);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_line_is_the_record_with_its_members_sorted_at_every_level(value in values(), session in any::<String>()) {
            let arguments = serde_json::Map::from_iter([("b".to_owned(), value), ("a".to_owned(), json!(1))]);
            let undo = Undo { server: "x".into(), tool: "y".into(), arguments, due: None, by: BTreeSet::new() };
            let digest = Sha256::of(b"x");
            let call = CallRecord { tool: "x/z".into(), effect: Effect::Pay, digest, summary: session.clone() };
            let basis = Basis::default();
            let (rule, lease, amount, key, published, writes) = ("a".into(), None, Some(Amount(7)), None, None, Vec::new());
            let undo = Some(Box::new(undo));
            let event = Event::Allowed { session, call, rule, lease, amount, key, undo, published, writes, basis };
            let record = Record { number: 3, at: Timestamp::UNIX_EPOCH, before: Some(digest), event };
            let mut sorted = serde_json::to_value(&record).unwrap();
            sorted.sort_all_objects();
            prop_assert_eq!(record.line(), sorted.to_string());
        }
    }
}
