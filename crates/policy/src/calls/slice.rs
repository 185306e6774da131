//! Which of all policies can apply to an action, and what of a call they look at: only those are asked, and only that is told
//! to them. What policies say is the same as if all were asked: one whose scope another action is in never applies.

use cedar_policy as cedar;
use cedar_policy::{ActionConstraint, EntityUid};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The policies that can apply to an action.
pub(super) struct Slice {
    /// They.
    pub(super) set: cedar::PolicySet,
    /// Members of the context that they look at; `None` where one of them may look at any.
    members: Option<BTreeSet<String>>,
}

impl Slice {
    /// The slices of a set, by action.
    pub(super) fn of_each<'a>(
        set: &cedar::PolicySet,
        entities: &cedar::Entities,
        actions: impl Iterator<Item = &'a EntityUid>,
    ) -> HashMap<EntityUid, Arc<Self>> {
        let policies: Vec<Policy> = set.policies().map(Policy::new).collect();
        // Tools of one effect mostly have the same.
        let mut known: HashMap<Vec<bool>, Arc<Self>> = HashMap::new();
        let slice = |action: &EntityUid| {
            let applies: Vec<bool> = policies.iter().map(|one| one.applies(action, entities)).collect();
            let slice = known.entry(applies).or_insert_with_key(|applies| {
                let those = policies.iter().zip(applies).filter(|(_, applies)| **applies);
                Arc::new(Self::new(those.map(|(policy, _)| policy), set))
            });
            (action.clone(), Arc::clone(slice))
        };
        actions.map(slice).collect()
    }

    fn new<'a>(policies: impl Iterator<Item = &'a Policy<'a>>, all: &cedar::PolicySet) -> Self {
        let (mut set, mut members) = (cedar::PolicySet::new(), Some(BTreeSet::new()));
        for policy in policies {
            // What cannot be taken out of the set is asked with all the others: no policy is ever left out.
            if set.add(policy.policy.clone()).is_err() {
                return Self { set: all.clone(), members: None };
            }
            members = members.zip(policy.members.as_ref()).map(|(mut all, more)| {
                all.extend(more.iter().cloned());
                all
            });
        }
        Self { set, members }
    }

    /// Whether one of them may look at this member of the context.
    pub(super) fn looks_at(&self, member: &str) -> bool {
        self.members.as_ref().is_none_or(|members| members.contains(member))
    }
}

/// A policy, and what it looks at.
struct Policy<'a> {
    policy: &'a cedar::Policy,
    scope: ActionConstraint,
    members: Option<BTreeSet<String>>,
}

impl<'a> Policy<'a> {
    fn new(policy: &'a cedar::Policy) -> Self {
        let mut members = BTreeSet::new();
        let all = policy.to_json().is_ok_and(|json| note(&json, &mut members));
        Self { policy, scope: policy.action_constraint(), members: all.then_some(members) }
    }

    fn applies(&self, action: &EntityUid, entities: &cedar::Entities) -> bool {
        let is_in = |group: &EntityUid| group == action || entities.is_ancestor_of(group, action);
        match &self.scope {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(only) => only == action,
            ActionConstraint::In(groups) => groups.iter().any(is_in),
        }
    }
}

/// Notes the members of the context that an expression (in Cedar's JSON form) names. `false` if it may look at others too.
fn note(expression: &Value, members: &mut BTreeSet<String>) -> bool {
    let context = json!({ "Var": "context" });
    if *expression == context {
        return false;
    }
    match expression {
        Value::Array(items) => items.iter().all(|item| note(item, members)),
        Value::Object(map) => map.iter().all(|(operator, inner)| {
            if !matches!(operator.as_str(), "." | "has") || inner.get("left") != Some(&context) {
                return note(inner, members);
            }
            let member = inner.get("attr").and_then(Value::as_str);
            member.is_some_and(|member| {
                members.insert(member.to_owned());
                true
            })
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_at(text: &str) -> Option<BTreeSet<String>> {
        let policy = cedar::Policy::parse(None, text).unwrap();
        Policy::new(&policy).members
    }

    #[test]
    fn a_policy_looks_at_what_it_names_and_at_all_where_it_takes_the_context_whole() {
        let named = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        for (condition, members) in [
            ("context.a && !(context.b < 2)", named(&["a", "b"])),
            ("context has c && context.c.d == \"x\"", named(&["c"])),
            ("context[\"e f\"]", named(&["e f"])),
            ("[context.a, context.b].contains(context.g)", named(&["a", "b", "g"])),
            ("{ \"Var\": \"context\" } == { \"Var\": context.h }", named(&["h"])),
            ("principal == Agent::\"context\"", named(&[])),
            ("context == { a: 1 }", None),
            ("(if context.a then context else context).b", None),
            ("{ whole: context }.whole has b", None),
        ] {
            let text = format!("permit (principal, action, resource) when {{ {condition} }};");
            assert_eq!(looks_at(&text), members, "{condition}");
        }
    }
}
