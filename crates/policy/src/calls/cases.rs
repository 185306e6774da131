//! Cases: what policies are expected to make of made-up calls. `trustmill guard policy --test` runs them.

use super::{Asked, Decision, EFFECTS, Facts, Policies, Ruling};
use crate::cases::CasesError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Written>,
}

/// A case as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    effect: Option<String>,
    tool: Option<String>,
    #[serde(default)]
    facts: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    input: BTreeMap<String, BTreeSet<String>>,
    expect: Decision,
    rule: Option<String>,
}

/// A made-up call, and what is expected.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about.
    pub name: String,
    tool: String,
    facts: Facts,
    input: BTreeMap<String, BTreeSet<String>>,
    expect: Decision,
    rule: Option<String>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// The decision.
    pub decision: Decision,
    /// The policy.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// What is not as expected; nothing if the case holds.
    pub wrong: Vec<String>,
}

/// A call in a running task that touches only what the user means, and that nobody asked for.
pub fn plain() -> Facts {
    Facts {
        agent: "agent".into(),
        owner: "ann".into(),
        session: true,
        known: true,
        approvers_needed: 1,
        reversible: true,
        label: "public".into(),
        grounded: true,
        meant: true,
        audience_named: true,
        ceiling: 10,
        pay_most: i64::MAX,
        rate_ceiling: i64::MAX,
        ..Facts::default()
    }
}

/// Reads cases. What a case does not say is as of [`plain`].
///
/// # Errors
/// [`CasesError`] names the case.
pub fn parse(text: &str) -> Result<Vec<Case>, CasesError> {
    let file: File = toml::from_str(text).map_err(|error| CasesError::Syntax(error.to_string()))?;
    file.case.into_iter().map(case).collect()
}

fn case(written: Written) -> Result<Case, CasesError> {
    let wrong =
        |name: &str| CasesError::Attribute { case: written.name.clone(), of: "facts", name: name.to_owned() };
    let mut facts = plain();
    for (name, value) in &written.facts {
        if !facts.set(name, value) {
            return Err(wrong(name));
        }
    }
    let tool = match (written.tool, written.effect) {
        (Some(tool), None) => tool,
        (None, Some(effect)) if EFFECTS.contains(&effect.as_str()) => format!("any/{effect}"),
        _ => return Err(wrong("effect")),
    };
    let (name, expect, rule, input) = (written.name, written.expect, written.rule, written.input);
    Ok(Case { name, tool, facts, input, expect, rule })
}

impl Case {
    /// Asks the policies.
    pub fn run(&self, policies: &Policies) -> CaseResult {
        let asked = Asked { tool: &self.tool, facts: &self.facts, input: &self.input };
        let Ruling { decision, rule, reason } = policies.decide(&asked);
        let mut wrong = Vec::new();
        if decision != self.expect {
            wrong.push(format!("expected {}, got {}", self.expect.as_str(), decision.as_str()));
        }
        if let Some(expected) = self.rule.as_ref().filter(|expected| **expected != rule) {
            wrong.push(format!("expected {expected} to decide, it was {rule}"));
        }
        CaseResult { name: self.name.clone(), decision, rule, reason, wrong }
    }
}
