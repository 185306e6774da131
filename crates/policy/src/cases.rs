//! Cases: what policies are expected to make of made-up releases. `trustmill policy test` runs them.

use crate::attribute::{Facts, Settings};
use crate::engine::{Outcome, PolicySet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::Purl;
use trustmill_core::ruling::{Action, Effect, Principal};

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Written>,
}

/// A case as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    purl: Purl,
    #[serde(default)]
    action: Action,
    #[serde(default)]
    principal: Principal,
    #[serde(default)]
    facts: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    settings: BTreeMap<String, serde_json::Value>,
    expect: Effect,
    code: Option<String>,
    policy: Option<String>,
}

/// A release, who asks, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is about.
    pub name: String,
    principal: Principal,
    action: Action,
    facts: Facts,
    settings: Settings,
    expect: Effect,
    code: Option<String>,
    policy: Option<String>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// What became of the release.
    pub effect: Effect,
    /// With which code.
    pub code: String,
    /// With which reason.
    pub reason: String,
    /// The policies that fired.
    pub policies: Vec<String>,
    /// What is not as expected; nothing if the case holds.
    pub wrong: Vec<String>,
}

/// Why a file holds no cases.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// Not the TOML of cases.
    #[error("the cases cannot be read: {0}")]
    Syntax(String),
    /// An attribute that is none, or a value of another type.
    #[error("case {case:?}: {of}.{name} is no attribute, or has another type")]
    Attribute {
        /// The case.
        case: String,
        /// `facts` or `settings`.
        of: &'static str,
        /// The name.
        name: String,
    },
    /// A case is about a release.
    #[error("case {case:?}: {purl} names no version")]
    Versionless {
        /// The case.
        case: String,
        /// What it names.
        purl: Box<Purl>,
    },
}

impl trustmill_core::port::Coded for CasesError {
    fn code(&self) -> &'static str {
        "TM0920"
    }

    fn help(&self) -> String {
        "docs/policy.md shows a case; the attributes are in its table, with their types".into()
    }
}

/// Reads cases. What a case does not say of its release is as of one that nothing is known against: old, judged
/// `identical`. `settings` gives the configuration's settings by ecosystem.
///
/// # Errors
/// [`CasesError`] names the case.
pub fn parse(text: &str, settings: impl Fn(&str) -> Settings) -> Result<Vec<Case>, CasesError> {
    let file: File = toml::from_str(text).map_err(|error| CasesError::Syntax(error.to_string()))?;
    file.case.into_iter().map(|written| case(written, &settings)).collect()
}

fn case(written: Written, defaults: &impl Fn(&str) -> Settings) -> Result<Case, CasesError> {
    let name = written.name;
    let Some(version) = written.purl.version() else {
        return Err(CasesError::Versionless { case: name, purl: Box::new(written.purl) });
    };
    let project = written.purl.name();
    let mut facts = Facts {
        ecosystem: written.purl.ty().into(),
        namespace: project.rsplit_once('/').map_or("", |(scope, _)| scope).into(),
        version: version.into(),
        age_hours: 10_000,
        age_known: true,
        verdict: "identical".into(),
        source: "none".into(),
        severity: "none".into(),
        malware: "unknown".into(),
        repaired: "none".into(),
        name: project.into(),
        ..Facts::default()
    };
    let wrong =
        |of, name_of: &str| CasesError::Attribute { case: name.clone(), of, name: name_of.to_owned() };
    for (attribute, value) in &written.facts {
        if !facts.set(attribute, value) {
            return Err(wrong("facts", attribute));
        }
    }
    let mut settings = defaults(written.purl.ty());
    for (attribute, value) in &written.settings {
        if !settings.set(attribute, value) {
            return Err(wrong("settings", attribute));
        }
    }
    Ok(Case {
        principal: written.principal,
        action: written.action,
        facts,
        settings,
        expect: written.expect,
        code: written.code,
        policy: written.policy,
        name,
    })
}

impl Case {
    /// Asks the policies.
    pub fn run(&self, policies: &PolicySet) -> CaseResult {
        let Outcome { decision, .. } =
            policies.decide(&self.principal, self.action, &self.facts, &self.settings);
        let mut wrong = Vec::new();
        if decision.effect != self.expect {
            wrong.push(format!("expected {}, got {}", self.expect.as_str(), decision.effect.as_str()));
        }
        if self.code.as_deref().is_some_and(|code| code != decision.code) {
            wrong.push(format!(
                "expected {}, got {:?}",
                self.code.as_deref().unwrap_or_default(),
                decision.code
            ));
        }
        if let Some(policy) = self.policy.as_ref().filter(|policy| !decision.policies.contains(policy)) {
            wrong.push(format!("expected {policy} to fire, and it did not"));
        }
        CaseResult {
            name: self.name.clone(),
            effect: decision.effect,
            code: decision.code.into_owned(),
            reason: decision.reason,
            policies: decision.policies,
            wrong,
        }
    }
}
