//! Requests that somebody else's agent makes of a model, passed on as they are: the same table, bans, budgets, prices and
//! log as for the mill's own agents.

use super::family::Identity;
use super::log::{Asked, Entry};
use super::router::{RouteError, Router, same};
use super::settings::ModelRef;
use std::time::{Duration, Instant};
use trustmill_core::Sha256;
use trustmill_core::conversation::Tokens;

/// The class under which such requests stand in the log.
const CLASS: &str = "guarded-agent";

/// A request that may go out. It stands in the log.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// By which its end finds it.
    pub key: String,
    /// The model.
    pub model: ModelRef,
    identity: Identity,
    begun: Instant,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// With a reply.
    Answered,
    /// Without one, for a reason that the log has a word for: `rejected`, `cut`, `unreachable`, `banned`, `other-family`.
    Failed(&'static str),
}

impl Router {
    /// Whether a request of `bytes` bytes may go to a model, for a task that the guard knows; `output` is the most that it asks
    /// for. What may is in the log when this returns.
    ///
    /// # Errors
    /// [`RouteError`]; nothing may go out.
    pub async fn admit(
        &self,
        task: &str,
        model: &ModelRef,
        bytes: usize,
        output: u64,
    ) -> Result<Admitted, RouteError> {
        let refused = |why: String| RouteError::Nobody { class: CLASS.to_owned(), why: vec![why] };
        let (provider, identity) = self.settings().permits(model, None).map_err(refused)?;
        let books = self.ledger().follow().await?;
        if let Some(ban) = books.banned(&identity) {
            return Err(refused(format!("{model}: {} is banned: {}", ban.family, ban.why)));
        }
        // No tokenizer makes more tokens than there are bytes, and hardly any more than half.
        let most = Tokens { input: bytes as u64 / 2 + 256, output, ..Tokens::default() };
        let reserve = self.settings().price(model).map(|price| price.micros(&most));
        self.affords(task, None, self.settings().task, reserve).await?;
        let content = format!("{task}\0{model}\0{}\0{}", books.head().n, self.ledger().now());
        let asked = Asked {
            key: Sha256::of(content.as_bytes()).to_hex(),
            task: task.to_owned(),
            class: CLASS.to_owned(),
            team: None,
            turn: 0,
            provider: provider.name.clone(),
            families: identity.families.clone(),
            route: identity.route,
            model: model.model.clone(),
            region: provider.region.clone(),
            reserve_micros: reserve,
        };
        let key = asked.key.clone();
        self.ledger().write(&Entry::Asked(Box::new(asked))).await?;
        Ok(Admitted { key, model: model.clone(), identity, begun: Instant::now() })
    }

    /// Whether the model that answers is of the family that was asked.
    ///
    /// # Errors
    /// One sentence for a reader.
    pub fn is_same(&self, admitted: &Admitted, reported: &str) -> Result<(), String> {
        let (provider, _) = self.settings().permits(&admitted.model, None)?;
        same(&admitted.model, provider, &admitted.identity, reported)
    }

    /// Resolves when the model may no longer be used, or when that cannot be known any more.
    pub async fn until_banned(&self, admitted: &Admitted) -> String {
        match self.ledger().until_banned(&admitted.identity).await {
            Ok(ban) => format!("{} was banned while it answered: {}", ban.family, ban.why),
            Err(error) => error.to_string(),
        }
    }

    /// Writes down how a request ended.
    ///
    /// # Errors
    /// [`RouteError::Log`].
    pub async fn settle(
        &self,
        admitted: &Admitted,
        passed: Passed,
        reported: &str,
        tokens: Tokens,
    ) -> Result<(), RouteError> {
        let cost_micros = self.settings().price(&admitted.model).map(|price| price.micros(&tokens));
        let millis = u64::try_from(admitted.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let key = admitted.key.clone();
        let entry = match passed {
            Passed::Answered => {
                let reported = reported.chars().take(200).collect();
                Entry::Answered { key, reported, tokens, cost_micros, millis, content: None }
            }
            Passed::Failed(how) => {
                let code = match how {
                    "banned" => "TM1412",
                    "other-family" => "TM1413",
                    "rejected" => "TM1407",
                    _ => "TM1401",
                };
                Entry::Failed { key, how: how.to_owned(), code: code.to_owned(), millis, tokens, cost_micros }
            }
        };
        self.ledger().write(&entry).await?;
        Ok(())
    }

    /// How long a reply may take.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings().turn.seconds))
    }
}
