//! What a person's form says of a plan.

use crate::engine::Approved;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::Sha256;
use trustmill_guard::lease::{Amount, Plan, PlannedCall};
use trustmill_guard::narrow::Part;

/// How long a lease from the page lasts where the form does not say it, in seconds.
pub(super) const LASTS: u64 = 3600;

/// A field of a form; empty where there is none.
pub(super) fn field(form: &[u8], name: &str) -> String {
    fields(form, name).next().unwrap_or_default()
}

fn fields<'a>(form: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    form_urlencoded::parse(form).filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The value of the field of an item: the call, the argument's place in it, the item's place in that.
pub(super) fn item(call: &Sha256, argument: usize, item: usize) -> String {
    format!("{call}.{argument}.{item}")
}

/// The name of the field of an amount.
pub(super) fn most(call: &Sha256, argument: usize) -> String {
    format!("most.{call}.{argument}")
}

/// What one person picked of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picked {
    /// Calls, with what may be of those that can be less.
    calls: BTreeMap<Sha256, BTreeMap<String, Part>>,
    /// For how long, in seconds.
    seconds: u64,
}

impl Picked {
    /// Reads a form.
    pub(super) fn read(form: &[u8], plan: &Plan) -> Result<Self, &'static str> {
        let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(form) {
            said.entry(name.into_owned()).or_default().insert(value.into_owned());
        }
        let nothing = BTreeSet::new();
        let ticked = said.get("call").unwrap_or(&nothing);
        let mut calls = BTreeMap::new();
        for call in plan.calls().iter().filter(|call| ticked.contains(&call.digest.to_string())) {
            if let Some(parts) = parts(&said, call)? {
                calls.insert(call.digest, parts);
            }
        }
        let number = |name: &str| match field(form, name).trim() {
            "" => Ok(None),
            text => text.parse::<u64>().map(Some).map_err(|_| "A number is written in digits."),
        };
        if let Some(first) = number("first")? {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            let order = plan.calls().iter().map(|call| call.digest);
            let keep: BTreeSet<Sha256> = order.filter(|of| calls.contains_key(of)).take(first).collect();
            calls.retain(|of, _| keep.contains(of));
        }
        if calls.is_empty() {
            return Err("Nothing was picked, so nothing was approved.");
        }
        Ok(Self { calls, seconds: number("lasts")?.unwrap_or(LASTS) })
    }

    /// What all of these people picked.
    pub(super) fn of_all(people: &BTreeMap<String, Self>) -> Approved {
        let mut picks = people.values();
        let mut all = picks.next().cloned().unwrap_or_default();
        for next in picks {
            all.seconds = all.seconds.min(next.seconds);
            all.calls = all
                .calls
                .into_iter()
                .filter_map(|(call, parts)| Some((call, both(&parts, next.calls.get(&call)?)?)))
                .collect();
        }
        Approved {
            by: people.keys().cloned().collect(),
            keep: Some(all.calls.keys().copied().collect()),
            less: all.calls.into_iter().filter(|(_, parts)| !parts.is_empty()).collect(),
            seconds: all.seconds,
        }
    }
}

fn both(one: &BTreeMap<String, Part>, other: &BTreeMap<String, Part>) -> Option<BTreeMap<String, Part>> {
    one.iter().map(|(name, part)| Some((name.clone(), part.both(other.get(name)?)?))).collect()
}

/// What a form says of the parts of a call. `None` where it leaves nothing of one.
fn parts(
    said: &BTreeMap<String, BTreeSet<String>>,
    call: &PlannedCall,
) -> Result<Option<BTreeMap<String, Part>>, &'static str> {
    let mut parts = BTreeMap::new();
    for (place, (name, whole)) in call.cut.iter().flat_map(|cut| &cut.parts).enumerate() {
        let part = match whole {
            Part::Items(items) => {
                let ticked = said.get("item");
                let kept = items.iter().enumerate().filter(|(number, _)| {
                    ticked.is_some_and(|ticked| ticked.contains(&item(&call.digest, place, *number)))
                });
                let kept: BTreeSet<String> = kept.map(|(_, text)| text.clone()).collect();
                if kept.is_empty() {
                    return Ok(None);
                }
                Part::Items(kept)
            }
            Part::AtMost(_) => match said.get(&most(&call.digest, place)).and_then(BTreeSet::first) {
                None => whole.clone(),
                Some(text) => {
                    let amount = Amount::parse(text.trim());
                    Part::AtMost(
                        amount.ok_or("An amount is written in digits, with a point for its decimals.")?,
                    )
                }
            },
        };
        parts.insert(name.clone(), part);
    }
    Ok(Some(parts))
}
