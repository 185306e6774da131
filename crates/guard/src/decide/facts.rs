//! What is known of a call when it is decided.

use super::Settings;
use crate::call::{Call, Sink};
use crate::catalogue::{Catalogue, Confidentiality, Role, Tool};
use crate::effect::Effect;
use crate::ground::Grounding;
use crate::lease::{Amount, amount};
use crate::session::{Session, State};
use crate::value::Kind;
use trustmill_core::{Sha256, Timestamp};

/// Everything that the rules see, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the call does.
    pub effect: Effect,
    /// Whether the session is known.
    pub session: bool,
    /// Whether the operator's catalogue describes the tool.
    pub known: bool,
    /// Whether the server describes the tool otherwise than when a person saw it.
    pub drifted: bool,
    /// Whether somebody said stop.
    pub stopped: bool,
    /// Whether the user's last words said to wait.
    pub withheld: bool,
    /// Whether the user's words ask for the effect.
    pub mandated: bool,
    /// The lease that covers it.
    pub lease: Option<Sha256>,
    /// People who approved that lease.
    pub approvers: u32,
    /// People who must.
    pub approvers_needed: u32,
    /// Whether it can be undone.
    pub reversible: bool,
    /// Whether the operator lets this tool do what cannot be undone.
    pub irreversible_allowed: bool,
    /// Whether everybody can see what it does.
    pub public: bool,
    /// What the session read so far.
    pub label: Confidentiality,
    /// The least well grounded value that decides something, with how well it must be.
    pub weakest: Option<Weak>,
    /// Whether every value that decides something is at least in a record that the user means.
    pub all_referred: bool,
    /// Whether the user named who or what it reaches.
    pub audience_named: bool,
    /// An address in the text that nobody gave.
    pub stray_address: Option<String>,
    /// Calls of this effect so far, without a person.
    pub done: u32,
    /// How many may be.
    pub ceiling: u32,
    /// What it costs.
    pub amount: Option<Amount>,
    /// Whether an amount stands there that cannot be read.
    pub amount_unreadable: bool,
}

/// A value that is not grounded well enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weak {
    /// The argument.
    pub argument: String,
    /// What it decides.
    pub role: Role,
    /// The value, shortened.
    pub text: String,
    /// How well it is grounded.
    pub is: Grounding,
    /// How well it must be.
    pub must: Grounding,
}

impl Facts {
    /// Puts together what is known.
    pub(super) fn gather(
        state: &State,
        id: &str,
        catalogue: &Catalogue,
        settings: &Settings,
        call: &Call,
        tool: &Tool,
        now: Timestamp,
    ) -> Self {
        let nobody = Session::default();
        let found = state.sessions.get(id);
        let session = found.unwrap_or(&nobody);
        let (sinks, content) = call.sinks(tool);
        let mut grounded: Vec<(Grounding, &Sink)> =
            sinks.iter().map(|sink| (ground(session, sink), sink)).collect();
        within_precedent(session, &mut grounded);
        let lease = session.leases.iter().find(|lease| lease.covers(call, tool, now));
        let cost = amount(call, tool);
        let has_amount = sinks.iter().any(|sink| sink.role == Role::Amount);
        Self {
            effect: tool.effect,
            session: found.is_some(),
            known: catalogue.knows(&call.tool),
            drifted: state.drifted.contains(&call.name()),
            stopped: state.stopped || session.stopped,
            withheld: session.words.withhold(),
            mandated: mandated(session, tool, &grounded),
            lease: lease.map(|lease| lease.id),
            approvers: lease.map_or(0, |lease| u32::try_from(lease.by.len()).unwrap_or(u32::MAX)),
            approvers_needed: if tool.effect == Effect::Access {
                settings.access_approvers.max(1)
            } else {
                1
            },
            reversible: tool.reversible,
            irreversible_allowed: settings.irreversible.contains(&call.name()),
            public: tool.public,
            label: session.label,
            weakest: weakest(tool, &grounded),
            all_referred: grounded.iter().all(|(is, _)| *is >= Grounding::Referred),
            audience_named: audience(&grounded).all(|(is, _)| *is == Grounding::Named),
            stray_address: stray(session, tool, &content),
            done: if tool.most.is_some() {
                session.done_by_tool(&call.name())
            } else {
                session.done_of(tool.effect)
            },
            ceiling: tool.most.unwrap_or_else(|| settings.ceiling.get(&tool.effect).copied().unwrap_or(0)),
            amount: cost,
            amount_unreadable: has_amount && cost.is_none(),
        }
    }
}

fn ground(session: &Session, sink: &Sink) -> Grounding {
    session.register.ground(&session.words, &sink.kind, &sink.text)
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
        // Who asks for an address that was read word for word tells its server nothing that its writer did not know.
        (Role::Target, Effect::Egress) => Grounding::Present,
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
    weak.min_by_key(|(is, ..)| *is).map(|(is, must, sink)| Weak {
        argument: sink.argument.clone(),
        role: sink.role,
        text: shown(sink),
        is,
        must,
    })
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
fn stray(session: &Session, tool: &Tool, content: &[String]) -> Option<String> {
    if !matches!(tool.effect, Effect::Send | Effect::Publish | Effect::Egress) || !session.tainted {
        return None;
    }
    let mut addresses = content.iter().flat_map(|text| crate::value::addresses(text));
    addresses
        .find(|word| session.register.ground(&session.words, &Kind::Url, word) == Grounding::None)
        .map(|word| word.chars().take(80).collect())
}
