//! Models in the queue: which misses they are due for, and what came of it.
//!
//! What is due follows from the sessions that are kept: one that was begun is gone on with, one that waits for a person
//! waits, and one that ended is not begun again while the miss stands that it was to mend.

use super::Mending;
use crate::StepError;
use crate::agent::{Ended, SessionError, Step};
use crate::models::{RouteError, Router};
use crate::repair::{Agent, AgentError, Attempted, Miss, Outcome as Came, helps};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use trustmill_core::advisory::Finding;
use trustmill_core::outcome::Outcome;
use trustmill_core::{Key, Timestamp};

/// Seconds of a day, as budgets count them: by UTC.
const DAY: i64 = 86_400;

/// The models that work on what strategies missed.
pub struct Models {
    router: Router,
    team: Option<String>,
    /// Until then nobody is asked: what may be spent on the day is spent.
    rest: Mutex<Timestamp>,
}

impl Models {
    /// What asks them, and for which team.
    pub const fn new(router: Router, team: Option<String>) -> Self {
        Self { router, team, rest: Mutex::new(Timestamp::UNIX_EPOCH) }
    }

    fn rest_until(&self) -> Timestamp {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks nobody before the next day, and says when that is.
    fn rest(&self, now: Timestamp) -> Timestamp {
        let tomorrow = (now.as_second().div_euclid(DAY) + 1) * DAY;
        let tomorrow = Timestamp::from_second(tomorrow).unwrap_or(Timestamp::MAX);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = tomorrow;
        tomorrow
    }
}

impl Mending {
    /// The miss that models have work with now, of those that stand.
    pub(super) async fn for_models<'m>(
        &self,
        finding: &Finding,
        standing: &'m [Miss],
    ) -> Result<Option<&'m Miss>, StepError> {
        let now = self.repairs.world.clock.now();
        let asks = self.models.as_ref().is_some_and(|models| models.rest_until() <= now);
        let (Some(oldest), Some(newest)) = (standing.first(), standing.last()) else { return Ok(None) };
        if !asks || !helps(newest.class) {
            return Ok(None);
        }
        let due = match self.repairs.unfinished(finding, None).await? {
            Some(open) => !matches!(open.last, Step::Parked { .. }),
            None => {
                let sessions = self.repairs.sessions(finding).await.map_err(AgentError::from)?;
                !sessions.iter().any(|session| session.begun.at >= oldest.at)
            }
        };
        Ok(due.then_some(newest))
    }

    /// Has models work on a miss. `None` says that what comes next can be worked on.
    pub(super) async fn by_models(
        &self,
        finding: &Finding,
        miss: &Miss,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Outcome>, StepError> {
        let Some(models) = &self.models else { return Ok(None) };
        let key = Key::Backport(finding.release.clone());
        let id = finding.ids.first().map_or("", String::as_str);
        let agent = Agent {
            router: &models.router,
            allowance: models.router.settings().task,
            team: models.team.as_deref(),
            only: None,
            stopped,
        };
        let attempted = match self.repairs.by_agent(finding, miss, &agent).await {
            Err(AgentError::Session(SessionError::Route(error @ RouteError::Spent { .. }))) => {
                let until = models.rest(self.repairs.world.clock.now());
                self.conclude(&key, format!("{id} waits for models until {until}: {error}"));
                return Ok(None);
            }
            other => other?,
        };
        let Some(Attempted { ended, outcome, .. }) = attempted else {
            let why = format!("{id}: what the models were to work on cannot be had any more");
            return Ok(Some(Outcome::GiveUp { why }));
        };
        if matches!(ended, Ended::Stopped) {
            return Ok(Some(Outcome::Requeue { after: Duration::ZERO }));
        }
        let what = match outcome {
            Came::Repaired(done) => format!("{}: {} as {}", ended, done.ruling.as_str(), done.repaired),
            Came::Missed(_) => ended.to_string(),
        };
        self.conclude(&key, format!("{id} {what}"));
        Ok(None)
    }
}
