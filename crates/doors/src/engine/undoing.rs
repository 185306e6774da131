//! Undoing: what was done and can be taken back, by people or when its time is over.

use super::{Engine, EngineError, Inner};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use trustmill_core::Sha256;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::lease::Grant;
use trustmill_guard::record::{Event, Undo};
use trustmill_guard::session::Undoable;

/// How long undoing may take.
const UNDOING: Duration = Duration::from_secs(15 * 60);

impl Engine {
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
        let now = inner.state.now(self.clock.now());
        let (mut digests, mut ended) = (BTreeSet::new(), None::<BTreeSet<String>>);
        for call in calls {
            let Some(entry) = inner.state.journal.get(call) else {
                return Err(EngineError::Refused("a call of these was not made, is undone, or cannot be"));
            };
            if inner.state.sessions.get(&entry.session).is_some_and(|session| session.agent == by) {
                return Err(EngineError::Refused("an agent cannot approve what it does"));
            }
            let Undo { server, tool, arguments, due, by: gave } = &entry.undo;
            // Whoever gave it for a time agreed to its end; what is not due yet is this person's word alone.
            let agreed = if due.is_some_and(|due| due <= now) { gave.clone() } else { BTreeSet::new() };
            ended = Some(ended.map_or(agreed.clone(), |all| &all & &agreed));
            let call = Call::new(server, tool, Value::Object(arguments.clone()), Limits::default());
            digests.insert(call.map_err(|_| EngineError::Refused("it is too large"))?.digest());
        }
        let mut people = ended.unwrap_or_default();
        people.insert(by.to_owned());
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
}
