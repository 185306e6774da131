//! What is known of a call when it is decided.

use super::{Rulebook, Settings};
use crate::call::{Call, Sink};
use crate::catalogue::{Role, Tool};
use crate::effect::Effect;
use crate::ground::Grounding;
use crate::label::Label;
use crate::lease::{Amount, amount};
use crate::record::Outcome;
use crate::session::{Session, State};
use crate::value::Kind;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::{Sha256, Timestamp};
use trustmill_policy::calls::Facts;

/// What is known of a call: what policies see of it, and what a decision takes along.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// What policies see.
    pub facts: Facts,
    /// Arguments that decide something, with their values in normal form; no credential.
    pub input: BTreeMap<String, BTreeSet<String>>,
    /// The exact call.
    pub digest: Sha256,
    /// The lease that covers it.
    pub lease: Option<Sha256>,
    /// What it costs.
    pub amount: Option<Amount>,
    /// When the lease ends, and who gave it.
    pub ends: Option<(Timestamp, BTreeSet<String>)>,
    /// Whether nothing is known against passing on what the task read.
    pub free: bool,
}

/// A value that is not grounded well enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Weak {
    /// The argument.
    argument: String,
    /// The value, shortened.
    text: String,
}

impl Gathered {
    /// Puts together what is known.
    pub(super) fn new(
        state: &State,
        id: &str,
        rules: &Rulebook,
        call: &Call,
        tool: &Tool,
        now: Timestamp,
    ) -> Self {
        let nobody = Session::default();
        let found = state.sessions.get(id);
        let session = found.unwrap_or(&nobody);
        let label = state.label(id).unwrap_or(&nobody.label);
        let settings = &rules.settings;
        let (sinks, content) = call.sinks(tool);
        let mut grounded: Vec<(Grounding, &Sink)> =
            sinks.iter().map(|sink| (ground(session, sink), sink)).collect();
        within_precedent(session, &mut grounded);
        let lease = session.leases.iter().find(|lease| lease.covers(call, tool, now));
        let digest = call.digest();
        let less = session.less_than(&digest).map(|less| crate::value::visible(&less.to_string()));
        let cost = amount(call, tool);
        let has_amount = sinks.iter().any(|sink| sink.role == Role::Amount);
        let weak = weakest(tool, &grounded);
        let asked = mandated(session, tool, &grounded);
        let per_tool = tool.most.is_some();
        let done = if per_tool { session.done_by_tool(&call.name()) } else { session.done_of(tool.effect) };
        let ceiling = tool.most.unwrap_or_else(|| settings.ceiling.get(&tool.effect).copied().unwrap_or(0));
        let once = call.key(tool).and_then(|key| state.once.get(&(call.name(), key)));
        // Nobody saw how it ended, and its key makes the server do it once: to say it again is no second effect.
        let retried = once.is_some_and(|once| once.outcome == Some(Outcome::Unknown) && once.call == digest);
        let needed = approvers_needed(settings, tool, call);
        let agreed = match lease {
            Some(lease) => i64::try_from(lease.by.len()).unwrap_or(i64::MAX),
            None if retried => i64::from(needed),
            None => i64::from(asked),
        };
        let facts = Facts {
            agent: session.agent.as_str().into(),
            owner: session.owner.as_str().into(),
            session: found.is_some(),
            known: rules.catalogue(&call.server).knows(&call.tool),
            drifted: state.drifted.contains_key(&call.name()),
            stopped: state.stopped || session.stopped,
            ending: lease.is_some() && state.ends(call, now),
            withheld: session.words.withhold(),
            asked,
            leased: lease.is_some() || retried,
            approvers: agreed,
            approvers_needed: i64::from(needed),
            reversible: tool.reversible,
            irreversible_allowed: settings.irreversible.contains(&call.name()),
            public: tool.public,
            secrecy: label.secrecy.rank(),
            label: label.secrecy.as_str().into(),
            outsiders: !label.lets(call.audience(tool).as_ref()),
            unmarked: tool.published().is_some() && call.published(tool).is_none(),
            deviated: session.deviated.is_some(),
            grounded: weak.is_none(),
            weak_argument: weak.as_ref().map_or("", |weak| weak.argument.as_str()).into(),
            weak_value: weak.as_ref().map_or("", |weak| weak.text.as_str()).into(),
            meant: grounded.iter().all(|(is, _)| *is >= Grounding::Referred),
            audience_named: audience(&grounded).all(|(is, _)| *is == Grounding::Named),
            stray_address: stray(session, label, tool, &content).unwrap_or_default().into(),
            done: i64::from(done),
            ceiling: i64::from(ceiling),
            amount: cost.unwrap_or_default().0,
            amount_unreadable: has_amount && cost.is_none(),
            pay_most: settings.pay.map_or(i64::MAX, |most| most.0),
            unchecked: tool.check.is_some() && call.seen.is_none(),
            less: less.unwrap_or_default().into(),
            stale: lease.is_none() && session.is_stale(call),
            replayed: once.is_some() && !retried,
            repeated: tool.effect == Effect::Pay && session.paid.contains(&call.digest()),
            reach: i64::try_from(call.reach(tool).unwrap_or(0)).unwrap_or(i64::MAX),
            rate: i64::try_from(session.in_last_minute(tool.effect, now)).unwrap_or(i64::MAX),
            rate_ceiling: settings.rate.get(&tool.effect).map_or(i64::MAX, |most| i64::from(*most)),
        };
        let ends = lease.map(|lease| (lease.expires, lease.by.clone()));
        let (input, free) = (input(tool, &sinks), label.is_free());
        Self { facts, input, digest, lease: lease.map(|lease| lease.id), amount: cost, ends, free }
    }
}

/// A change of access that reaches many takes two people, whatever the setting; so does one whose reach should have been
/// read and was not.
fn approvers_needed(settings: &Settings, tool: &Tool, call: &Call) -> u32 {
    if tool.effect != Effect::Access {
        return 1;
    }
    let reach = call.reach(tool);
    let wide = reach.map_or(tool.names_reach(), |reach| reach > u64::from(settings.access_wide));
    settings.access_approvers.max(if wide { 2 } else { 1 })
}

/// What policies see of the arguments. Credentials are nobody's business, and what no catalogue names is in no schema.
fn input(tool: &Tool, sinks: &[Sink]) -> BTreeMap<String, BTreeSet<String>> {
    let mut input: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sink in sinks.iter().filter(|sink| !matches!(sink.role, Role::Credential | Role::Unknown)) {
        if tool.arguments.contains_key(&sink.argument) {
            let value = sink.kind.normal(&sink.text).unwrap_or_else(|| shown(sink));
            input.entry(sink.argument.clone()).or_default().insert(value);
        }
    }
    input
}

fn ground(session: &Session, sink: &Sink) -> Grounding {
    let ground = session.register.ground(&session.words, &sink.kind, &sink.text);
    match sink.role {
        // One is what is meant where nobody says how many.
        Role::Quantity if Kind::Number.normal(&sink.text).as_deref() == Some("1") => Grounding::Named,
        _ if !sink.read => ground,
        // What a thing costs is the system's to say, not the agent's; how much is too much is another question.
        Role::Amount | Role::Currency => ground.max(Grounding::Referred),
        _ => ground.max(Grounding::Present),
    }
}

/// Whether the user's words ask for what the tool does. To look at an address is asked for by naming it.
fn mandated(session: &Session, tool: &Tool, grounded: &[(Grounding, &Sink)]) -> bool {
    let named = !grounded.is_empty() && grounded.iter().all(|(is, _)| *is == Grounding::Named);
    match tool.effect {
        Effect::Egress if named && !session.words.withhold() => true,
        Effect::Egress => session.words.speak_of(&tool.objects) && !session.words.withhold(),
        effect => session.words.ask_for(effect) && session.words.speak_of(&tool.objects),
    }
}

/// An amount that the agent worked out, a difference or a share, counts as recorded while the user named every payee and it
/// is no more than a record that the user means shows.
fn within_precedent(session: &Session, grounded: &mut [(Grounding, &Sink)]) {
    let mut payees = grounded.iter().filter(|(_, sink)| sink.role == Role::Payee).peekable();
    if payees.peek().is_none() || !payees.all(|(is, _)| *is == Grounding::Named) {
        return;
    }
    let Some(most) = session.register.greatest_referred() else { return };
    for (is, sink) in grounded.iter_mut().filter(|(_, sink)| sink.role == Role::Amount) {
        if sink.text.parse::<f64>().is_ok_and(|amount| amount > 0.0 && amount <= most) {
            *is = (*is).max(Grounding::Referred);
        }
    }
}

/// How well a value must be grounded for what it decides.
fn needed(tool: &Tool, role: Role) -> Grounding {
    match (role, tool.effect) {
        (Role::Content | Role::Query | Role::Option, _) => Grounding::None,
        (Role::Credential | Role::Unknown, _) => Grounding::Named,
        (Role::Item | Role::Target, Effect::Write) => Grounding::Present,
        (Role::Currency, _) => Grounding::Present,
        (Role::Target | Role::Recipient, Effect::Send) if tool.inside => Grounding::Present,
        _ => Grounding::Referred,
    }
}

/// The value that is furthest from what it needs.
fn weakest(tool: &Tool, grounded: &[(Grounding, &Sink)]) -> Option<Weak> {
    let weak = grounded
        .iter()
        .map(|(is, sink)| (*is, needed(tool, sink.role), *sink))
        .filter(|(is, must, _)| is < must);
    weak.min_by_key(|(is, ..)| *is)
        .map(|(_, _, sink)| Weak { argument: sink.argument.clone(), text: shown(sink) })
}

fn shown(sink: &Sink) -> String {
    if sink.role == Role::Credential {
        return "(hidden)".into();
    }
    crate::value::visible(&sink.text.chars().take(80).collect::<String>())
}

/// Who or what a call reaches.
fn audience<'a, 'b>(
    grounded: &'a [(Grounding, &'b Sink)],
) -> impl Iterator<Item = &'a (Grounding, &'b Sink)> {
    grounded.iter().filter(|(_, sink)| {
        matches!(sink.role, Role::Recipient | Role::Grantee | Role::Target | Role::Payee | Role::Unknown)
    })
}

/// An address in what is sent that neither the user nor a system gave: what others are led to, or what a client fetches
/// while it shows the text.
fn stray(session: &Session, label: &Label, tool: &Tool, content: &[String]) -> Option<String> {
    if !matches!(tool.effect, Effect::Send | Effect::Publish | Effect::Egress) || !label.tainted {
        return None;
    }
    let mut addresses = content.iter().flat_map(|text| crate::value::addresses(text));
    addresses
        // That somebody wrote it into what was read is no reason to pass it on.
        .find(|word| session.register.ground(&session.words, &Kind::Url, word) < Grounding::Referred)
        .map(|word| word.chars().take(80).collect())
}
