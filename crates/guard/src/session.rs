//! Sessions: what the guard knows of a task. Agents forget; this does not, because it is folded from the record.

use crate::catalogue::Confidentiality;
use crate::effect::Effect;
use crate::ground::Register;
use crate::lease::{Lease, Plan};
use crate::record::{Event, Outcome, Record, Undo};
use crate::words::Words;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use trustmill_core::{Sha256, Timestamp};

/// A task of an agent for a person.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// The agent.
    pub agent: String,
    /// For whom it works.
    pub owner: String,
    /// What that person said.
    pub words: Words,
    /// What systems of record gave.
    pub register: Register,
    /// The most secret thing that was read.
    pub label: Confidentiality,
    /// Whether anything was read that others may have written.
    pub tainted: bool,
    /// What people allowed.
    pub leases: Vec<Lease>,
    /// What waits for a person.
    pub plan: Plan,
    /// Calls that were let through without a person's lease, by effect and `server/tool`.
    pub done: BTreeMap<(Effect, String), u32>,
    /// What people were shown of calls on targets that change: by the call whatever becomes of its target.
    pub shown: BTreeMap<Sha256, BTreeSet<Sha256>>,
    /// Payments that were let through and did not fail.
    pub paid: BTreeSet<Sha256>,
    /// When the last calls with effects were let through.
    pub recent: VecDeque<(Timestamp, Effect)>,
    /// Whether it was told to stop.
    pub stopped: bool,
    /// Calls under way, by their number.
    pub open: BTreeMap<u64, OpenCall>,
}

/// Calls whose instants are remembered: no rate ceiling can be higher.
pub const MOST_RECENT: usize = 2000;

/// A call that was let through and whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// `server/tool`.
    pub tool: String,
    /// The exact call.
    pub digest: Sha256,
    /// What it does.
    pub effect: Effect,
    /// What a person reads.
    pub summary: String,
    /// The call that undoes it.
    pub undo: Option<Undo>,
}

/// Something that was done and can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoable {
    /// The session.
    pub session: String,
    /// What was done.
    pub summary: String,
    /// The call that undoes it.
    pub undo: Undo,
    /// Whether nobody saw how it ended.
    pub uncertain: bool,
}

/// Everything that was recorded, folded.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Sessions by id.
    pub sessions: BTreeMap<String, Session>,
    /// Digests of tools' definitions by `server/tool`, as a person last saw them.
    pub pins: BTreeMap<String, Sha256>,
    /// Tools whose definition is not the one that was pinned, with the one that was seen instead.
    pub drifted: BTreeMap<String, Sha256>,
    /// Sessions by the digests of their agents' keys.
    pub keys: BTreeMap<Sha256, String>,
    /// What was done and can be undone, by the record that let it through.
    pub journal: BTreeMap<u64, Undoable>,
    /// Keys under which servers do a thing once, by `server/tool`, and the call that used each.
    pub once: BTreeMap<(String, String), Sha256>,
    /// Whether everybody was told to stop.
    pub stopped: bool,
    /// The rules that decided last.
    pub rules: Option<Sha256>,
    /// The last record's hash.
    pub head: Option<Sha256>,
    /// The next record's number.
    pub next: u64,
    /// The latest instant of any record: time never runs backwards.
    pub latest: Option<Timestamp>,
}

/// Why a record is no part of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {number} does not follow from what stands before it: {why}")]
pub struct Broken {
    /// The record's number.
    pub number: u64,
    /// What is wrong.
    pub why: &'static str,
}

impl State {
    /// What time it is, as far as leases are concerned: a clock that is moved back makes none valid again.
    pub fn now(&self, clock: Timestamp) -> Timestamp {
        self.latest.map_or(clock, |latest| latest.max(clock))
    }

    /// The record that says `event` next.
    pub fn record(&self, clock: Timestamp, event: Event) -> Record {
        Record { number: self.next, at: self.now(clock), before: self.head, event }
    }

    /// Takes a record in. One that does not follow is refused and changes nothing.
    pub fn apply(&mut self, record: &Record) -> Result<(), Broken> {
        let broken = |why| Broken { number: record.number, why };
        if record.number != self.next {
            return Err(broken("its number is another one"));
        }
        if record.before != self.head {
            return Err(broken("it names another record before it"));
        }
        if self.latest.is_some_and(|latest| record.at < latest) {
            return Err(broken("it is older than the one before it"));
        }
        self.head = Some(record.hash());
        self.next += 1;
        self.latest = Some(record.at);
        self.fold(record);
        Ok(())
    }

    /// Keeps the journal of what can be undone.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Ended { session, call, outcome, .. } if *outcome != Outcome::Failed => {
                let open = self.sessions.get(session).and_then(|session| session.open.get(call));
                if let Some(OpenCall { undo: Some(undo), summary, .. }) = open {
                    let entry = Undoable {
                        session: session.clone(),
                        summary: summary.clone(),
                        undo: undo.clone(),
                        uncertain: *outcome == Outcome::Unknown,
                    };
                    self.journal.insert(*call, entry);
                }
            }
            Event::Undone { call, .. } => {
                self.journal.remove(call);
            }
            _ => {}
        }
    }

    fn fold(&mut self, record: &Record) {
        match &record.event {
            Event::Opened { session, agent, owner } => {
                let opened = Session { agent: agent.clone(), owner: owner.clone(), ..Session::default() };
                let opened = Session { label: Confidentiality::Public, ..opened };
                self.sessions.entry(session.clone()).or_insert(opened);
            }
            Event::Stopped { session: None, .. } => {
                self.stopped = true;
                self.sessions.values_mut().for_each(Session::stop);
            }
            Event::Resumed { session: None, .. } => self.stopped = false,
            Event::Pinned { tools, .. } => {
                for (tool, digest) in tools {
                    self.pins.insert(tool.clone(), *digest);
                    self.drifted.remove(tool);
                }
            }
            Event::Ruled { digest } => self.rules = Some(*digest),
            Event::Drifted { tool, digest } => {
                self.drifted.insert(tool.clone(), *digest);
            }
            Event::Keyed { session, key } => {
                self.keys.insert(*key, session.clone());
            }
            event => {
                self.note(event);
                if let Event::Allowed { call, key: Some(key), .. } = event {
                    self.once.insert((call.tool.clone(), key.clone()), call.digest);
                }
                if let Some(session) = event.session().and_then(|id| self.sessions.get_mut(id)) {
                    session.fold(record.number, record.at, event);
                }
            }
        }
    }
}

impl Session {
    /// Calls of an effect that no person leased.
    pub fn done_of(&self, effect: Effect) -> u32 {
        self.done.iter().filter(|((of, _), _)| *of == effect).map(|(_, count)| *count).sum()
    }

    /// Calls of a tool that no person leased.
    pub fn done_by_tool(&self, name: &str) -> u32 {
        self.done.iter().filter(|((_, tool), _)| tool == name).map(|(_, count)| *count).sum()
    }

    /// Calls of an effect in the minute before an instant.
    pub fn in_last_minute(&self, effect: Effect, now: Timestamp) -> usize {
        let recent = self.recent.iter().rev();
        let recent =
            recent.take_while(|(at, _)| now.duration_since(*at) < jiff::SignedDuration::from_secs(60));
        recent.filter(|(_, of)| *of == effect).count()
    }

    /// Whether people leased this call on its target as it was, and it is another now.
    pub fn is_stale(&self, call: &crate::call::Call) -> bool {
        let shown = self.shown.get(&call.digest_unseen());
        let leased = |digest: &Sha256| {
            self.leases.iter().any(
                |lease| matches!(&lease.grant, crate::lease::Grant::Calls(calls) if calls.contains(digest)),
            )
        };
        let now = call.digest();
        shown.is_some_and(|shown| shown.iter().any(|digest| *digest != now && leased(digest)))
    }

    /// Takes away everything that was allowed.
    fn stop(&mut self) {
        self.stopped = true;
        self.leases.clear();
        self.plan = Plan::default();
    }

    fn fold(&mut self, number: u64, at: Timestamp, event: &Event) {
        match event {
            Event::Heard { text, .. } => self.words.hear(text),
            Event::Allowed { call, lease, amount, undo, .. } => {
                match lease.and_then(|id| self.leases.iter_mut().find(|lease| lease.id == id)) {
                    Some(lease) => lease.spend(&call.digest, *amount, at),
                    None => *self.done.entry((call.effect, call.tool.clone())).or_default() += 1,
                }
                self.leases.retain(|lease| !lease.is_spent());
                if call.effect == Effect::Pay {
                    self.paid.insert(call.digest);
                }
                if call.effect != Effect::Read {
                    self.recent.push_back((at, call.effect));
                    while self.recent.len() > MOST_RECENT {
                        self.recent.pop_front();
                    }
                }
                let open = OpenCall {
                    tool: call.tool.clone(),
                    digest: call.digest,
                    effect: call.effect,
                    summary: call.summary.clone(),
                    undo: undo.as_deref().cloned(),
                };
                self.open.insert(number, open);
            }
            Event::Asked { call, .. } => {
                if let Some(unseen) = call.unseen {
                    self.shown.entry(unseen).or_default().insert(call.digest);
                }
                self.plan.add(call.clone());
            }
            Event::Granted { lease, .. } => {
                if let crate::lease::Grant::Calls(calls) = &lease.grant {
                    self.plan.calls.retain(|call| !calls.contains(&call.digest));
                }
                self.leases.push(lease.clone());
            }
            Event::Dismissed { .. } => self.plan = Plan::default(),
            Event::Stopped { .. } => self.stop(),
            Event::Resumed { .. } => self.stopped = false,
            Event::Ended { call, outcome, minted, label, .. } => {
                let ended = self.open.remove(call);
                if let Some(ended) = ended.filter(|_| *outcome == Outcome::Failed) {
                    self.paid.remove(&ended.digest);
                }
                if *outcome != Outcome::Unknown {
                    self.label = self.label.max(*label);
                    self.tainted = true;
                    minted.iter().for_each(|minted| self.register.enter(minted));
                }
            }
            Event::Opened { .. }
            | Event::Denied { .. }
            | Event::Keyed { .. }
            | Event::Pinned { .. }
            | Event::Drifted { .. }
            | Event::Undone { .. }
            | Event::Ruled { .. } => {}
        }
    }
}
