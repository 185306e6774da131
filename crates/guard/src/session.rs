//! Sessions: what the guard knows of a task. Agents forget; this does not, because it is folded from the record.

use crate::effect::Effect;
use crate::ground::Register;
use crate::label::{Artefact, Artefacts, Label};
use crate::lease::{Grant, Lease, Plan};
use crate::narrow::Less;
use crate::record::{Event, Outcome, Record, Undo, Verdict};
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
    /// The task whose agent started this one's.
    pub parent: Option<String>,
    /// What is known of everything that was read; the tasks of one family share that of the first ([`State::label`]).
    pub label: Label,
    /// Where the server has something else than what a call should have done, and nobody looked since.
    pub deviated: Option<String>,
    /// What people allowed.
    pub leases: Vec<Lease>,
    /// What waits for a person: what is alike is one plan.
    pub plans: BTreeMap<Effect, Plan>,
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
    /// Tool and key under which its server does it once.
    pub key: Option<(String, String)>,
}

/// A call under a key with which a server does a thing once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// The exact call.
    pub call: Sha256,
    /// The record that let it through last.
    pub number: u64,
    /// How that ended; `None` while it is under way.
    pub outcome: Option<Outcome>,
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
    pub once: BTreeMap<(String, String), Once>,
    /// What tasks wrote, with the labels that they had.
    pub artefacts: Artefacts,
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
        self.apply_hashed(record, None)
    }

    /// The same, of a record whose hash is known already.
    pub fn apply_hashed(&mut self, record: &Record, hash: Option<Sha256>) -> Result<(), Broken> {
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
        self.head = Some(hash.unwrap_or_else(|| record.hash()));
        self.next += 1;
        self.latest = Some(record.at);
        self.fold(record);
        Ok(())
    }

    /// Whether a call takes back what was given for a time, and that is over.
    pub fn ends(&self, call: &crate::call::Call, now: Timestamp) -> bool {
        self.journal.values().any(|entry| {
            let Undo { server, tool, arguments, due, .. } = &entry.undo;
            due.is_some_and(|due| due <= now)
                && (server, tool) == (&call.server, &call.tool)
                && call.arguments.as_object() == Some(arguments)
        })
    }

    /// A task, the one that it belongs to, and so on to the first.
    fn ancestors<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        let up = |id: &&'a str| self.sessions.get(*id)?.parent.as_deref();
        // A parent is opened before its children: there is no circle.
        std::iter::successors(Some(id), up)
    }

    /// The first task of a family, which has the label of all.
    fn root<'a>(&'a self, id: &'a str) -> &'a str {
        self.ancestors(id).last().unwrap_or(id)
    }

    /// What is known of everything that a task, and those of its family, read.
    pub fn label(&self, id: &str) -> Option<&Label> {
        self.sessions.get(self.root(id)).map(|session| &session.label)
    }

    /// What is known of a thing that a call reads, from what tasks wrote before.
    pub fn label_of_read(&self, call: &crate::call::Call, minted: &[crate::ground::Minted]) -> Label {
        let mut label = Label::default();
        self.artefacts.add_rest_to(&mut label);
        if !self.artefacts.is_empty() {
            call.reads(|artefact| self.artefacts.add_to(&mut label, &artefact));
            for minted in minted {
                self.artefacts.add_to(&mut label, &Artefact::record(&call.server, &minted.value));
            }
        }
        label
    }

    /// Remembers under which key what was done once, and how that ended.
    fn remember_once(&mut self, number: u64, event: &Event) {
        match event {
            Event::Allowed { call, key: Some(key), .. } => {
                let once = Once { call: call.digest, number, outcome: None };
                self.once.insert((call.tool.clone(), key.clone()), once);
            }
            Event::Ended { session, call, outcome, .. } => {
                let keyed =
                    self.sessions.get(session).and_then(|session| session.open.get(call)?.key.clone());
                let once = keyed.and_then(|keyed| self.once.get_mut(&keyed));
                if let Some(once) = once.filter(|once| once.number == *call) {
                    once.outcome = Some(*outcome);
                }
            }
            _ => {}
        }
    }

    /// What was read makes a task as secret; what a task writes is as secret as the task.
    fn label_what(&mut self, event: &Event) {
        match event {
            Event::Ended { session, outcome, label, readers, wrote, .. } => {
                let root = self.root(session).to_owned();
                let Some(first) = self.sessions.get_mut(&root) else { return };
                if *outcome != Outcome::Unknown {
                    first.label.join(&Label { secrecy: *label, readers: readers.clone(), tainted: true });
                }
                let label = first.label.clone();
                wrote.iter().for_each(|artefact| self.artefacts.write(artefact, &label));
            }
            Event::Allowed { session, writes, .. } if !writes.is_empty() => {
                let Some(mut label) = self.label(session).cloned() else { return };
                // What is moved takes its label along.
                writes.iter().for_each(|artefact| self.artefacts.add_to(&mut label, artefact));
                writes.iter().for_each(|artefact| self.artefacts.write(artefact, &label));
            }
            _ => {}
        }
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
            Event::Opened { session, agent, owner, parent } => {
                let (agent, owner, parent) = (agent.clone(), owner.clone(), parent.clone());
                let stopped =
                    parent.as_ref().and_then(|of| self.sessions.get(of)).is_some_and(|of| of.stopped);
                let opened = Session { agent, owner, parent, stopped, ..Session::default() };
                self.sessions.entry(session.clone()).or_insert(opened);
            }
            Event::Stopped { session: None, .. } => {
                self.stopped = true;
                self.sessions.values_mut().for_each(Session::stop);
            }
            Event::Stopped { session: Some(session), .. } => {
                let family: Vec<String> = self
                    .sessions
                    .keys()
                    .filter(|id| self.ancestors(id).any(|of| of == session))
                    .cloned()
                    .collect();
                family.iter().for_each(|id| {
                    self.sessions.get_mut(id).into_iter().for_each(Session::stop);
                });
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
                // One that was lost must not go on to open the session.
                self.keys.retain(|_, of| of != session);
                self.keys.insert(*key, session.clone());
            }
            event => {
                self.note(event);
                self.remember_once(record.number, event);
                self.label_what(event);
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
        if self.shown.is_empty() {
            return false;
        }
        let shown = self.shown.get(&call.digest_unseen());
        let leased = |digest: &Sha256| {
            self.leases
                .iter()
                .any(|lease| matches!(&lease.grant, Grant::Calls(calls) if calls.contains(digest)))
        };
        let now = call.digest();
        shown.is_some_and(|shown| shown.iter().any(|digest| *digest != now && leased(digest)))
    }

    /// What people allowed in place of this very call.
    pub fn less_than(&self, call: &Sha256) -> Option<&Less> {
        self.leases.iter().find_map(|lease| match &lease.grant {
            Grant::Less(less) if less.of == *call && !less.made => Some(less),
            _ => None,
        })
    }

    /// How many calls wait for a person.
    pub fn waiting(&self) -> usize {
        self.plans.values().map(|plan| plan.calls().len()).sum()
    }

    /// People decided over these.
    fn answered(&mut self, calls: &BTreeSet<Sha256>) {
        self.plans.values_mut().for_each(|plan| plan.remove(calls));
        self.plans.retain(|_, plan| !plan.calls().is_empty());
    }

    /// Takes away everything that was allowed.
    fn stop(&mut self) {
        self.stopped = true;
        self.leases.clear();
        self.plans.clear();
    }

    fn fold(&mut self, number: u64, at: Timestamp, event: &Event) {
        match event {
            Event::Heard { text, .. } => self.words.hear(text),
            Event::Allowed { call, lease, amount, undo, key, .. } => {
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
                    key: key.clone().map(|key| (call.tool.clone(), key)),
                };
                self.open.insert(number, open);
            }
            Event::Asked { call, .. } => {
                if let Some(unseen) = call.unseen {
                    self.shown.entry(unseen).or_default().insert(call.digest);
                }
                self.plans.entry(call.effect).or_insert_with(|| Plan::since(number)).add(call.clone());
            }
            Event::Granted { lease, .. } => {
                match &lease.grant {
                    Grant::Calls(calls) => self.answered(calls),
                    Grant::Less(less) => self.answered(&BTreeSet::from([less.of])),
                    Grant::Terms(_) => {}
                }
                self.leases.push(lease.clone());
                self.deviated = None;
            }
            Event::Dismissed { effect: None, .. } => self.plans.clear(),
            Event::Dismissed { effect: Some(effect), .. } => drop(self.plans.remove(effect)),
            Event::Stopped { .. } => self.stop(),
            Event::Resumed { .. } => self.stopped = false,
            Event::Ended { call, outcome, minted, .. } => {
                let ended = self.open.remove(call);
                if let Some(ended) = ended.filter(|_| *outcome == Outcome::Failed) {
                    self.paid.remove(&ended.digest);
                }
                if *outcome != Outcome::Unknown {
                    minted.iter().for_each(|minted| self.register.enter(minted));
                }
            }
            Event::ReadBack { verdict: Verdict::Differs, about, .. } => {
                // Whoever leased the rest did not know this.
                self.leases.clear();
                self.deviated = Some(about.clone());
            }
            Event::ReadBack { .. }
            | Event::Opened { .. }
            | Event::Denied { .. }
            | Event::Keyed { .. }
            | Event::Pinned { .. }
            | Event::Drifted { .. }
            | Event::Undone { .. }
            | Event::Ruled { .. } => {}
        }
    }
}
