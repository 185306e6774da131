//! The decision point: state and record behind one lock. What it decides is recorded before it is told.

mod people;
mod undoing;

pub use people::{Approved, LONGEST_LEASE, LONGEST_MANDATE, Waiting};

use crate::clock::Clock;
use crate::log::{Log, LogError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_guard::Effect;
use trustmill_guard::call::Call;
use trustmill_guard::decide::{Decision, Rulebook, decide};
use trustmill_guard::ground::{looks_for_named, mint};
use trustmill_guard::label::{Artefact, Label, readers};
use trustmill_guard::record::{Event, Outcome, Verdict, WRITTEN_BY, receipt};
use trustmill_guard::session::{Session, State};
use trustmill_guard::value::{Kind, visible};

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
    let (argument, _) = call.published(tool)?;
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
        let clock = Clock::new(clock, folder);
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
        call.look(self.rules().catalogue(&call.server).tool(&call.tool))
    }

    /// Decides over a call whose target was read: `seen` is what the server answered.
    pub fn decide_seen(&self, session: &str, call: &Call, seen: &Value) -> Answer {
        let (mut call, rules) = (call.clone(), self.rules());
        let catalogue = rules.catalogue(&call.server);
        let read = catalogue.read(seen);
        call.see(catalogue.tool(&call.tool), read.as_ref().unwrap_or(seen));
        self.decide(session, &call)
    }

    /// Decides over a call. Where the decision cannot be recorded, the call is refused.
    pub fn decide(&self, session: &str, call: &Call) -> Answer {
        let rules = self.rules();
        let mut inner = self.lock();
        let ruling = decide(&inner.state, session, &rules, call, self.clock.now());
        let effect = match &ruling.event {
            Event::Asked { call, .. } => Some(call.effect),
            _ => None,
        };
        let published = matches!(&ruling.event, Event::Allowed { published: Some(_), .. });
        match self.append(&mut inner, ruling.event) {
            Ok(number) => {
                let mark = published.then(|| marked(&inner.state, session, &rules, call, number)).flatten();
                let waits = ruling.decision == Decision::Ask;
                let found = inner.state.sessions.get(session).filter(|_| waits);
                let plan = found.and_then(|session| Some(session.plans.get(&effect?)?.digest()));
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
        let rules = self.rules();
        let catalogue = rules.catalogue(&call.server);
        let tool = catalogue.tool(&call.tool);
        let read = answer.and_then(|answer| catalogue.read(answer));
        let said = read.as_ref().or(answer);
        let mut inner = self.lock();
        let Some(found) = inner.state.sessions.get(session) else { return Ok(()) };
        let asked = looks_for_named(call, &found.words);
        let minted = said.map(|value| mint(&tool.returns, &found.words, asked, value)).unwrap_or_default();
        let digest = answer.map(|value| Sha256::of(value.to_string().as_bytes()));
        let mut label = inner.state.label_of_read(call, &minted);
        let readers = said.and_then(|answer| readers(&tool.returns, answer));
        label.join(&Label { secrecy: tool.returns.confidentiality, readers, tainted: true });
        // A record that an effect made is what the task wrote.
        let made = minted.iter().filter(|minted| matches!(minted.kind, Kind::Id(_)));
        let wrote = match tool.effect {
            Effect::Write | Effect::Send | Effect::Publish => {
                made.map(|minted| Artefact::record(&call.server, &minted.value)).collect()
            }
            _ => Vec::new(),
        };
        let unread = outcome == Outcome::Done && tool.after.is_some() && {
            let look = call.look_after(tool, said.unwrap_or(&Value::Null));
            look.is_none_or(|look| !inner.state.pins.contains_key(&look.name()))
        };
        let event = Event::Ended {
            session: session.to_owned(),
            call: number,
            outcome,
            answer: digest,
            minted,
            label: label.secrecy,
            readers: label.readers,
            wrote,
        };
        self.append(&mut inner, event)?;
        if unread {
            // Nobody will read it back: the server has no tool for it, or its answer does not name what to read.
            let (session, verdict, about) = (session.to_owned(), Verdict::Unread, String::new());
            let event = Event::ReadBack { session, call: number, found: None, verdict, about };
            self.append(&mut inner, event)?;
        }
        Ok(())
    }

    /// The call by which what a call did is read back, where the catalogue names one.
    pub fn look_after(&self, call: &Call, answer: &Value) -> Option<Call> {
        let rules = self.rules();
        let catalogue = rules.catalogue(&call.server);
        let read = catalogue.read(answer);
        let look = call.look_after(catalogue.tool(&call.tool), read.as_ref().unwrap_or(answer))?;
        // A catalogue describes many servers of a kind, and not each of them has every tool.
        self.lock().state.pins.contains_key(&look.name()).then_some(look)
    }

    /// What was read back after a call. Where it is not what the call should have done, nothing that was leased goes on.
    pub fn read_back(
        &self,
        session: &str,
        number: u64,
        call: &Call,
        found: ReadBack<'_>,
    ) -> Result<Verdict, LogError> {
        let rules = self.rules();
        let catalogue = rules.catalogue(&call.server);
        let tool = catalogue.tool(&call.tool);
        let (verdict, about) = match found {
            ReadBack::Nothing => (Verdict::Unread, String::new()),
            ReadBack::Refused => call.compare_after(tool, None),
            ReadBack::Found(value) => {
                call.compare_after(tool, Some(catalogue.read(value).as_ref().unwrap_or(value)))
            }
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
