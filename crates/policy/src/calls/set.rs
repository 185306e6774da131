//! Policies of calls: read, checked, and asked.

use super::slice::Slice;
use super::{ACTING, Decision, EFFECTS, Facts, Tool, UNDESCRIBED, acts, schema, shipped};
use crate::attribute::Value;
use crate::entity::expression;
use crate::load::{LONGEST_FILE, MOST_POLICIES, diagnosed, is_id, place};
use crate::template::Template;
use crate::{PolicyProblem, PolicyProblems, Source};
use cedar_policy as cedar;
use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::Arc;

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// `@id`: unique over all files; records name it.
    pub id: String,
    /// What it says where it applies.
    pub decision: Decision,
    /// `@doc`: one sentence for people.
    pub doc: String,
    /// The set that it belongs to.
    pub set: String,
    /// The file that it stands in.
    pub file: String,
    #[serde(skip)]
    reason: Template,
    /// Its place over all files: of those that say the same, the first is named.
    #[serde(skip)]
    order: usize,
}

/// Policies that may decide over calls.
pub struct Policies {
    slices: HashMap<EntityUid, Arc<Slice>>,
    rules: HashMap<cedar::PolicyId, Arc<Rule>>,
    entities: cedar::Entities,
    actions: HashMap<String, EntityUid>,
    undescribed: EntityUid,
    agent: EntityTypeName,
    server: EntityTypeName,
    authorizer: cedar::Authorizer,
}

/// A call that is asked about.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// `server/tool`.
    pub tool: &'a str,
    /// What is known of it.
    pub facts: &'a Facts,
    /// Its arguments that decide something, with their values; credentials MUST NOT be among them.
    pub input: &'a BTreeMap<String, BTreeSet<String>>,
}

/// What policies make of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of it.
    pub decision: Decision,
    /// The policy that decided: the first of those that say so.
    pub rule: String,
    /// Why.
    pub reason: String,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("rules", &self.rules.len()).finish()
    }
}

impl Policies {
    /// The shipped policies and those of `own`, for these tools.
    ///
    /// # Errors
    /// Every problem of every file, each with its place.
    pub fn with_own(own: &[Source], tools: &[Tool]) -> Result<Self, PolicyProblems> {
        let shipped = shipped::sources();
        Self::parse(shipped.iter().chain(own), tools, own)
    }

    /// Exactly these policies, for tools by their effects alone.
    ///
    /// # Errors
    /// As for [`Policies::with_own`].
    pub fn only(sources: &[Source]) -> Result<Self, PolicyProblems> {
        Self::parse(sources.iter(), &[], sources)
    }

    /// The same tools under other policies, which are not held against the schema: for changes of policies that were.
    ///
    /// # Errors
    /// As for [`Policies::with_own`], but for types.
    pub fn exchanged(&self, sources: &[Source]) -> Result<Self, PolicyProblems> {
        let mut reading = Reading::default();
        sources.iter().for_each(|source| reading.file(source));
        if !reading.problems.is_empty() {
            return Err(PolicyProblems(reading.problems));
        }
        let all = self.actions.values().chain([&self.undescribed]);
        Ok(Self {
            slices: Slice::of_each(&reading.set, &self.entities, all),
            rules: reading.rules,
            entities: self.entities.clone(),
            actions: self.actions.clone(),
            undescribed: self.undescribed.clone(),
            agent: self.agent.clone(),
            server: self.server.clone(),
            authorizer: cedar::Authorizer::new(),
        })
    }

    /// `checked` are those that are held against the schema; what is shipped was, by a test.
    fn parse<'a>(
        sources: impl Iterator<Item = &'a Source>,
        tools: &[Tool],
        checked: &[Source],
    ) -> Result<Self, PolicyProblems> {
        let odd = |why: String| PolicyProblems(vec![PolicyProblem::at("schema", "", 0, 0, why, None)]);
        let tools = with_effects(tools);
        let mut reading = Reading::default();
        sources.for_each(|source| reading.file(source));
        if !checked.is_empty() {
            let (schema, _) = cedar::Schema::from_cedarschema_str(&schema::cedar(&tools))
                .map_err(|error| odd(error.to_string()))?;
            reading.validate(&schema, checked);
        }
        if !reading.problems.is_empty() {
            return Err(PolicyProblems(reading.problems));
        }
        let name = |text| EntityTypeName::from_str(text).map_err(|error| odd(error.to_string()));
        let action = name("Action")?;
        let uid = |id: &str| EntityUid::from_type_name_and_id(action.clone(), EntityId::new(id));
        // The same that the schema says: an action is in its effect, and all effects but one are in one action.
        let effect = |name: &&str| {
            let parents = acts(name).then(|| uid(ACTING)).into_iter().collect();
            cedar::Entity::new_no_attrs(uid(name), parents)
        };
        let tools_of_them = tools.iter().map(|tool| (uid(&tool.name), uid(&tool.effect)));
        let tools_of_them = tools_of_them.chain([(uid(UNDESCRIBED), uid("access"))]);
        let tools_of_them =
            tools_of_them.map(|(action, of)| cedar::Entity::new_no_attrs(action, HashSet::from([of])));
        let all = EFFECTS.iter().map(effect).chain(tools_of_them);
        let entities = cedar::Entities::from_entities(all, None).map_err(|error| odd(error.to_string()))?;
        let actions: HashMap<_, _> = tools.iter().map(|tool| (tool.name.clone(), uid(&tool.name))).collect();
        let undescribed = uid(UNDESCRIBED);
        Ok(Self {
            slices: Slice::of_each(&reading.set, &entities, actions.values().chain([&undescribed])),
            rules: reading.rules,
            entities,
            actions,
            undescribed,
            agent: name("Agent")?,
            server: name("Server")?,
            authorizer: cedar::Authorizer::new(),
        })
    }

    /// Every policy, in the order in which they are named.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        let mut rules: Vec<_> = self.rules.values().cloned().collect();
        rules.sort_by_key(|rule| rule.order);
        rules
    }

    /// Decides. No permit, or anything that cannot be evaluated, denies.
    pub fn decide(&self, asked: &Asked<'_>) -> Ruling {
        let action = self.actions.get(asked.tool).unwrap_or(&self.undescribed);
        let Some(slice) = self.slices.get(action) else { return unevaluated("the action is none of theirs") };
        let request = match self.request(asked, action, slice) {
            Ok(request) => request,
            Err(why) => return unevaluated(&why),
        };
        let response = self.authorizer.is_authorized(&request, &slice.set, &self.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return unevaluated(&error.to_string());
        }
        let said = response.diagnostics().reason().filter_map(|id| self.rules.get(id));
        let hardest = said.max_by(|a, b| a.decision.cmp(&b.decision).then(b.order.cmp(&a.order)));
        match hardest {
            None => Ruling {
                decision: Decision::Deny,
                rule: "default".into(),
                reason: "no policy allows it".into(),
            },
            Some(rule) => Ruling {
                decision: rule.decision,
                rule: rule.id.clone(),
                reason: rule.reason.fill(|name| value(asked, name)),
            },
        }
    }

    fn request(
        &self,
        asked: &Asked<'_>,
        action: &EntityUid,
        slice: &Slice,
    ) -> Result<cedar::Request, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let uid =
            |ty: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id));
        let server = asked.tool.split_once('/').map_or(asked.tool, |(server, _)| server);
        let facts = asked.facts.values().filter(|(name, _)| slice.looks_at(name));
        let mut members: Vec<_> = facts.map(|(name, value)| (name.to_owned(), expression(value))).collect();
        if slice.looks_at(INPUT) {
            let text = |text: &String| RestrictedExpression::new_string(text.clone());
            let input = asked.input.iter();
            let input = input
                .map(|(name, values)| (name.clone(), RestrictedExpression::new_set(values.iter().map(text))));
            let input = RestrictedExpression::new_record(input).map_err(|error| told(&error))?;
            members.push((INPUT.to_owned(), input));
        }
        let context = cedar::Context::from_pairs(members).map_err(|error| told(&error))?;
        let (agent, server) = (uid(&self.agent, &asked.facts.agent), uid(&self.server, server));
        cedar::Request::new(agent, action.clone(), server, context, None).map_err(|error| told(&error))
    }
}

/// The member of the context that has a call's arguments.
const INPUT: &str = "input";

/// The value that a reason names.
fn value(asked: &Asked<'_>, name: &str) -> Option<Value> {
    match name {
        "tool" => Some(Value::Text(asked.tool.into())),
        "unasked" => Some(Value::Text(unasked(asked).into())),
        // Money is told in units.
        "amount" | "pay_most" => match asked.facts.get(name)? {
            Value::Whole(millionths) => {
                let (whole, part) = (millionths / 1_000_000, millionths % 1_000_000 / 10_000);
                Some(Value::Text(format!("{whole}.{part:02}").into()))
            }
            other => Some(other),
        },
        _ => asked.facts.get(name),
    }
}

/// Why the user's words do not ask for a call.
fn unasked(asked: &Asked<'_>) -> String {
    let tool = asked.tool;
    match (asked.facts.known, asked.facts.withheld) {
        (false, _) => format!("no catalogue describes {tool}"),
        (true, true) => "the user said to wait".into(),
        (true, false) => format!("the user's words do not ask for {tool}"),
    }
}

fn unevaluated(why: &str) -> Ruling {
    let why: String = why.chars().take(300).collect();
    Ruling {
        decision: Decision::Deny,
        rule: "unevaluated".into(),
        reason: format!("the policies cannot be evaluated: {why}"),
    }
}

/// The tools, and one for each effect that is named like it: cases and replays ask about effects alone.
fn with_effects(tools: &[Tool]) -> Vec<Tool> {
    let any = EFFECTS.iter().map(|effect| Tool {
        name: format!("any/{effect}"),
        effect: (*effect).to_owned(),
        inputs: BTreeSet::new(),
    });
    any.chain(tools.iter().cloned()).collect()
}

/// Files as far as they were read.
#[derive(Default)]
struct Reading {
    set: cedar::PolicySet,
    rules: HashMap<cedar::PolicyId, Arc<Rule>>,
    problems: Vec<PolicyProblem>,
}

impl Reading {
    fn file(&mut self, source: &Source) {
        let mut wrong = |at: std::ops::Range<usize>, message: String, hint: Option<&str>| {
            let problem = PolicyProblem::at(
                &source.file,
                &source.text,
                at.start,
                at.end,
                message,
                hint.map(str::to_owned),
            );
            self.problems.push(problem);
        };
        if source.text.len() > LONGEST_FILE {
            return wrong(0..0, format!("the file has more than {LONGEST_FILE} bytes"), None);
        }
        let parsed = match cedar::PolicySet::from_str(&source.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                return self.problems.extend(errors.iter().map(|error| diagnosed(source, error, 0)));
            }
        };
        if let Some(template) = parsed.templates().next() {
            let at = place(source, &template.to_string());
            wrong(at, "templates (`?principal`, `?resource`) have no meaning here".into(), None);
        }
        // Cedar numbers the policies of a text; its own order of iteration is by hash.
        let mut policies: Vec<_> = parsed.policies().cloned().collect();
        policies.sort_by_key(|policy| place(source, &policy.to_string()).start);
        for policy in policies {
            let order = self.rules.len();
            match rule(source, &policy, order) {
                Err((message, hint)) => wrong(place(source, &policy.to_string()), message, Some(hint)),
                Ok(rule) => {
                    let id = cedar::PolicyId::new(&rule.id);
                    if self.rules.contains_key(&id) || order >= MOST_POLICIES {
                        let message =
                            format!("there is a policy {:?} already, or there are too many", rule.id);
                        let at = place(source, &policy.to_string());
                        wrong(at, message, Some("give it another @id"));
                    } else if let Err(error) = self.set.add(policy.new_id(id.clone())) {
                        wrong(0..0, error.to_string(), None);
                    } else {
                        self.rules.insert(id, Arc::new(rule));
                    }
                }
            }
        }
    }

    fn validate(&mut self, schema: &cedar::Schema, sources: &[Source]) {
        let ours = |id: &cedar::PolicyId| {
            let file = &self.rules.get(id)?.file;
            sources.iter().find(|source| source.file == *file)
        };
        let mut checked = cedar::PolicySet::new();
        for policy in self.set.policies().filter(|policy| ours(policy.id()).is_some()) {
            // They came out of a set: they fit into one.
            let _ = checked.add(policy.clone());
        }
        let result = cedar::Validator::new(schema.clone()).validate(&checked, cedar::ValidationMode::Strict);
        let mut problems: Vec<_> = result
            .validation_errors()
            .filter_map(|error| {
                let source = ours(error.policy_id())?;
                let text = checked.policy(error.policy_id()).map(ToString::to_string).unwrap_or_default();
                Some(diagnosed(source, error, place(source, &text).start))
            })
            .collect();
        // A name that no tool has makes a policy that never applies: for whoever wrote it, that is an error.
        problems.extend(result.validation_warnings().filter_map(|warning| {
            let cedar::ValidationWarning::ImpossiblePolicy(_) = warning else { return None };
            let source = ours(warning.policy_id())?;
            let text = checked.policy(warning.policy_id()).map(ToString::to_string).unwrap_or_default();
            Some(diagnosed(source, warning, place(source, &text).start))
        }));
        if !result.validation_passed() && problems.is_empty() {
            problems.push(PolicyProblem::at("policies", "", 0, 0, "they do not fit the schema", None));
        }
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        problems.dedup();
        self.problems.extend(problems);
    }
}

/// Reads the annotations of a policy; else what is wrong, and what to do.
fn rule(source: &Source, policy: &cedar::Policy, order: usize) -> Result<Rule, (String, &'static str)> {
    let id = policy.annotation("id").unwrap_or_default();
    if !is_id(id) {
        return Err((format!("@id({id:?}) is no id"), "write @id(\"lower-case-words\") before the policy"));
    }
    let decision = match (policy.effect(), policy.annotation("effect")) {
        (cedar::Effect::Permit, None) => Decision::Allow,
        (cedar::Effect::Permit, Some(_)) => {
            return Err(("a permit has no @effect".into(), "only a forbid says what becomes of a call"));
        }
        (cedar::Effect::Forbid, Some("deny")) => Decision::Deny,
        (cedar::Effect::Forbid, Some("ask")) => Decision::Ask,
        (cedar::Effect::Forbid, _) => {
            return Err((format!("{id} has no @effect"), "write @effect(\"ask\") or @effect(\"deny\")"));
        }
    };
    if let Some((other, _)) = policy.annotations().find(|(key, _)| !ANNOTATIONS.contains(key)) {
        return Err((format!("@{other} is no annotation"), "there are @id, @effect, @reason and @doc"));
    }
    let text = policy.to_json().map(|json| json.to_string()).unwrap_or_default();
    let answered = ["\"leased\"", "\"approvers\""].iter().any(|attribute| text.contains(attribute));
    if decision == Decision::Ask && !answered {
        let hint = "a person's lease answers a question: add `unless { context.leased }`";
        return Err((format!("{id} asks, and no lease would ever answer it"), hint));
    }
    let reason = policy.annotation("reason").unwrap_or_default();
    if decision != Decision::Allow && reason.trim().is_empty() {
        return Err((format!("{id} has no @reason"), "say in one line why, for the agent and its reader"));
    }
    let known = |name: &str| {
        matches!(name, "tool" | "unasked") || Facts::ATTRIBUTES.iter().any(|one| one.name == name)
    };
    let reason = Template::parse_of(reason, known).map_err(|why| {
        (format!("@reason: {why}"), "names in braces are attributes: docs/guard-policy.md lists them")
    })?;
    Ok(Rule {
        id: id.to_owned(),
        decision,
        doc: policy.annotation("doc").unwrap_or_default().to_owned(),
        set: source.set.clone(),
        file: source.file.clone(),
        reason,
        order,
    })
}

const ANNOTATIONS: [&str; 4] = ["id", "effect", "reason", "doc"];
