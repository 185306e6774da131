//! Less than what was asked: some of a call's items, a lower amount.
//!
//! A person who finds a call too much need not refuse it all. Which of its arguments can be less is said when it waits; a lease
//! then holds for the same call in everything else, on the same target as it was read, and the agent makes it anew.

use crate::call::Call;
use crate::catalogue::{Argument, Role, Tool};
use crate::lease::Amount;
use crate::value::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::Sha256;

/// A call in which some arguments may be less, and all else is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The call without these arguments, on its target as it was read.
    pub rest: Sha256,
    /// What each of them may be at most.
    pub parts: BTreeMap<String, Part>,
}

/// What an argument may be at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Some of these, in normal form, each once.
    Items(BTreeSet<String>),
    /// This much.
    AtMost(Amount),
}

impl Cut {
    /// What of a call can be less: lists of what it touches or reaches, and how much it pays or takes. `None` where nothing can.
    pub fn of(call: &Call, tool: &Tool) -> Option<Self> {
        let part = |(name, value): (&String, &Value)| {
            let part = Part::of(value, tool.arguments.get(name)?)?;
            Some((name.clone(), part))
        };
        let parts: BTreeMap<_, _> = call.arguments.as_object()?.iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| Self { rest: rest(call, &parts), parts })
    }

    /// The same with these parts in place of its own. `None` where one of them is more, is nothing, or is of no such argument.
    pub fn narrowed(&self, to: &BTreeMap<String, Part>) -> Option<Self> {
        let mut narrowed = self.clone();
        for (name, part) in to {
            let own = narrowed.parts.get_mut(name)?;
            if !own.includes(part) {
                return None;
            }
            *own = part.clone();
        }
        Some(narrowed)
    }

    /// Whether a call is within it.
    pub fn covers(&self, call: &Call, tool: &Tool) -> bool {
        let within = |(name, most): (&String, &Part)| {
            let (value, described) = (call.arguments.get(name), tool.arguments.get(name));
            value.zip(described).is_some_and(|(value, described)| most.admits(value, described))
        };
        self.parts.iter().all(within) && rest(call, &self.parts) == self.rest
    }
}

impl Part {
    fn of(value: &Value, described: &Argument) -> Option<Self> {
        match described.role {
            Role::Item | Role::Target | Role::Recipient | Role::Grantee => {
                let items = items(value, &described.kind)?;
                (items.len() > 1).then_some(Self::Items(items))
            }
            Role::Amount | Role::Quantity => amount(value).map(Self::AtMost),
            _ => None,
        }
    }

    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Items(own), Self::Items(other)) => !other.is_empty() && other.is_subset(own),
            (Self::AtMost(own), Self::AtMost(other)) => other <= own && other.0 > 0,
            _ => false,
        }
    }

    /// What two people allow who each allow one of these; `None` where that is nothing.
    pub fn both(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Items(own), Self::Items(other)) => {
                let items: BTreeSet<_> = own.intersection(other).cloned().collect();
                (!items.is_empty()).then_some(Self::Items(items))
            }
            (Self::AtMost(own), Self::AtMost(other)) => Some(Self::AtMost(*own.min(other))),
            _ => None,
        }
    }

    fn admits(&self, value: &Value, described: &Argument) -> bool {
        match self {
            Self::Items(most) => {
                items(value, &described.kind).is_some_and(|items| !items.is_empty() && items.is_subset(most))
            }
            Self::AtMost(most) => amount(value).is_some_and(|amount| amount <= *most),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Items(items) => {
                let shown: Vec<&str> = items.iter().take(20).map(String::as_str).collect();
                f.write_str(&shown.join(", "))?;
                if items.len() > shown.len() {
                    write!(f, " and {} more", items.len() - shown.len())?;
                }
                Ok(())
            }
            Self::AtMost(amount) => write!(f, "at most {amount}"),
        }
    }
}

/// The items of a flat list, each once; `None` where it is no such list.
fn items(value: &Value, kind: &Kind) -> Option<BTreeSet<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let all = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>()?,
        one => vec![scalar(one)?],
    };
    let count = all.len();
    let items: BTreeSet<_> = all.into_iter().map(|text| kind.normal(&text).unwrap_or(text)).collect();
    // What stands there twice may be done twice.
    (items.len() == count).then_some(items)
}

fn amount(value: &Value) -> Option<Amount> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Amount::read(&text)
}

fn rest(call: &Call, parts: &BTreeMap<String, Part>) -> Sha256 {
    let mut rest = call.clone();
    if let Some(arguments) = rest.arguments.as_object_mut() {
        arguments.retain(|name, _| !parts.contains_key(name));
    }
    rest.digest()
}

/// A call that people allowed less than.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Less {
    /// The call that was shown.
    pub of: Sha256,
    /// `server/tool`.
    pub tool: String,
    /// What may be made of it, once.
    pub cut: Cut,
    /// Whether it was.
    #[serde(default)]
    pub made: bool,
}

impl Less {
    /// Whether a call may be made.
    pub fn covers(&self, call: &Call, tool: &Tool) -> bool {
        !self.made && self.tool == call.name() && self.cut.covers(call, tool)
    }
}

impl std::fmt::Display for Less {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> =
            self.cut.parts.iter().map(|(name, part)| format!("{name}: {part}")).collect();
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Limits;
    use proptest::prelude::*;
    use serde_json::json;

    fn tool() -> Tool {
        toml::from_str(
            "effect = 'send'\n[arguments.to]\nrole = 'recipient'\nkind = 'email'\n[arguments.fee]\nrole = 'amount'\nkind = \
             'number'\n[arguments.text]\nrole = 'content'",
        )
        .unwrap()
    }

    fn call(arguments: Value) -> Call {
        Call::new("mail", "send", arguments, Limits::default()).unwrap()
    }

    fn items(items: &[&str]) -> Part {
        Part::Items(items.iter().map(|&item| item.to_owned()).collect())
    }

    #[test]
    fn less_is_the_same_call_with_fewer_items_and_less_money_and_nothing_else() {
        let asked =
            call(json!({ "to": ["a@x.example", "B@x.example", "c@x.example"], "fee": 20, "text": "hello" }));
        let cut = Cut::of(&asked, &tool()).unwrap();
        assert_eq!(cut.parts["fee"], Part::AtMost(Amount(20_000_000)));
        let to = BTreeMap::from([
            ("to".to_owned(), items(&["a@x.example", "b@x.example"])),
            ("fee".to_owned(), Part::AtMost(Amount(5_000_000))),
        ]);
        let less = cut.narrowed(&to).unwrap();
        let fits = |arguments| less.covers(&call(arguments), &tool());
        assert!(fits(json!({ "to": ["b@x.example", "A@x.example"], "fee": 5, "text": "hello" })));
        assert!(fits(json!({ "to": ["a@x.example"], "fee": "4.99", "text": "hello" })));
        for other in [
            json!({ "to": ["a@x.example", "c@x.example"], "fee": 5, "text": "hello" }),
            json!({ "to": ["a@x.example"], "fee": 5.01, "text": "hello" }),
            json!({ "to": ["a@x.example"], "fee": -1, "text": "hello" }),
            json!({ "to": ["a@x.example"], "fee": 5, "text": "another" }),
            json!({ "to": ["a@x.example"], "fee": 5, "text": "hello", "bcc": "e@x.example" }),
            json!({ "to": ["a@x.example", "a@x.example"], "fee": 5, "text": "hello" }),
            json!({ "to": [["a@x.example"]], "fee": 5, "text": "hello" }),
            json!({ "to": [], "fee": 5, "text": "hello" }),
            json!({ "fee": 5, "text": "hello" }),
            json!({ "to": ["a@x.example"], "text": "hello" }),
        ] {
            assert!(!fits(other.clone()), "{other}");
        }
    }

    #[test]
    fn a_target_that_changed_since_is_not_covered() {
        let mut asked = call(json!({ "to": ["a@x.example", "b@x.example"] }));
        asked.seen = Some(BTreeMap::from([("price".into(), "30".into())]));
        let cut = Cut::of(&asked, &tool()).unwrap();
        assert!(cut.covers(&asked, &tool()));
        asked.seen = Some(BTreeMap::from([("price".into(), "900".into())]));
        assert!(!cut.covers(&asked, &tool()));
    }

    #[test]
    fn more_nothing_and_what_is_no_part_are_no_narrowing() {
        let asked = call(json!({ "to": ["a@x.example", "b@x.example"], "fee": 20 }));
        let cut = Cut::of(&asked, &tool()).unwrap();
        for (name, part) in [
            ("to", items(&["a@x.example", "e@x.example"])),
            ("to", items(&[])),
            ("to", Part::AtMost(Amount(1))),
            ("fee", Part::AtMost(Amount(21_000_000))),
            ("fee", Part::AtMost(Amount(0))),
            ("text", items(&["a"])),
        ] {
            assert_eq!(
                cut.narrowed(&BTreeMap::from([(name.to_owned(), part.clone())])),
                None,
                "{name} {part}"
            );
        }
        assert_eq!(
            Cut::of(&call(json!({ "to": "a@x.example", "text": "x" })), &tool()),
            None,
            "one item is the whole"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_covered_is_within_what_was_asked(
            asked in proptest::collection::btree_set("[a-d]@x\\.example", 2..4),
            made in proptest::collection::vec("[a-f]@x\\.example", 0..4),
            fee in 1_u32..50, paid in 0_u32..60,
        ) {
            let whole = call(json!({ "to": asked, "fee": fee, "text": "t" }));
            let cut = Cut::of(&whole, &tool()).unwrap();
            let other = call(json!({ "to": made, "fee": paid, "text": "t" }));
            if cut.covers(&other, &tool()) {
                prop_assert!(!made.is_empty() && made.iter().all(|to| asked.contains(to)) && paid <= fee);
                prop_assert!(made.len() == made.iter().collect::<BTreeSet<_>>().len());
            }
        }
    }
}
