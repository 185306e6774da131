//! The decision point: state and record behind one lock. What it decides is recorded before it is told.

use crate::clock::Clock;
use crate::log::{Log, LogError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_guard::Effect;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::decide::{Decision, Rulebook, decide};
use trustmill_guard::ground::{looks_for_named, mint};
use trustmill_guard::label::{Artefact, Label, readers};
use trustmill_guard::lease::{Grant, Lease, Plan, Terms};
use trustmill_guard::record::{Event, Outcome, Undo, Verdict, WRITTEN_BY, receipt};
use trustmill_guard::session::{Session, State, Undoable};
use trustmill_guard::value::{Kind, visible};

/// The longest that terms may last.
pub const LONGEST_MANDATE: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long undoing may take.
const UNDOING: Duration = Duration::from_secs(15 * 60);

/// The most that may be deleted by terms, with nobody seeing what.
const MOST_UNSHOWN: u32 = 20;

/// The longest that the lease of a plan may last.
pub const LONGEST_LEASE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The decision point of one folder.
pub struct Engine {
    inner: Mutex<Inner>,
    rules: RwLock<Arc<Rulebook>>,
    clock: Clock,
    /// Counts what people decide and what waits for them.
    changes: watch::Sender<u64>,
}

pub(crate) struct Inner {
    log: Log,
    pub(crate) state: State,
}

impl Inner {
    pub(crate) fn session(&self, name: &str) -> Result<&Session, EngineError> {
        self.state.sessions.get(name).ok_or_else(|| EngineError::NoSession(name.to_owned()))
    }
}

/// Whether what people see, or what they allowed, is another after this.
const fn matters_to_people(event: &Event) -> bool {
    matches!(
        event,
        Event::Asked { .. }
            | Event::Granted { .. }
            | Event::Dismissed { .. }
            | Event::Stopped { .. }
            | Event::ReadBack { verdict: Verdict::Differs, .. }
            | Event::Drifted { .. }
    )
}

/// What a door is told of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What becomes of it.
    pub decision: Decision,
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// The record's number, by which its outcome is told.
    pub number: u64,
    /// The plan that a person is shown, where one waits.
    pub plan: Option<Sha256>,
    /// What is added to a text that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// What a published text says of who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The argument that holds the text.
    pub argument: String,
    /// What comes after it.
    pub text: String,
}

impl Answer {
    /// Marks the text of a call's arguments, where it is one that is published.
    pub fn mark(&self, arguments: &mut Value) {
        let Some(mark) = &self.mark else { return };
        if let Some(Value::String(text)) = arguments.get_mut(&mark.argument) {
            text.push_str(&mark.text);
        }
    }
}

/// What a published text says of who wrote it, with the receipt by which anybody can ask the record.
fn marked(state: &State, session: &str, rules: &Rulebook, call: &Call, number: u64) -> Option<Mark> {
    let session = state.sessions.get(session)?;
    let tool = rules.catalogue(&call.server).tool(&call.tool);
    let (argument, _) = call.published(&tool)?;
    let name = |text: &str| visible(&text.chars().take(80).collect::<String>());
    let receipt = receipt(number, &state.head?);
    let (agent, owner) = (name(&session.agent), name(&session.owner));
    let text = format!("\n\n{WRITTEN_BY}{agent} for {owner}, not reviewed. Receipt {receipt}");
    Some(Mark { argument: argument.to_owned(), text })
}

/// What came of reading back.
#[derive(Debug, Clone, Copy)]
pub enum ReadBack<'a> {
    /// The server did not answer.
    Nothing,
    /// The server says that it has no such thing, or gives it to nobody.
    Refused,
    /// This is there.
    Found(&'a Value),
}

/// What waits for people in a session.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The session.
    pub session: String,
    /// The agent.
    pub agent: String,
    /// For whom it works.
    pub owner: String,
    /// The calls.
    pub plan: Plan,
}

/// Why something that a person wants is not done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The record.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No such session.
    #[error("there is no session {0:?}")]
    NoSession(String),
    /// Another plan waits than the one that was looked at.
    #[error("what waits in {session:?} is not what was shown: {shown} was, {now} waits now")]
    Changed {
        /// The session.
        session: String,
        /// As shown.
        shown: String,
        /// As it is.
        now: String,
    },
    /// More people must approve.
    #[error("{needed} different people must approve this plan, {given} did")]
    MorePeople {
        /// How many must.
        needed: u32,
        /// How many did.
        given: u32,
    },
    /// The user of the agent is the agent.
    #[error("{0}")]
    Refused(&'static str),
}

impl Coded for EngineError {
    fn code(&self) -> &'static str {
        match self {
            Self::Log(error) => error.code(),
            Self::NoSession(_) => "TM1305",
            Self::Changed { .. } => "TM1306",
            Self::MorePeople { .. } => "TM1307",
            Self::Refused(_) => "TM1308",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Log(error) => error.help(),
            Self::NoSession(_) => "`trustmill guard sessions` lists them".into(),
            Self::Changed { .. } => {
                "look again with `trustmill guard pending`, and approve what it shows".into()
            }
            Self::MorePeople { .. } => "ask another person to approve it too: name each with --by".into(),
            Self::Refused(_) => "see docs/guard.md, \"Leases\"".into(),
        }
    }
}

impl Engine {
    /// Opens the decision point of a folder, which decides by `rules`.
    pub fn open(folder: &Path, rules: Rulebook, clock: fn() -> Timestamp) -> Result<Self, LogError> {
        let (log, state) = Log::open(folder)?;
        let (inner, rules) = (Mutex::new(Inner { log, state }), Arc::new(rules));
        let changes = watch::Sender::new(0);
        let clock = Clock::new(clock);
        let engine = Self { inner, rules: RwLock::new(Arc::clone(&rules)), clock, changes };
        engine.close_interrupted()?;
        engine.record_rules(&rules)?;
        Ok(engine)
    }

    /// Decides by other rules from the next call on. The record says so first.
    pub fn rule_by(&self, rules: Rulebook) -> Result<(), LogError> {
        let rules = Arc::new(rules);
        self.record_rules(&rules)?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    fn record_rules(&self, rules: &Rulebook) -> Result<(), LogError> {
        let mut inner = self.lock();
        if inner.state.rules != Some(rules.digest()) {
            self.append(&mut inner, Event::Ruled { digest: rules.digest() })?;
        }
        Ok(())
    }

    /// What it decides by.
    pub fn rules(&self) -> Arc<Rulebook> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was under way when the last guard ended: nobody knows how it came out, and the record says so.
    fn close_interrupted(&self) -> Result<(), LogError> {
        let mut inner = self.lock();
        let open: Vec<(String, u64)> = inner
            .state
            .sessions
            .iter()
            .flat_map(|(id, session)| session.open.keys().map(|number| (id.clone(), *number)))
            .collect();
        for (session, call) in open {
            let label = trustmill_guard::catalogue::Confidentiality::Public;
            let event = Event::Ended {
                session,
                call,
                outcome: Outcome::Unknown,
                answer: None,
                minted: Vec::new(),
                label,
                readers: None,
                wrote: Vec::new(),
            };
            self.append(&mut inner, event)?;
        }
        Ok(())
    }

    /// A panic cannot leave the state between two records: it is changed by one call, after the record stands.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn append(&self, inner: &mut Inner, event: Event) -> Result<u64, LogError> {
        let record = inner.state.record(self.clock.now(), event);
        let line = record.line();
        inner.log.append(&record, &line)?;
        // It was made from this very state, so it follows.
        let _ = inner.state.apply_hashed(&record, Some(Sha256::of(line.as_bytes())));
        if matters_to_people(&record.event) {
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(record.number)
    }

    /// Changes whenever something waits for people, or was decided by them.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Begins a task, read-only but for what the words ask for.
    pub fn begin(&self, session: &str, agent: &str, owner: &str, words: &str) -> Result<(), EngineError> {
        self.begin_under(session, agent, owner, words, None)
    }

    /// The same, for an agent that another task's agent started: what both read is one label, and a stop of that is a stop of
    /// this.
    pub fn begin_under(
        &self,
        session: &str,
        agent: &str,
        owner: &str,
        words: &str,
        parent: Option<&str>,
    ) -> Result<(), EngineError> {
        let mut inner = self.lock();
        if let Some(parent) = parent {
            inner.session(parent)?;
        }
        if inner.state.sessions.contains_key(session) {
            return Err(EngineError::Refused("a session of that name exists"));
        }
        let parent = parent.map(str::to_owned);
        let event =
            Event::Opened { session: session.into(), agent: agent.into(), owner: owner.into(), parent };
        self.append(&mut inner, event)?;
        if !words.is_empty() {
            self.append(&mut inner, Event::Heard { session: session.into(), text: words.into() })?;
        }
        Ok(())
    }

    /// The owner said something more.
    pub fn hear(&self, session: &str, words: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        inner.session(session)?;
        self.append(&mut inner, Event::Heard { session: session.into(), text: words.into() })?;
        Ok(())
    }

    /// The call by which a call's target is to be read first, where the catalogue names one.
    pub fn look_first(&self, call: &Call) -> Option<Call> {
        call.look(&self.rules().catalogue(&call.server).tool(&call.tool))
    }

    /// Decides over a call whose target was read: `seen` is what the server answered.
    pub fn decide_seen(&self, session: &str, call: &Call, seen: &Value) -> Answer {
        let mut call = call.clone();
        call.see(&self.rules().catalogue(&call.server).tool(&call.tool), seen);
        self.decide(session, &call)
    }

    /// Decides over a call. Where the decision cannot be recorded, the call is refused.
    pub fn decide(&self, session: &str, call: &Call) -> Answer {
        let rules = self.rules();
        let mut inner = self.lock();
        let ruling = decide(&inner.state, session, &rules, call, self.clock.now());
        let published = matches!(&ruling.event, Event::Allowed { published: Some(_), .. });
        match self.append(&mut inner, ruling.event) {
            Ok(number) => {
                let mark = published.then(|| marked(&inner.state, session, &rules, call, number)).flatten();
                let waits = ruling.decision == Decision::Ask;
                let plan =
                    inner.state.sessions.get(session).filter(|_| waits).map(|session| session.plan.digest());
                let (decision, rule, reason) = (ruling.decision, ruling.rule, ruling.reason);
                Answer { decision, rule, reason, number, plan, mark }
            }
            Err(error) => Answer {
                decision: Decision::Deny,
                rule: "unrecorded".into(),
                reason: format!("the guard cannot record it: {error}"),
                number: 0,
                plan: None,
                mark: None,
            },
        }
    }

    /// What came of a call that was allowed.
    pub fn ended(
        &self,
        session: &str,
        number: u64,
        call: &Call,
        outcome: Outcome,
        answer: Option<&Value>,
    ) -> Result<(), LogError> {
        let tool = self.rules().catalogue(&call.server).tool(&call.tool);
        let mut inner = self.lock();
        let Some(found) = inner.state.sessions.get(session) else { return Ok(()) };
        let asked = looks_for_named(call, &found.words);
        let minted = answer.map(|value| mint(&tool.returns, &found.words, asked, value)).unwrap_or_default();
        let digest = answer.map(|value| Sha256::of(value.to_string().as_bytes()));
        let mut label = inner.state.label_of_read(call, &minted);
        let readers = answer.and_then(|answer| readers(&tool.returns, answer));
        label.join(&Label { secrecy: tool.returns.confidentiality, readers, tainted: true });
        // A record that an effect made is what the task wrote.
        let made = minted.iter().filter(|minted| matches!(minted.kind, Kind::Id(_)));
        let wrote = match tool.effect {
            Effect::Write | Effect::Send | Effect::Publish => {
                made.map(|minted| Artefact::record(&call.server, &minted.value)).collect()
            }
            _ => Vec::new(),
        };
        let (session, call, label, readers) = (session.into(), number, label.secrecy, label.readers);
        let event = Event::Ended { session, call, outcome, answer: digest, minted, label, readers, wrote };
        self.append(&mut inner, event)?;
        Ok(())
    }

    /// The call by which what a call did is read back, where the catalogue names one.
    pub fn look_after(&self, call: &Call, answer: &Value) -> Option<Call> {
        call.look_after(&self.rules().catalogue(&call.server).tool(&call.tool), answer)
    }

    /// What was read back after a call. Where it is not what the call should have done, nothing that was leased goes on.
    pub fn read_back(
        &self,
        session: &str,
        number: u64,
        call: &Call,
        found: ReadBack<'_>,
    ) -> Result<Verdict, LogError> {
        let tool = self.rules().catalogue(&call.server).tool(&call.tool);
        let (verdict, about) = match found {
            ReadBack::Nothing => (Verdict::Unread, String::new()),
            ReadBack::Refused => call.compare_after(&tool, None),
            ReadBack::Found(value) => call.compare_after(&tool, Some(value)),
        };
        let found = match found {
            ReadBack::Found(value) => Some(Sha256::of(value.to_string().as_bytes())),
            ReadBack::Nothing | ReadBack::Refused => None,
        };
        let mut inner = self.lock();
        if !inner.state.sessions.contains_key(session) {
            return Ok(verdict);
        }
        let event = Event::ReadBack { session: session.into(), call: number, found, verdict, about };
        self.append(&mut inner, event)?;
        Ok(verdict)
    }

    /// What waits for people.
    pub fn waiting(&self) -> Vec<Waiting> {
        let inner = self.lock();
        let waiting = inner.state.sessions.iter().filter(|(_, session)| !session.plan.calls().is_empty());
        waiting
            .map(|(id, session)| Waiting {
                session: id.clone(),
                agent: session.agent.clone(),
                owner: session.owner.clone(),
                plan: session.plan.clone(),
            })
            .collect()
    }

    /// People approve a plan as it was shown, or the calls of it that `keep` picks.
    pub fn approve(
        &self,
        session: &str,
        shown: &Sha256,
        by: &BTreeSet<String>,
        keep: Option<&BTreeSet<Sha256>>,
        lasts: Duration,
    ) -> Result<usize, EngineError> {
        let mut inner = self.lock();
        let found = inner.session(session)?;
        let plan = found.plan.clone();
        let now = plan.digest();
        if now != *shown {
            let session = session.to_owned();
            return Err(EngineError::Changed { session, shown: shown.short(), now: now.short() });
        }
        let plan = keep.map_or(plan.clone(), |keep| plan.narrowed(keep));
        let given = u32::try_from(by.len()).unwrap_or(u32::MAX);
        if given < plan.approvers() {
            return Err(EngineError::MorePeople { needed: plan.approvers(), given });
        }
        if by.contains(&found.agent) {
            return Err(EngineError::Refused("an agent cannot approve what it does"));
        }
        let calls: BTreeSet<Sha256> = plan.calls().iter().map(|call| call.digest).collect();
        let count = calls.len();
        self.grant(&mut inner, session, plan.digest(), Grant::Calls(calls), by, lasts)?;
        Ok(count)
    }

    /// A person writes terms: calls within them pass without being shown.
    pub fn lease(
        &self,
        session: &str,
        terms: Terms,
        by: &BTreeSet<String>,
        lasts: Duration,
    ) -> Result<Sha256, EngineError> {
        let mut inner = self.lock();
        let agent = &inner.session(session)?.agent;
        if by.is_empty() || by.contains(agent) {
            return Err(EngineError::Refused("a lease is given by a person, and not by the agent"));
        }
        let (server, tool) = terms.tool.split_once('/').unwrap_or((&terms.tool, ""));
        let effect = self.rules().catalogue(server).tool(tool).effect;
        if effect == Effect::Destroy && terms.calls > MOST_UNSHOWN {
            return Err(EngineError::Refused(
                "more than 20 things are deleted as a plan that was shown, not by terms",
            ));
        }
        let needed = self.rules().settings.access_approvers;
        let given = u32::try_from(by.len()).unwrap_or(u32::MAX);
        if effect == Effect::Access && given < needed {
            return Err(EngineError::MorePeople { needed, given });
        }
        let mut content = serde_json::to_value(&terms).unwrap_or_default();
        content.sort_all_objects();
        let id = Sha256::of(format!("{}{content}", inner.state.next).as_bytes());
        self.grant(&mut inner, session, id, Grant::Terms(terms), by, lasts)?;
        Ok(id)
    }

    fn grant(
        &self,
        inner: &mut Inner,
        session: &str,
        id: Sha256,
        grant: Grant,
        by: &BTreeSet<String>,
        lasts: Duration,
    ) -> Result<(), EngineError> {
        let from = inner.state.now(self.clock.now());
        let longest = if matches!(grant, Grant::Terms(_)) { LONGEST_MANDATE } else { LONGEST_LEASE };
        let expires = from + jiff::SignedDuration::try_from(lasts.min(longest)).unwrap_or_default();
        let lease = Lease { id, grant, expires, by: by.clone() };
        self.append(inner, Event::Granted { session: session.into(), lease })?;
        Ok(())
    }

    /// What can be undone, of one session or of all, the last first; `due` gives only what should be by now.
    pub fn journal(&self, session: Option<&str>, due: bool) -> Vec<(u64, Undoable)> {
        let inner = self.lock();
        let now = inner.state.now(self.clock.now());
        let entries = inner.state.journal.iter().rev();
        let wanted = entries.filter(|(_, entry)| {
            session.is_none_or(|session| entry.session == session)
                && (!due || entry.undo.due.is_some_and(|due| due <= now))
        });
        wanted.map(|(number, entry)| (*number, entry.clone())).collect()
    }

    /// A person has calls undone: gives the session in which the calls that undo them are leased, each once. It is another one
    /// than that of the agent, since that may be stopped.
    pub fn undo(&self, calls: &BTreeSet<u64>, by: &str) -> Result<String, EngineError> {
        let mut inner = self.lock();
        let mut digests = BTreeSet::new();
        for call in calls {
            let Some(entry) = inner.state.journal.get(call) else {
                return Err(EngineError::Refused("a call of these was not made, is undone, or cannot be"));
            };
            if inner.state.sessions.get(&entry.session).is_some_and(|session| session.agent == by) {
                return Err(EngineError::Refused("an agent cannot approve what it does"));
            }
            let Undo { server, tool, arguments, .. } = &entry.undo;
            let call = Call::new(server, tool, Value::Object(arguments.clone()), Limits::default());
            digests.insert(call.map_err(|_| EngineError::Refused("it is too large"))?.digest());
        }
        let people = BTreeSet::from([by.to_owned()]);
        self.open_undo(&mut inner, "undo", by, digests, &people)
    }

    /// What was given for a time ends: gives the session in which the call that ends it is leased, by those who gave it for that
    /// time.
    pub fn end(&self, call: u64) -> Result<String, EngineError> {
        let mut inner = self.lock();
        let Some(entry) = inner.state.journal.get(&call) else {
            return Err(EngineError::Refused("there is no such call to undo"));
        };
        let Undo { server, tool, arguments, by, .. } = entry.undo.clone();
        let owner = inner.state.sessions.get(&entry.session).map(|session| session.owner.clone());
        let call = Call::new(&server, &tool, Value::Object(arguments), Limits::default());
        let digest = call.map_err(|_| EngineError::Refused("it is too large"))?.digest();
        self.open_undo(&mut inner, "guard", &owner.unwrap_or_default(), BTreeSet::from([digest]), &by)
    }

    fn open_undo(
        &self,
        inner: &mut Inner,
        agent: &str,
        owner: &str,
        calls: BTreeSet<Sha256>,
        by: &BTreeSet<String>,
    ) -> Result<String, EngineError> {
        let session = format!("undo-{}", inner.state.next);
        let (agent, owner) = (agent.to_owned(), owner.to_owned());
        let opened = Event::Opened { session: session.clone(), agent, owner, parent: None };
        self.append(inner, opened)?;
        let id = Sha256::of(session.as_bytes());
        self.grant(inner, &session, id, Grant::Calls(calls), by, UNDOING)?;
        Ok(session)
    }

    /// A call was undone.
    pub fn undone(&self, call: u64, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        let Some(entry) = inner.state.journal.get(&call) else {
            return Err(EngineError::Refused("there is no such call to undo"));
        };
        let session = entry.session.clone();
        self.append(&mut inner, Event::Undone { session, call, by: by.into() })?;
        Ok(())
    }

    /// A person refuses everything that waits in a session.
    pub fn dismiss(&self, session: &str, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        inner.session(session)?;
        self.append(&mut inner, Event::Dismissed { session: session.into(), by: by.into() })?;
        Ok(())
    }

    /// Stop: before the next call, of one session or of all. Every lease is gone.
    pub fn stop(&self, session: Option<&str>, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        if let Some(session) = session {
            inner.session(session)?;
        }
        self.append(&mut inner, Event::Stopped { session: session.map(str::to_owned), by: by.into() })?;
        Ok(())
    }

    /// Effects may happen again, with new leases.
    pub fn resume(&self, session: Option<&str>, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        self.append(&mut inner, Event::Resumed { session: session.map(str::to_owned), by: by.into() })?;
        Ok(())
    }

    /// Compares what a server says of its tools with what was pinned. What is new is pinned as it is first seen; what
    /// changed is held. Gives the names of tools that are held.
    pub fn listed(&self, server: &str, tools: &[(String, Value)]) -> Result<Vec<String>, LogError> {
        let mut inner = self.lock();
        let (mut fresh, mut held) = (BTreeMap::new(), Vec::new());
        for (name, definition) in tools {
            let name = format!("{server}/{name}");
            let mut definition = definition.clone();
            definition.sort_all_objects();
            let digest = Sha256::of(definition.to_string().as_bytes());
            match inner.state.pins.get(&name) {
                None => {
                    fresh.insert(name, digest);
                }
                Some(pinned) if *pinned == digest => {
                    // It is again what a person saw.
                    if inner.state.drifted.contains_key(&name) {
                        fresh.insert(name, digest);
                    }
                }
                Some(_) => {
                    if inner.state.drifted.get(&name) != Some(&digest) {
                        self.append(&mut inner, Event::Drifted { tool: name.clone(), digest })?;
                    }
                    held.push(name);
                }
            }
        }
        if !fresh.is_empty() {
            self.append(&mut inner, Event::Pinned { tools: fresh, by: "first seen".into() })?;
        }
        Ok(held)
    }

    /// A look at the state.
    pub fn look<T>(&self, with: impl FnOnce(&State) -> T) -> T {
        with(&self.lock().state)
    }
}
