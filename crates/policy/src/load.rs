//! From policy files to policies that may decide: parsed, complete, and checked against the schema. All problems of all
//! files are found at once.

use crate::ages::{self, Threshold};
use crate::template::Template;
use crate::{Mode, PolicyProblem, PolicyProblems, schema};
use cedar_policy as cedar;
use miette::Diagnostic;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;
use std::sync::Arc;
use trustmill_core::ruling::Effect;

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, for people.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The set that it belongs to: `shipped`, or as the configuration names it.
    pub set: String,
    /// What the set's refusals are worth.
    pub mode: Mode,
}

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// `@id`: unique over all files.
    pub id: String,
    /// `@effect`: what becomes of a release that it forbids; [`Effect::Allow`] for a permit.
    pub effect: Effect,
    /// `@code`, or the one of policies without.
    pub code: String,
    /// `@doc`: one sentence for people.
    pub doc: String,
    /// The set that it belongs to.
    pub set: String,
    /// Whether what it refuses is refused.
    pub mode: Mode,
    /// The file that it stands in.
    pub file: String,
    #[serde(skip)]
    pub(crate) reason: Template,
}

/// Everything that deciding takes.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) permits: cedar::PolicySet,
    pub(crate) forbids: cedar::PolicySet,
    pub(crate) rules: HashMap<cedar::PolicyId, Arc<Rule>>,
    /// By policy, the ages at which it may answer otherwise.
    pub(crate) thresholds: HashMap<cedar::PolicyId, Vec<Threshold>>,
    /// Whether a permit permits everything, so that none need be asked.
    pub(crate) permits_all: bool,
    /// Whether any policy looks at who asks.
    pub(crate) names_principal: bool,
}

/// The code of a refusal by a policy that has none of its own.
pub(crate) const NO_CODE: &str = "TM0905";

/// The longest policy file, in bytes, and the most policies of all files.
pub(crate) const LONGEST_FILE: usize = 1 << 20;
pub(crate) const MOST_POLICIES: usize = 2000;

const ANNOTATIONS: [&str; 5] = ["id", "code", "effect", "reason", "doc"];

/// Reads files; `modes` has the mode of single policies by id, where it is not their set's.
pub(crate) fn load(sources: &[Source], modes: &BTreeMap<String, Mode>) -> Result<Loaded, PolicyProblems> {
    let mut reading = Reading::default();
    for source in sources.iter().filter(|source| source.mode != Mode::Off) {
        reading.file(source, modes);
    }
    for id in modes.keys().filter(|id| !reading.seen.contains_key(*id)) {
        // A set that is off has no policies: saying so twice is no mistake.
        let off = sources.iter().any(|source| source.mode == Mode::Off);
        if !off {
            reading.problems.push(PolicyProblem::at(
                "configuration",
                "",
                0,
                0,
                format!("[policy.modes] names {id:?}, and no policy has that id"),
                Some("`trustmill policy check` lists the ids".into()),
            ));
        }
    }
    reading.validate(sources);
    if reading.problems.is_empty() { Ok(reading.loaded) } else { Err(PolicyProblems(reading.problems)) }
}

/// Files as far as they were read.
struct Reading {
    loaded: Loaded,
    problems: Vec<PolicyProblem>,
    /// Ids with the file that each stands in.
    seen: HashMap<String, String>,
}

impl Default for Reading {
    fn default() -> Self {
        let loaded = Loaded {
            permits: cedar::PolicySet::new(),
            forbids: cedar::PolicySet::new(),
            rules: HashMap::new(),
            thresholds: HashMap::new(),
            permits_all: false,
            names_principal: false,
        };
        Self { loaded, problems: Vec::new(), seen: HashMap::new() }
    }
}

impl Reading {
    fn file(&mut self, source: &Source, modes: &BTreeMap<String, Mode>) {
        if source.text.len() > LONGEST_FILE {
            let message = format!("the file has more than {LONGEST_FILE} bytes");
            return self.problems.push(PolicyProblem::at(&source.file, "", 0, 0, message, None));
        }
        let parsed = match cedar::PolicySet::from_str(&source.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                return self.problems.extend(errors.iter().map(|error| diagnosed(source, error, 0)));
            }
        };
        for template in parsed.templates() {
            let at = place(source, &template.to_string());
            self.problem(source, at, "templates (`?principal`, `?resource`) have no meaning here", None);
        }
        for policy in parsed.policies() {
            self.policy(source, policy, modes);
        }
        if self.seen.len() > MOST_POLICIES {
            self.problem(source, 0..0, format!("there are more than {MOST_POLICIES} policies"), None);
        }
    }

    fn problem(
        &mut self,
        source: &Source,
        at: std::ops::Range<usize>,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let hint = hint.map(str::to_owned);
        self.problems.push(PolicyProblem::at(&source.file, &source.text, at.start, at.end, message, hint));
    }

    fn policy(&mut self, source: &Source, policy: &cedar::Policy, modes: &BTreeMap<String, Mode>) {
        let at = place(source, &policy.to_string());
        for (name, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
            let known = ANNOTATIONS.map(|name| format!("@{name}")).join(", ");
            let message = format!("@{name} has no meaning here; the annotations are {known}");
            self.problem(source, at.clone(), message, None);
        }
        let Some(id) = policy.annotation("id").filter(|id| is_id(id)) else {
            let hint = "write @id(\"lower-case-words-with-dashes\") before it";
            return self.problem(source, at, "the policy has no @id, or one that is none", Some(hint));
        };
        if let Some(file) = self.seen.insert(id.to_owned(), source.file.clone()) {
            let message = format!("another policy has the @id {id:?}, in {file}");
            return self.problem(source, at, message, Some("an id is unique over all files"));
        }
        let mode = modes.get(id).copied().unwrap_or(source.mode);
        if mode == Mode::Off {
            return;
        }
        let rule = match rule(source, policy, id, mode) {
            Ok(rule) => rule,
            Err((message, hint)) => return self.problem(source, at, message, Some(hint)),
        };
        let Ok(json) = policy.to_json() else {
            return self.problem(source, at, "the policy has no JSON form", None);
        };
        self.take(rule, policy, &json);
    }

    fn take(&mut self, rule: Rule, policy: &cedar::Policy, json: &serde_json::Value) {
        let id = cedar::PolicyId::new(&rule.id);
        let loaded = &mut self.loaded;
        let permits = policy.effect() == cedar::Effect::Permit;
        loaded.permits_all |= permits && ages::is_unconditional(json);
        loaded.names_principal |= ages::names_principal(json) || rule.reason.names_client();
        loaded.thresholds.insert(id.clone(), ages::thresholds(json));
        let set = if permits { &mut loaded.permits } else { &mut loaded.forbids };
        // The only reason for a refusal is an id that is there, and ids are unique.
        if set.add(policy.new_id(id.clone())).is_ok() {
            loaded.rules.insert(id, Arc::new(rule));
        }
    }

    /// Types and names, by Cedar's strict validator.
    fn validate(&mut self, sources: &[Source]) {
        let schema = match cedar::Schema::from_cedarschema_str(&schema::cedar()) {
            Ok((schema, _)) => schema,
            Err(error) => {
                let message = error.to_string();
                return self.problems.push(PolicyProblem::at("schema", "", 0, 0, message, None));
            }
        };
        let validator = cedar::Validator::new(schema);
        let mut problems = Vec::new();
        for set in [&self.loaded.permits, &self.loaded.forbids] {
            let result = validator.validate(set, cedar::ValidationMode::Strict);
            problems.extend(result.validation_errors().filter_map(|error| {
                let file = &self.loaded.rules.get(error.policy_id())?.file;
                let source = sources.iter().find(|source| source.file == *file)?;
                let policy = set.policy(error.policy_id()).map(ToString::to_string).unwrap_or_default();
                Some(diagnosed(source, error, place(source, &policy).start))
            }));
            let unplaced = !result.validation_passed() && problems.is_empty();
            if unplaced {
                problems.push(PolicyProblem::at("policies", "", 0, 0, "they do not fit the schema", None));
            }
        }
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        self.problems.extend(problems);
    }
}

/// Reads the annotations of a policy; else what is wrong, and what to do.
fn rule(
    source: &Source,
    policy: &cedar::Policy,
    id: &str,
    mode: Mode,
) -> Result<Rule, (String, &'static str)> {
    let effect = match (policy.effect(), policy.annotation("effect")) {
        (cedar::Effect::Permit, None) => Effect::Allow,
        (cedar::Effect::Permit, Some(_)) => {
            return Err(("a permit has no @effect".into(), "only a forbid says what becomes of a release"));
        }
        (cedar::Effect::Forbid, Some("block")) => Effect::Block,
        (cedar::Effect::Forbid, Some("hold")) => Effect::Hold,
        (cedar::Effect::Forbid, Some("warn")) => Effect::Warn,
        (cedar::Effect::Forbid, found) => {
            let message = found.map_or_else(
                || format!("{id} has no @effect"),
                |found| format!("@effect({found:?}) is none"),
            );
            return Err((message, "write @effect(\"block\"), @effect(\"hold\") or @effect(\"warn\")"));
        }
    };
    let code = policy.annotation("code").unwrap_or(NO_CODE);
    if !is_code(code) {
        return Err((
            format!("@code({code:?}) is no code"),
            "a code is 2 to 8 capitals and then digits: TM0905",
        ));
    }
    let reason = policy.annotation("reason").unwrap_or_default();
    if effect != Effect::Allow && reason.trim().is_empty() {
        return Err((format!("{id} has no @reason"), "say in one line why, for the person who is refused"));
    }
    let reason = Template::parse(reason).map_err(|why| {
        (format!("@reason: {why}"), "names in braces are attributes: docs/policy.md lists them")
    })?;
    Ok(Rule {
        id: id.to_owned(),
        effect,
        code: code.to_owned(),
        doc: policy.annotation("doc").unwrap_or_default().to_owned(),
        set: source.set.clone(),
        mode,
        file: source.file.clone(),
        reason,
    })
}

pub(crate) fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

fn is_code(text: &str) -> bool {
    let letters = text.chars().take_while(char::is_ascii_uppercase).count();
    let digits = text.chars().skip(letters).filter(char::is_ascii_digit).count();
    (2..=8).contains(&letters) && (1..=8).contains(&digits) && letters + digits == text.chars().count()
}

/// Where a policy stands in its file.
pub(crate) fn place(source: &Source, policy: &str) -> std::ops::Range<usize> {
    let start = source.text.find(policy.trim()).unwrap_or(0);
    start..start + policy.lines().next().map_or(0, str::len)
}

/// Cedar's own words, with the place that it names, else with `fallback`.
pub(crate) fn diagnosed(
    source: &Source,
    error: &(impl Diagnostic + ?Sized),
    fallback: usize,
) -> PolicyProblem {
    let label = error.labels().and_then(|mut labels| labels.next());
    let start = label.as_ref().map_or(fallback, |label| label.offset());
    let length = label.as_ref().map_or(0, |label| label.len());
    let told = label.as_ref().and_then(|label| label.label().map(str::to_owned));
    let message = match told.filter(|told| !told.is_empty()) {
        Some(told) => format!("{error}: {told}"),
        None => error.to_string(),
    };
    let hint = error.help().map(|help| help.to_string());
    PolicyProblem::at(&source.file, &source.text, start, start.saturating_add(length), message, hint)
}
