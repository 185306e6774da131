//! Leases: what a person allowed, exactly, and how much of it is left.
//!
//! A person approves a *plan*, the calls that were shown, by its digest; the lease lets those calls through and no
//! others, each once. Or a person writes *terms*: a tool, what its arguments may be, how often, how much in all. In both,
//! what is left can only shrink.

use crate::call::Call;
use crate::catalogue::{Role, Tool};
use crate::effect::Effect;
use crate::value::Kind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::{Sha256, Timestamp};

/// Millionths of a currency's unit: money is never a binary fraction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Amount(pub i64);

impl Amount {
    /// An amount as written: `12`, `12.5`, `1200.00`. At most six decimals, and no sign.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || part.len() > 6 || !digits(whole) || !digits(part) {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let part: i64 = format!("{part:0<6}").parse().ok()?;
        whole.checked_mul(1_000_000)?.checked_add(part).map(Self)
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 1_000_000, self.0 % 1_000_000 / 10_000)
    }
}

/// A call that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// The exact call.
    pub digest: Sha256,
    /// `server/tool`.
    pub tool: String,
    /// What it does.
    pub effect: Effect,
    /// What the person reads.
    pub summary: String,
    /// Why it was not let through at once.
    pub why: String,
    /// Whether it can be undone.
    pub reversible: bool,
    /// What it costs, where it says so.
    pub amount: Option<Amount>,
    /// How many people must approve it.
    pub approvers: u32,
}

/// Calls of one session that one answer decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In the order in which the agent made them.
    pub calls: Vec<PlannedCall>,
}

/// The most calls that one plan holds.
pub const MOST_CALLS: usize = 10_000;

impl Plan {
    /// Adds a call, once.
    pub fn add(&mut self, call: PlannedCall) {
        let known = self.calls.iter().any(|planned| planned.digest == call.digest);
        if !known && self.calls.len() < MOST_CALLS {
            self.calls.push(call);
        }
    }

    /// SHA-256 over the calls as shown: an approval of another plan is none of this.
    pub fn digest(&self) -> Sha256 {
        let mut hasher = trustmill_core::digest::Hasher::new();
        for call in &self.calls {
            hasher.update(format!("{}\n{}\n{}\n", call.digest, call.tool, call.summary).as_bytes());
        }
        hasher.finish()
    }

    /// How many people must approve it.
    pub fn approvers(&self) -> u32 {
        self.calls.iter().map(|call| call.approvers).max().unwrap_or(1)
    }

    /// Keeps the calls that a person picked: narrowing needs no new look.
    pub fn narrowed(&self, keep: &BTreeSet<Sha256>) -> Self {
        Self { calls: self.calls.iter().filter(|call| keep.contains(&call.digest)).cloned().collect() }
    }
}

/// What an argument may be under a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// One of these, in normal form.
    OneOf(BTreeSet<String>),
    /// At most this much for each call.
    AtMost(Amount),
    /// Anything: for texts.
    Any,
}

/// What a person allows without seeing each call: a mandate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// `server/tool`.
    pub tool: String,
    /// Bounds of arguments by name. An argument that decides something and has no bound is refused.
    #[serde(default)]
    pub arguments: BTreeMap<String, Bound>,
    /// Calls that are left.
    pub calls: u32,
    /// What is left of the amounts of all calls.
    #[serde(default)]
    pub budget: Option<Amount>,
}

/// What a lease allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// These calls, each once.
    Calls(BTreeSet<Sha256>),
    /// Calls within terms.
    Terms(Terms),
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name in the record: the digest of what was approved.
    pub id: Sha256,
    /// What it allows.
    pub grant: Grant,
    /// When it ends.
    pub expires: Timestamp,
    /// Who approved it: different people.
    pub by: BTreeSet<String>,
}

impl Lease {
    /// Whether it covers a call now.
    pub fn covers(&self, call: &Call, tool: &Tool, now: Timestamp) -> bool {
        if now >= self.expires {
            return false;
        }
        match &self.grant {
            Grant::Calls(calls) => calls.contains(&call.digest()),
            Grant::Terms(terms) => terms.cover(call, tool),
        }
    }

    /// Takes a call from what is left.
    pub fn spend(&mut self, digest: &Sha256, amount: Option<Amount>) {
        match &mut self.grant {
            Grant::Calls(calls) => {
                calls.remove(digest);
            }
            Grant::Terms(terms) => {
                terms.calls = terms.calls.saturating_sub(1);
                if let (Some(left), Some(spent)) = (&mut terms.budget, amount) {
                    left.0 = left.0.saturating_sub(spent.0);
                }
            }
        }
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        match &self.grant {
            Grant::Calls(calls) => calls.is_empty(),
            Grant::Terms(terms) => terms.calls == 0,
        }
    }
}

impl Terms {
    fn cover(&self, call: &Call, tool: &Tool) -> bool {
        if self.tool != call.name() || self.calls == 0 {
            return false;
        }
        if let Some(left) = self.budget {
            // A call without an amount that can be read cannot be counted.
            let Some(amount) = amount(call, tool) else { return false };
            if amount > left {
                return false;
            }
        }
        let (sinks, _) = call.sinks(tool);
        sinks.iter().all(|sink| match self.arguments.get(&sink.argument) {
            None => false,
            Some(Bound::Any) => sink.role != Role::Credential,
            Some(Bound::OneOf(values)) => {
                sink.kind.normal(&sink.text).is_some_and(|value| values.contains(&value))
            }
            Some(Bound::AtMost(most)) => Amount::parse(&sink.text).is_some_and(|amount| amount <= *most),
        })
    }
}

/// What a call says that it costs: the sum of its amounts. `None` where it has none, or one that cannot be read.
pub fn amount(call: &Call, tool: &Tool) -> Option<Amount> {
    let (sinks, _) = call.sinks(tool);
    let amounts: Option<Vec<Amount>> = sinks
        .iter()
        .filter(|sink| sink.role == Role::Amount)
        .map(|sink| Kind::Number.normal(&sink.text).and_then(|normal| Amount::parse(&normal)))
        .collect();
    let amounts = amounts.filter(|amounts| !amounts.is_empty())?;
    amounts.iter().try_fold(Amount(0), |sum, amount| sum.0.checked_add(amount.0).map(Amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool() -> Tool {
        toml::from_str(
            "effect = 'pay'\n[arguments.to]\nrole = 'payee'\nkind = 'account'\n[arguments.amount]\nrole = 'amount'\nkind = \
             'number'\n[arguments.note]\nrole = 'content'",
        )
        .unwrap()
    }

    fn call(arguments: serde_json::Value) -> Call {
        Call::new("bank", "pay", arguments, crate::call::Limits::default()).unwrap()
    }

    fn terms() -> Lease {
        let bound = |text: &str| Bound::OneOf(BTreeSet::from([text.to_owned()]));
        let arguments = BTreeMap::from([
            ("to".into(), bound("GB12345")),
            ("amount".into(), Bound::AtMost(Amount(50_000_000))),
        ]);
        let terms = Terms { tool: "bank/pay".into(), arguments, calls: 3, budget: Some(Amount(80_000_000)) };
        let expires = "2030-01-01T00:00:00Z".parse().unwrap();
        Lease {
            id: Sha256::of(b"x"),
            grant: Grant::Terms(terms),
            expires,
            by: BTreeSet::from(["ann".into()]),
        }
    }

    #[test]
    fn money_is_read_exactly() {
        assert_eq!(Amount::parse("12.5"), Some(Amount(12_500_000)));
        for text in ["", "-1", "1e9", "1.2345678", "99999999999999999999", ".5", "1,0"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn terms_bound_each_call_and_their_sum() {
        let mut lease = terms();
        let now = "2029-01-01T00:00:00Z".parse().unwrap();
        let fits = |lease: &Lease, arguments| lease.covers(&call(arguments), &tool(), now);
        assert!(fits(&lease, json!({ "to": "GB 12345", "amount": 50, "note": "rent" })));
        assert!(!fits(&lease, json!({ "to": "GB99999", "amount": 5 })), "another payee");
        assert!(!fits(&lease, json!({ "to": "GB12345", "amount": 50.01 })), "too much");
        assert!(!fits(&lease, json!({ "to": "GB12345" })), "no amount");
        assert!(!fits(&lease, json!({ "to": "GB12345", "amount": -5 })), "a sign");
        assert!(
            !fits(&lease, json!({ "to": "GB12345", "amount": 5, "extra": 1 })),
            "an argument without a bound"
        );
        lease.spend(&Sha256::of(b"y"), Some(Amount(50_000_000)));
        assert!(!fits(&lease, json!({ "to": "GB12345", "amount": 31 })), "over what is left");
        assert!(fits(&lease, json!({ "to": "GB12345", "amount": 30 })));
        assert!(
            !lease.covers(&call(json!({ "to": "GB12345", "amount": 30 })), &tool(), lease.expires),
            "ended"
        );
    }

    #[test]
    fn a_call_that_was_shown_passes_once() {
        let shown = call(json!({ "to": "GB12345", "amount": 5 }));
        let mut lease = Lease { grant: Grant::Calls(BTreeSet::from([shown.digest()])), ..terms() };
        let now = "2029-01-01T00:00:00Z".parse().unwrap();
        assert!(lease.covers(&shown, &tool(), now));
        assert!(!lease.covers(&call(json!({ "to": "GB12345", "amount": 6 })), &tool(), now));
        lease.spend(&shown.digest(), None);
        assert!(!lease.covers(&shown, &tool(), now) && lease.is_spent());
    }
}
