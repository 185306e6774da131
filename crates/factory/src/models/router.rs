//! Which model takes a turn: the route of the task's class, less what is banned, not allowed or too dear; and what
//! happens when one fails.

use super::family::Identity;
use super::ledger::Ledger;
use super::log::{Asked, Entry, LogError};
use super::settings::{Allowance, ModelRef, Provider, Settings};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::Sha256;
use trustmill_core::conversation::{Reply, Tokens, TurnRequest};
use trustmill_core::port::Coded;
use trustmill_core::port::model::{Listener, ModelError};

/// Tries of one model, where trying again may help.
const TRIES: u32 = 3;
/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait for one model; a provider that asks for more is left for the next one.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One turn that a task wants.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The task, by a name that no other has.
    pub task: &'a str,
    /// Its class.
    pub class: &'a str,
    /// For which team.
    pub team: Option<&'a str>,
    /// Its turn, from 0.
    pub turn: u32,
    /// The model that took the turns before, and is asked first: its cache is warm, and it takes back its thoughts.
    pub last: Option<&'a ModelRef>,
    /// The only model that may be asked.
    pub only: Option<&'a ModelRef>,
    /// What the task may spend on models.
    pub allowance: Allowance,
    /// The turn; `model` and `key` are filled in.
    pub request: TurnRequest,
}

/// Who took a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taker {
    /// As it was asked.
    pub model: ModelRef,
    /// Whose it is, and how it was reached.
    pub identity: Identity,
}

/// A turn that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// What was said.
    pub reply: Reply,
    /// By whom.
    pub taker: Taker,
    /// What it cost, in millionths; `None` where the price is not known.
    pub cost_micros: Option<u64>,
    /// How long it took, waits included.
    pub millis: u64,
    /// How long models took of that.
    pub model_millis: u64,
}

/// Why nobody took a turn.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No model may, or every one failed.
    #[error("no model takes this turn ({class}): {}", why.join("; "))]
    Nobody {
        /// The class of the task.
        class: String,
        /// One sentence per model.
        why: Vec<String>,
    },
    /// A budget is spent.
    #[error("the budget of {whose} is spent: {what}")]
    Spent {
        /// `this task`, `the day`, `the team … for the day`.
        whose: String,
        /// Which bound.
        what: String,
    },
    /// The conversation is too long for every model that could take it.
    #[error("the conversation is too long for every model of the route")]
    TooLong,
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Coded for RouteError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nobody { .. } => "TM1410",
            Self::Spent { .. } => "TM1411",
            Self::TooLong => "TM1403",
            Self::Log(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Nobody { .. } => "`trustmill models list` shows every model with the reason for which it is not used; name models in [models.routes]".into(),
            Self::Spent { .. } => "raise [models.budget], or wait for the next day; the work is kept".into(),
            Self::TooLong => "put a model that takes more into the route".into(),
            Self::Log(error) => error.help(),
        }
    }
}

/// Asks models.
pub struct Router {
    settings: Settings,
    ledger: Arc<Ledger>,
}

/// How one model ended.
enum Ended {
    Taken(Box<Taken>),
    Failed(String),
    TooLong,
}

impl Router {
    /// A router over these models, that writes to this log.
    pub const fn new(settings: Settings, ledger: Arc<Ledger>) -> Self {
        Self { settings, ledger }
    }

    /// What the operator says.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The log.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Has somebody take a turn.
    ///
    /// # Errors
    /// [`RouteError`]; whatever went out is in the log.
    pub async fn turn(&self, wanted: &Wanted<'_>, listener: &mut dyn Listener) -> Result<Taken, RouteError> {
        let (mut why, mut too_long) = (Vec::new(), false);
        for model in self.candidates(wanted) {
            let (provider, identity) = match self.settings.permits(&model, wanted.team) {
                Ok(permitted) => permitted,
                Err(reason) => {
                    why.push(reason);
                    continue;
                }
            };
            match self.ask(wanted, &model, provider, &identity, listener).await? {
                Ended::Taken(taken) => return Ok(*taken),
                Ended::Failed(reason) => why.push(reason),
                Ended::TooLong => too_long = true,
            }
        }
        if why.is_empty() && too_long {
            return Err(RouteError::TooLong);
        }
        if why.is_empty() {
            why.push("no route names a model for it".into());
        }
        Err(RouteError::Nobody { class: wanted.class.to_owned(), why })
    }

    /// The models of the route; the one that took the last turn first, if it is among them.
    fn candidates(&self, wanted: &Wanted<'_>) -> Vec<ModelRef> {
        if let Some(only) = wanted.only {
            return vec![only.clone()];
        }
        let route = self.settings.route(wanted.class);
        let last = wanted.last.filter(|last| route.contains(last));
        let others = route.iter().filter(|model| Some(*model) != last);
        last.into_iter().chain(others).cloned().collect()
    }

    async fn ask(
        &self,
        wanted: &Wanted<'_>,
        model: &ModelRef,
        provider: &Provider,
        identity: &Identity,
        listener: &mut dyn Listener,
    ) -> Result<Ended, RouteError> {
        let mut request = wanted.request.clone();
        request.model.clone_from(&model.model);
        request.key = key(wanted, model, &request);
        let reserve = self.settings.price(model).map(|price| price.micros(&most(&request)));
        let begun = Instant::now();
        let (mut wait, mut model_millis) = (FIRST_WAIT, 0);
        for attempt in 1.. {
            self.affords(wanted.task, wanted.team, wanted.allowance, reserve).await?;
            let books = self.ledger.follow().await?;
            if let Some(ban) = books.banned(identity) {
                return Ok(Ended::Failed(format!("{model}: {} is banned: {}", ban.family, ban.why)));
            }
            let asked = Asked {
                key: request.key.clone(),
                task: wanted.task.to_owned(),
                class: wanted.class.to_owned(),
                team: wanted.team.map(str::to_owned),
                turn: wanted.turn,
                provider: provider.name.clone(),
                families: identity.families.clone(),
                route: identity.route,
                model: model.model.clone(),
                region: provider.region.clone(),
                reserve_micros: reserve,
            };
            self.ledger.write(&Entry::Asked(Box::new(asked))).await?;
            let sent = Instant::now();
            let outcome = tokio::select! {
                biased;
                ban = self.ledger.until_banned(identity) => Err(Broke::Banned(ban?.family)),
                reply = provider.model.turn(&request, listener) => reply.map_err(Broke::Model),
            };
            let millis = millis(sent);
            model_millis += millis;
            let error = match outcome {
                Ok(reply) => match self.accept(&request, model, provider, identity, &reply, millis).await? {
                    Ok(cost_micros) => {
                        let taker = Taker { model: model.clone(), identity: identity.clone() };
                        let millis = self::millis(begun);
                        let taken = Taken { reply, taker, cost_micros, millis, model_millis };
                        return Ok(Ended::Taken(Box::new(taken)));
                    }
                    Err(reason) => return Ok(Ended::Failed(reason)),
                },
                Err(Broke::Banned(family)) => {
                    self.failed(&request.key, "banned", "TM1412", millis).await?;
                    return Ok(Ended::Failed(format!("{model}: {family} was banned while it answered")));
                }
                Err(Broke::Model(error)) => error,
            };
            self.failed(&request.key, error.word(), error.code(), millis).await?;
            let next = match &error {
                ModelError::Passing { retry_after, .. } => Some(retry_after.unwrap_or(wait)),
                // A reply out of form may come in form the next time, once.
                ModelError::Malformed { .. } if attempt == 1 => Some(Duration::ZERO),
                ModelError::TooLong { .. } => return Ok(Ended::TooLong),
                _ => None,
            };
            match next.filter(|next| attempt < TRIES && *next <= LONGEST_WAIT) {
                Some(next) => tokio::time::sleep(next).await,
                None => return Ok(Ended::Failed(format!("{model}: {error}"))),
            }
            wait = wait.saturating_mul(2);
        }
        Ok(Ended::Failed(format!("{model}: it was tried too often")))
    }

    /// Holds a reply against what was asked for, and writes it down: its cost, or why it is dropped.
    async fn accept(
        &self,
        request: &TurnRequest,
        model: &ModelRef,
        provider: &Provider,
        identity: &Identity,
        reply: &Reply,
        millis: u64,
    ) -> Result<Result<Option<u64>, String>, RouteError> {
        let cost_micros = self.settings.price(model).map(|price| price.micros(&reply.tokens));
        let key = request.key.clone();
        if let Err(why) = same(model, provider, identity, &reply.model) {
            let (how, code) = ("other-family".to_owned(), "TM1413".to_owned());
            let entry = Entry::Failed { key, how, code, millis, tokens: reply.tokens, cost_micros };
            self.ledger.write(&entry).await?;
            return Ok(Err(why));
        }
        let content = if self.settings.keep_contents {
            let both = serde_json::json!({ "request": request, "reply": reply }).to_string();
            Some(self.ledger.blobs().put(Bytes::from(both)).await.map_err(LogError::from)?)
        } else {
            None
        };
        let reported = reply.model.chars().take(200).collect();
        let tokens = reply.tokens;
        self.ledger.write(&Entry::Answered { key, reported, tokens, cost_micros, millis, content }).await?;
        Ok(Ok(cost_micros))
    }

    async fn failed(&self, key: &str, how: &str, code: &str, millis: u64) -> Result<(), RouteError> {
        let entry = Entry::Failed {
            key: key.to_owned(),
            how: how.to_owned(),
            code: code.to_owned(),
            millis,
            tokens: Tokens::default(),
            cost_micros: None,
        };
        self.ledger.write(&entry).await?;
        Ok(())
    }

    /// Whether what is left pays for the turn.
    pub(super) async fn affords(
        &self,
        task: &str,
        team: Option<&str>,
        allowance: Allowance,
        reserve: Option<u64>,
    ) -> Result<(), RouteError> {
        let books = self.ledger.follow().await?;
        let now = self.ledger.now();
        let of_team = team.map(|team| format!("the team {team} for the day"));
        let bounds = [
            ("this task".to_owned(), allowance, books.task(task)),
            (of_team.unwrap_or_default(), self.settings.team_daily(team), books.day(team, now)),
            ("the day".to_owned(), self.settings.daily, books.everybody(now)),
        ];
        for (whose, bound, spent) in bounds {
            let micros = spent.micros.saturating_add(reserve.unwrap_or(0));
            let over = bound.micros.is_some_and(|bound| micros > bound);
            let money = || format!("{:.4} of money with what this turn may cost", micros as f64 / 1e6);
            let reached = bound.reached(spent.asked, spent.tokens.sum(), spent.micros, spent.millis / 1000);
            if let Some(what) = over.then(money).or(reached) {
                return Err(RouteError::Spent { whose, what });
            }
        }
        Ok(())
    }
}

enum Broke {
    Model(ModelError),
    Banned(String),
}

/// Whether the model that answered is of the family that was asked. What an alias hides shows here at the latest.
pub(super) fn same(
    model: &ModelRef,
    provider: &Provider,
    identity: &Identity,
    reported: &str,
) -> Result<(), String> {
    if reported == model.model {
        return Ok(());
    }
    let shown: String = reported.chars().filter(|c| !c.is_control()).take(100).collect();
    match provider.identify(reported) {
        Some(other) if other.families.iter().all(|family| identity.families.contains(family)) => Ok(()),
        Some(other) => Err(format!("{model}: {shown} answered, which is of {}", other.family())),
        None => Err(format!("{model}: {shown} answered, and nobody knows whose that is")),
    }
}

/// The key of a turn with one model: the same for each try, also after a crash.
fn key(wanted: &Wanted<'_>, model: &ModelRef, request: &TurnRequest) -> String {
    let content = serde_json::to_string(request).unwrap_or_default();
    let text = format!("{}\0{}\0{model}\0{}", wanted.task, wanted.turn, Sha256::of(content.as_bytes()));
    Sha256::of(text.as_bytes()).to_hex()
}

/// The most that a turn can use: no tokenizer makes more tokens than there are bytes, and hardly any more than half.
fn most(request: &TurnRequest) -> Tokens {
    let input = request.weight() as u64 / 2 + 256;
    Tokens { input, output: u64::from(request.limits.output_tokens), ..Tokens::default() }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
