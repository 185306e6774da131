//! Leases: what a person allowed, exactly, and how much of it is left.
//!
//! A person approves a *plan*, the calls that were shown, by its digest; the lease lets those calls through and no
//! others, each once. Or a person writes *terms*: a tool, what its arguments may be, how often, how much in all. In both,
//! what is left can only shrink.

use crate::call::{Call, Sink};
use crate::catalogue::{Role, Tool};
use crate::effect::Effect;
use crate::narrow::{Cut, Less};
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

    /// An amount as people and servers write it: `$1,200.50`.
    pub fn read(text: &str) -> Option<Self> {
        Kind::Number.normal(text).and_then(|normal| Self::parse(&normal))
    }

    /// With all its decimals, as [`Amount::parse`] reads it.
    pub fn exact(self) -> String {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
    /// The call whatever becomes of its target, where the digest holds for the target as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Sha256>,
    /// What of it can be less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// The texts that the agent wrote, by argument, for whoever decides. They are in no record: a guard that was started again
    /// does not have them.
    #[serde(skip)]
    pub texts: BTreeMap<String, String>,
}

/// Calls of one session with one effect: what one answer decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The record with which it began: one of the same calls, after somebody refused this, is another plan.
    since: u64,
    calls: Vec<PlannedCall>,
    known: BTreeSet<Sha256>,
    /// The digest as far as calls were added: a plan of thousands is not read anew for each.
    digest: Option<Sha256>,
}

/// The most calls that one plan holds.
pub const MOST_CALLS: usize = 10_000;

/// Calls of a plan whose texts are kept: nobody reads more.
const MOST_WITH_TEXTS: usize = 50;

impl Plan {
    /// One that begins with a record.
    pub fn since(number: u64) -> Self {
        Self { since: number, ..Self::default() }
    }

    /// The record with which it began.
    pub fn begun(&self) -> u64 {
        self.since
    }

    /// Adds a call, once.
    pub fn add(&mut self, mut call: PlannedCall) {
        if self.calls.len() >= MOST_WITH_TEXTS {
            call.texts.clear();
        }
        if self.calls.len() < MOST_CALLS && self.known.insert(call.digest) {
            let before = self.digest.map(|digest| digest.to_string()).unwrap_or_default();
            let shown = format!("{before}\n{}\n{}\n{}\n", call.digest, call.tool, call.summary);
            self.digest = Some(Sha256::of(shown.as_bytes()));
            self.calls.push(call);
        }
    }

    /// The calls, in the order in which the agent made them.
    pub fn calls(&self) -> &[PlannedCall] {
        &self.calls
    }

    /// Whether it holds a call, on its target as it was read or whatever became of it.
    pub fn holds(&self, call: &Sha256) -> bool {
        self.known.contains(call) || self.calls.iter().any(|planned| planned.unseen == Some(*call))
    }

    /// Takes calls out.
    pub fn remove(&mut self, calls: &BTreeSet<Sha256>) {
        if self.calls.iter().any(|call| calls.contains(&call.digest)) {
            let whole = std::mem::replace(self, Self::since(self.since));
            let left = whole.calls.into_iter().filter(|call| !calls.contains(&call.digest));
            left.for_each(|call| self.add(call));
        }
    }

    /// SHA-256 over the calls as shown: an approval of another plan is none of this.
    pub fn digest(&self) -> Sha256 {
        self.digest.unwrap_or_else(|| Sha256::of(b""))
    }

    /// How many people must approve it.
    pub fn approvers(&self) -> u32 {
        self.calls.iter().map(|call| call.approvers).max().unwrap_or(1)
    }

    /// Keeps the calls that a person picked: narrowing needs no new look.
    pub fn narrowed(&self, keep: &BTreeSet<Sha256>) -> Self {
        let mut narrowed = Self::default();
        self.calls
            .iter()
            .filter(|call| keep.contains(&call.digest))
            .for_each(|call| narrowed.add(call.clone()));
        narrowed
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
    /// From this much to this much for each call.
    Between(Amount, Amount),
    /// Anything: for texts.
    Any,
}

/// How often something comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// Days of the calendar, in UTC.
    Day,
    /// Weeks that begin on Monday.
    Week,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

impl Every {
    /// The first day of the period that an instant is in.
    fn period(self, at: Timestamp) -> jiff::civil::Date {
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        match self {
            Self::Day => date,
            Self::Week => {
                let since = i64::from(date.weekday().to_monday_zero_offset());
                date.checked_sub(jiff::Span::new().days(since)).unwrap_or(date)
            }
            Self::Month => date.first_of_month(),
            Self::Year => date.first_of_year(),
        }
    }
}

/// What may happen in each period, and what did in the last one that anything happened in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The period.
    pub every: Every,
    /// Calls in each.
    pub calls: u32,
    /// The sum of amounts in each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Amount>,
    /// The first day of the period that the counts are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<jiff::civil::Date>,
    /// Calls in it.
    #[serde(default)]
    made: u32,
    /// The sum of amounts in it.
    #[serde(default)]
    spent: Amount,
}

impl Recurrence {
    /// Whether one more of this amount may happen now. A period that is over does not come back.
    fn has_room(&self, amount: Option<Amount>, now: Timestamp) -> bool {
        let period = self.every.period(now);
        let (made, spent) = match self.period {
            Some(of) if of >= period => (self.made, self.spent),
            _ => (0, Amount(0)),
        };
        let fits = |most: Amount| {
            amount.is_some_and(|amount| spent.0.checked_add(amount.0).is_some_and(|sum| sum <= most.0))
        };
        made < self.calls && self.budget.is_none_or(fits)
    }

    fn spend(&mut self, amount: Option<Amount>, at: Timestamp) {
        let period = self.every.period(at);
        if self.period.is_none_or(|of| of < period) {
            (self.period, self.made, self.spent) = (Some(period), 0, Amount(0));
        }
        self.made = self.made.saturating_add(1);
        self.spent.0 = self.spent.0.saturating_add(amount.unwrap_or_default().0);
    }
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
    /// Of which currency amounts are: that of a call must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// From when on it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What may happen in each day, week, month or year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
}

/// What a lease allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// These calls, each once.
    Calls(BTreeSet<Sha256>),
    /// Less than a call that was shown, once.
    Less(Less),
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
            Grant::Less(less) => less.covers(call, tool),
            Grant::Terms(terms) => terms.cover(call, tool, now),
        }
    }

    /// Takes a call from what is left.
    pub fn spend(&mut self, digest: &Sha256, amount: Option<Amount>, at: Timestamp) {
        match &mut self.grant {
            Grant::Calls(calls) => {
                calls.remove(digest);
            }
            Grant::Less(less) => less.made = true,
            Grant::Terms(terms) => {
                terms.calls = terms.calls.saturating_sub(1);
                if let Some(recurrence) = &mut terms.recurrence {
                    recurrence.spend(amount, at);
                }
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
            Grant::Less(less) => less.made,
            Grant::Terms(terms) => terms.calls == 0,
        }
    }
}

impl Terms {
    fn cover(&self, call: &Call, tool: &Tool, now: Timestamp) -> bool {
        if self.tool != call.name() || self.calls == 0 || self.not_before.is_some_and(|from| now < from) {
            return false;
        }
        // What should have been read of the target and was not decides as much as what was.
        if tool.check.is_some() && call.seen.is_none() {
            return false;
        }
        if self.recurrence.as_ref().is_some_and(|again| !again.has_room(amount(call, tool), now)) {
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
        let in_currency = sinks.iter().filter(|sink| sink.role == Role::Currency).all(|sink| {
            self.currency.as_ref().is_none_or(|currency| currency.eq_ignore_ascii_case(sink.text.trim()))
        });
        in_currency && sinks.iter().all(|sink| self.bounds(sink))
    }

    /// Whether a value is within its bound. Who receives, is paid or gains is listed, never anybody.
    fn bounds(&self, sink: &Sink) -> bool {
        let who = matches!(
            sink.role,
            Role::Credential
                | Role::Payee
                | Role::Recipient
                | Role::Grantee
                | Role::Instrument
                | Role::Amount
        );
        let amount = || Amount::read(&sink.text);
        match self.arguments.get(&sink.argument) {
            None => sink.role == Role::Currency && self.currency.is_some(),
            Some(Bound::Any) => !who,
            Some(Bound::OneOf(values)) => sink
                .kind
                .normal(&sink.text)
                .is_some_and(|value| values.iter().any(|one| sink.kind.normal(one).as_ref() == Some(&value))),
            Some(Bound::AtMost(most)) => amount().is_some_and(|amount| amount <= *most),
            Some(Bound::Between(least, most)) => {
                amount().is_some_and(|amount| *least <= amount && amount <= *most)
            }
        }
    }
}

/// What a call says that it costs: the sum of its amounts. `None` where it has none, or one that cannot be read.
pub fn amount(call: &Call, tool: &Tool) -> Option<Amount> {
    let (sinks, _) = call.sinks(tool);
    let amounts: Option<Vec<Amount>> =
        sinks.iter().filter(|sink| sink.role == Role::Amount).map(|sink| Amount::read(&sink.text)).collect();
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
        let terms = Terms {
            tool: "bank/pay".into(),
            arguments,
            calls: 3,
            budget: Some(Amount(80_000_000)),
            currency: None,
            not_before: None,
            recurrence: None,
        };
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
        lease.spend(&Sha256::of(b"y"), Some(Amount(50_000_000)), now);
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
        lease.spend(&shown.digest(), None, now);
        assert!(!lease.covers(&shown, &tool(), now) && lease.is_spent());
    }

    #[test]
    fn a_mandate_comes_again_each_month_and_a_clock_moved_back_brings_nothing_back() {
        let mut lease = terms();
        let Grant::Terms(terms) = &mut lease.grant else { unreachable!() };
        *terms = Terms {
            calls: 12,
            budget: None,
            recurrence: Some(toml::from_str("every = 'month'\ncalls = 1\nbudget = 40000000").unwrap()),
            not_before: Some("2029-01-01T00:00:00Z".parse().unwrap()),
            ..terms.clone()
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let rent = call(json!({ "to": "gb 12345", "amount": 40 }));
        let fits = |lease: &Lease, now: &str| lease.covers(&rent, &tool(), at(now));
        assert!(!fits(&lease, "2028-12-31T23:59:59Z"), "not yet");
        assert!(fits(&lease, "2029-01-31T10:00:00Z"));
        assert!(!lease.covers(
            &call(json!({ "to": "GB12345", "amount": 41 })),
            &tool(),
            at("2029-01-31T10:00:00Z")
        ));
        lease.spend(&rent.digest(), Some(Amount(40_000_000)), at("2029-01-31T10:00:00Z"));
        assert!(!fits(&lease, "2029-01-31T23:00:00Z"), "once a month");
        assert!(fits(&lease, "2029-02-01T00:00:00Z"));
        lease.spend(&rent.digest(), Some(Amount(40_000_000)), at("2029-02-01T00:00:00Z"));
        assert!(!fits(&lease, "2029-01-15T00:00:00Z"), "a period that is over does not come back");
    }

    #[test]
    fn nobody_in_particular_is_never_paid() {
        let mut lease = terms();
        let Grant::Terms(terms) = &mut lease.grant else { unreachable!() };
        terms.arguments.insert("to".into(), Bound::Any);
        let now = "2029-01-01T00:00:00Z".parse().unwrap();
        assert!(!lease.covers(&call(json!({ "to": "GB12345", "amount": 5 })), &tool(), now));
    }
}
