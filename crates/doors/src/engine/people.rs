//! What people decide: over plans as they were shown, by terms, and STOP.

use super::{Engine, EngineError, Inner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use trustmill_core::Sha256;
use trustmill_guard::Effect;
use trustmill_guard::lease::{Grant, Lease, Plan, Terms};
use trustmill_guard::narrow::{Less, Part};
use trustmill_guard::record::Event;
use trustmill_guard::session::Session;

/// The most that may be deleted by terms, with nobody seeing what.
const MOST_UNSHOWN: u32 = 20;

/// The longest that the lease of a plan may last.
pub const LONGEST_LEASE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest that terms may last.
pub const LONGEST_MANDATE: Duration = Duration::from_secs(366 * 24 * 3600);

/// What waits for people in a session with one effect.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The session.
    pub session: String,
    /// The agent.
    pub agent: String,
    /// For whom it works.
    pub owner: String,
    /// What the calls do.
    pub effect: Effect,
    /// The calls.
    pub plan: Plan,
}

/// What people approve of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Who.
    pub by: BTreeSet<String>,
    /// The calls to keep; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<BTreeSet<Sha256>>,
    /// Calls of which less may be made, and what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub less: BTreeMap<Sha256, BTreeMap<String, Part>>,
    /// For how long, in seconds.
    pub seconds: u64,
}

/// The plan of a session that was shown, with its effect.
fn shown<'a>(session: &'a Session, name: &str, shown: &Sha256) -> Result<(Effect, &'a Plan), EngineError> {
    let mut plans = session.plans.iter();
    let found = plans.find(|(_, plan)| plan.digest() == *shown).map(|(effect, plan)| (*effect, plan));
    found.ok_or_else(|| {
        let now: Vec<String> = session.plans.values().map(|plan| plan.digest().short()).collect();
        let now = if now.is_empty() { "nothing".to_owned() } else { now.join(", ") };
        EngineError::Changed { session: name.to_owned(), shown: shown.short(), now }
    })
}

impl Engine {
    /// What waits for people.
    pub fn waiting(&self) -> Vec<Waiting> {
        let inner = self.lock();
        let all = inner.state.sessions.iter().flat_map(|(id, session)| {
            session.plans.iter().map(move |(effect, plan)| Waiting {
                session: id.clone(),
                agent: session.agent.clone(),
                owner: session.owner.clone(),
                effect: *effect,
                plan: plan.clone(),
            })
        });
        all.collect()
    }

    /// People approve a plan as it was shown, or less of it: some of the calls, or less than some of the calls. Gives how many
    /// calls may be made.
    pub fn approve(&self, session: &str, plan: &Sha256, approved: &Approved) -> Result<usize, EngineError> {
        let mut inner = self.lock();
        let found = inner.session(session)?;
        let (_, plan) = shown(found, session, plan)?;
        let plan = approved.keep.as_ref().map_or(plan.clone(), |keep| plan.narrowed(keep));
        let given = u32::try_from(approved.by.len()).unwrap_or(u32::MAX);
        if given < plan.approvers() {
            return Err(EngineError::MorePeople { needed: plan.approvers(), given });
        }
        if approved.by.contains(&found.agent) {
            return Err(EngineError::Refused("an agent cannot approve what it does"));
        }
        if plan.calls().is_empty() {
            return Err(EngineError::Refused("no call of the plan was picked"));
        }
        let mut calls: BTreeSet<Sha256> = plan.calls().iter().map(|call| call.digest).collect();
        let count = calls.len();
        let less = less(&plan, &approved.less)?;
        calls.retain(|call| less.iter().all(|less| less.of != *call));
        let (by, lasts) = (&approved.by, Duration::from_secs(approved.seconds));
        let id = plan.digest();
        if !calls.is_empty() {
            self.grant(&mut inner, session, id, Grant::Calls(calls), by, lasts)?;
        }
        for less in less {
            // Two of them are two leases.
            let id = Sha256::of(format!("{id}{}", less.of).as_bytes());
            self.grant(&mut inner, session, id, Grant::Less(less), by, lasts)?;
        }
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

    pub(super) fn grant(
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

    /// A person refuses a plan as it was shown, or everything that waits in a session.
    pub fn dismiss(&self, session: &str, plan: Option<&Sha256>, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        let found = inner.session(session)?;
        let effect = plan.map(|plan| shown(found, session, plan)).transpose()?.map(|(effect, _)| effect);
        self.append(&mut inner, Event::Dismissed { session: session.into(), by: by.into(), effect })?;
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
}

/// What people allow in place of calls of a plan. What is no less than a call is not among them.
fn less(plan: &Plan, to: &BTreeMap<Sha256, BTreeMap<String, Part>>) -> Result<Vec<Less>, EngineError> {
    let mut all = Vec::new();
    for (of, parts) in to {
        let call = plan.calls().iter().find(|call| call.digest == *of);
        let call = call.ok_or(EngineError::Refused("less is allowed of calls that were picked"))?;
        let narrowed = call.cut.as_ref().and_then(|cut| Some((cut, cut.narrowed(parts)?)));
        let (whole, cut) = narrowed
            .ok_or(EngineError::Refused("that is no less than the call, or not what can be less of it"))?;
        if cut != *whole {
            all.push(Less { of: *of, tool: call.tool.clone(), cut, made: false });
        }
    }
    Ok(all)
}
