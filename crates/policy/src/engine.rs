//! Deciding: every policy that forbids is heard, and the hardest of them is what becomes of the release.

use crate::attribute::{Client, Facts, Settings};
use crate::entity::{Names, Refused};
use crate::load::{self, Loaded, NO_CODE, Rule, Source};
use crate::template::printable;
use crate::{Mode, PolicyProblem, PolicyProblems};
use cedar_policy as cedar;
use cedar_policy::Decision::Allow;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::ruling::{Action, Decision, Effect, Principal};

/// The code of a decision that a policy's failure made.
const FAILED: &str = "TM0906";

/// Policies that may decide.
pub struct PolicySet {
    loaded: Loaded,
    names: Names,
    authorizer: cedar::Authorizer,
}

/// What policies make of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The decision. Its `until` is not set: policies know ages, and no instants.
    pub decision: Decision,
    /// Every policy that said something against it, the hardest first; those in preview too.
    pub fired: Vec<Fired>,
    /// The age in hours at which one of those that refuse it may stop.
    pub passes_at: Option<i64>,
    /// The age in hours before which nothing changes by age alone.
    pub changes_at: Option<i64>,
}

/// A policy that said something against a release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fired {
    /// The policy.
    #[serde(flatten)]
    pub rule: Arc<Rule>,
    /// Its reason, filled in.
    pub reason: String,
}

impl Fired {
    /// What it comes to: a preview refuses nothing.
    pub fn weight(&self) -> Effect {
        match self.rule.mode {
            Mode::Enforce => self.rule.effect,
            Mode::Preview | Mode::Off => self.rule.effect.min(Effect::Warn),
        }
    }

    /// The line for the person: what a preview would have done is said before its reason.
    fn line(&self) -> String {
        if self.rule.mode == Mode::Preview && self.rule.effect.refuses() {
            return format!(
                "preview of {}: would {}: {}",
                self.rule.id,
                self.rule.effect.as_str(),
                self.reason
            );
        }
        self.reason.clone()
    }
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicySet").field("rules", &self.loaded.rules.len()).finish()
    }
}

impl PolicySet {
    /// Reads and checks files. `modes` has the mode of single policies by id, where it is not their set's.
    ///
    /// # Errors
    /// Every problem of every file, each with its place.
    pub fn parse(sources: &[Source], modes: &BTreeMap<String, Mode>) -> Result<Self, PolicyProblems> {
        let loaded = load::load(sources, modes)?;
        let names = Names::new()
            .map_err(|Refused(why)| PolicyProblems(vec![PolicyProblem::at("schema", "", 0, 0, why, None)]))?;
        Ok(Self { loaded, names, authorizer: cedar::Authorizer::new() })
    }

    /// Every policy, ordered by set and id.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        let mut rules: Vec<_> = self.loaded.rules.values().cloned().collect();
        rules.sort_by(|a, b| (&a.set, &a.id).cmp(&(&b.set, &b.id)));
        rules
    }

    /// Whether any policy looks at who asks: if none does, one decision serves everybody.
    pub fn names_principal(&self) -> bool {
        self.loaded.names_principal
    }

    /// Decides.
    pub fn decide(
        &self,
        principal: &Principal,
        action: Action,
        facts: &Facts,
        settings: &Settings,
    ) -> Outcome {
        let client = Client::from(principal);
        let (request, entities) = match self.names.request(&client, action, facts, settings) {
            Ok(made) => made,
            Err(Refused(why)) => return self.refused("the request", &why),
        };
        let response = self.authorizer.is_authorized(&request, &self.loaded.forbids, &entities);
        let mut fired: Vec<Fired> = Vec::new();
        for error in response.diagnostics().errors() {
            fired.push(self.failure(error));
        }
        for id in response.diagnostics().reason() {
            let Some(rule) = self.loaded.rules.get(id) else { continue };
            fired
                .push(Fired { rule: Arc::clone(rule), reason: rule.reason.render(facts, settings, &client) });
        }
        if let Some(unpermitted) = self.unpermitted(&request, &entities) {
            fired.push(unpermitted);
        }
        fired.sort_by(|a, b| {
            let weigh = |fired: &Fired| (fired.weight(), fired.rule.effect);
            weigh(b)
                .cmp(&weigh(a))
                .then_with(|| a.rule.code.cmp(&b.rule.code))
                .then_with(|| a.rule.id.cmp(&b.rule.id))
        });
        self.outcome(fired, facts, settings)
    }

    /// Why no permit counts, if none does.
    fn unpermitted(&self, request: &cedar::Request, entities: &cedar::Entities) -> Option<Fired> {
        if self.loaded.permits_all {
            return None;
        }
        let response = self.authorizer.is_authorized(request, &self.loaded.permits, entities);
        if response.decision() == Allow {
            return None;
        }
        let failed = response.diagnostics().errors().next().map(|error| self.failure(error));
        Some(
            failed.unwrap_or_else(|| {
                own_rule("permit", NO_CODE, "no policy permits it".to_owned(), Mode::Enforce)
            }),
        )
    }

    /// A policy that could not be evaluated: Cedar skips it, and what it might have refused would pass.
    fn failure(&self, error: &cedar::AuthorizationError) -> Fired {
        let cedar::AuthorizationError::PolicyEvaluationError(error) = error;
        let id = error.policy_id();
        let mode = self.loaded.rules.get(id).map_or(Mode::Enforce, |rule| rule.mode);
        let mut reason = String::new();
        printable(&mut reason, &format!("policy {id} cannot be evaluated: {}", error.inner()), 300);
        own_rule(id.as_ref(), FAILED, reason, mode)
    }

    fn refused(&self, what: &str, why: &str) -> Outcome {
        let mut reason = String::new();
        printable(&mut reason, &format!("{what} cannot be evaluated: {why}"), 300);
        let fired = vec![own_rule("evaluation", FAILED, reason, Mode::Enforce)];
        self.outcome(fired, &Facts::default(), &Settings::default())
    }

    fn outcome(&self, fired: Vec<Fired>, facts: &Facts, settings: &Settings) -> Outcome {
        let effect = fired.first().map_or(Effect::Allow, Fired::weight);
        let first_change = |id: &cedar::PolicyId| {
            let thresholds = self.loaded.thresholds.get(id)?;
            thresholds.iter().filter_map(|one| one.above(facts.age_hours, settings)).min()
        };
        let passes_at = fired
            .iter()
            .filter(|fired| fired.weight().refuses())
            .filter_map(|fired| first_change(&cedar::PolicyId::new(&fired.rule.id)))
            .min();
        let changes_at = self.loaded.thresholds.keys().filter_map(first_change).min();
        let decisive = fired.first();
        let decision = Decision {
            effect,
            code: decisive.map_or(Cow::Borrowed(""), |fired| Cow::Owned(fired.rule.code.clone())),
            reason: decisive.map(Fired::line).unwrap_or_default(),
            policies: fired.iter().map(|fired| fired.rule.id.clone()).collect(),
            overridden_by: None,
            until: None,
        };
        Outcome { decision, fired, passes_at, changes_at }
    }
}

/// What the engine itself says, in the shape of a policy.
fn own_rule(id: &str, code: &str, reason: String, mode: Mode) -> Fired {
    let rule = Rule {
        id: id.to_owned(),
        effect: Effect::Block,
        code: code.to_owned(),
        doc: String::new(),
        set: "engine".to_owned(),
        mode,
        file: String::new(),
        reason: crate::template::Template::default(),
    };
    Fired { rule: Arc::new(rule), reason }
}
