//! What the operator says about models: who provides them, which class of task goes where, and who may spend what.

use super::family::{Identity, identify};
use super::price::{Price, Prices};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use trustmill_core::conversation::TurnLimits;
use trustmill_core::port::model::Model;

/// The class of a task that has no route of its own.
pub const DEFAULT_ROUTE: &str = "default";

/// A model at a provider: `PROVIDER/MODEL`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The configured provider.
    pub provider: String,
    /// The model's name there; may hold slashes.
    pub model: String,
}

impl std::str::FromStr for ModelRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain =
            |part: &str| !part.is_empty() && part.len() <= 200 && part.bytes().all(|b| b.is_ascii_graphic());
        match text.split_once('/') {
            Some((provider, model)) if plain(provider) && plain(model) => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => Err(format!("{text:?} names no model: write PROVIDER/MODEL")),
        }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl Serialize for ModelRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A configured provider.
#[derive(Clone)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// The host of its address: what says whether it is the maker's own.
    pub host: String,
    /// Where it computes, as the operator says.
    pub region: Option<String>,
    /// Whether it is the operator's own.
    pub self_hosted: bool,
    /// Whose its models are, by the models' names there; `*` is for all others. For names that do not show it.
    pub families: BTreeMap<String, String>,
    /// What speaks to it.
    pub model: Arc<dyn Model>,
}

impl Provider {
    /// Whose a model of it is, and how it is reached; `None` is unknown, and refused.
    pub fn identify(&self, model: &str) -> Option<Identity> {
        let stated = self.families.get(model).or_else(|| self.families.get("*"));
        identify(model, &self.host, self.self_hosted, stated.map(String::as_str))
    }
}

/// What may be spent. `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// Requests.
    pub turns: Option<u32>,
    /// Tokens, read and written.
    pub tokens: Option<u64>,
    /// Money, in millionths of the price table's currency.
    pub micros: Option<u64>,
    /// Seconds that models, builds and tests took.
    pub seconds: Option<u64>,
}

impl Allowance {
    /// What bounds a task unless the operator says otherwise.
    pub const TASK: Self =
        Self { turns: Some(60), tokens: Some(2_000_000), micros: None, seconds: Some(3_600) };

    /// The first bound that is reached.
    pub fn reached(&self, turns: u64, tokens: u64, micros: u64, seconds: u64) -> Option<String> {
        let over = |bound: Option<u64>, spent: u64| bound.is_some_and(|bound| spent >= bound);
        if over(self.turns.map(u64::from), turns) {
            return Some(format!("{turns} turns"));
        }
        if over(self.tokens, tokens) {
            return Some(format!("{tokens} tokens"));
        }
        if over(self.micros, micros) {
            return Some(format!("{:.4} of money", micros as f64 / 1e6));
        }
        over(self.seconds, seconds).then(|| format!("{seconds} seconds"))
    }
}

/// A team's own rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Team {
    /// The only models that it may use; all where none is named. `PROVIDER/*` is every model of a provider.
    pub models: Vec<ModelRef>,
    /// What it may spend on one day (UTC).
    pub daily: Allowance,
}

/// Everything that the operator says.
#[derive(Clone, Default)]
pub struct Settings {
    /// The providers by their names.
    pub providers: BTreeMap<String, Provider>,
    /// The models of a class of tasks, in the order in which they are asked.
    pub routes: BTreeMap<String, Vec<ModelRef>>,
    /// Teams by their names.
    pub teams: BTreeMap<String, Team>,
    /// What one task may spend.
    pub task: Allowance,
    /// What everybody together may spend on one day (UTC).
    pub daily: Allowance,
    /// The only regions in which may be computed; all where none is named.
    pub regions: BTreeSet<String>,
    /// Whether only the operator's own servers are asked.
    pub self_hosted_only: bool,
    /// What models cost.
    pub prices: Prices,
    /// Whether models without a price may be asked in spite of a bound on money.
    pub unpriced: bool,
    /// Whether requests and replies are kept with the log.
    pub keep_contents: bool,
    /// What one turn may use.
    pub turn: TurnLimits,
}

impl Settings {
    /// The models for a class of tasks, in their order.
    pub fn route(&self, class: &str) -> &[ModelRef] {
        let route = self.routes.get(class).or_else(|| self.routes.get(DEFAULT_ROUTE));
        route.map(Vec::as_slice).unwrap_or_default()
    }

    /// The price of a model.
    pub fn price(&self, model: &ModelRef) -> Option<&Price> {
        self.prices.of(&model.provider, &model.model)
    }

    /// Why a model may not be used, whatever is banned; else whose it is.
    ///
    /// # Errors
    /// One sentence for a reader.
    pub fn permits(&self, model: &ModelRef, team: Option<&str>) -> Result<(&Provider, Identity), String> {
        let provider = self.providers.get(&model.provider);
        let provider = provider.ok_or_else(|| format!("{model}: no provider of this name is configured"))?;
        let identity = provider.identify(&model.model);
        let identity = identity
            .ok_or_else(|| format!("{model}: nobody knows whose model this is, so that it is refused"))?;
        if self.self_hosted_only && !provider.self_hosted {
            return Err(format!("{model}: only servers of your own may be asked"));
        }
        if !self.regions.is_empty()
            && !provider.region.as_ref().is_some_and(|region| self.regions.contains(region))
        {
            let region = provider.region.as_deref().unwrap_or("not known");
            return Err(format!("{model}: its region is {region}, which is none of those allowed"));
        }
        if let Some(rules) = team.and_then(|team| self.teams.get(team)) {
            let named = |known: &ModelRef| {
                known.provider == model.provider && (known.model == model.model || known.model == "*")
            };
            if !rules.models.is_empty() && !rules.models.iter().any(named) {
                return Err(format!(
                    "{model}: not among the models of the team {}",
                    team.unwrap_or_default()
                ));
            }
        }
        let bounded = [self.task.micros, self.daily.micros, self.team_daily(team).micros];
        if self.price(model).is_none() && !self.unpriced && bounded.iter().any(Option::is_some) {
            return Err(format!("{model}: its price is not known, and money is bounded"));
        }
        Ok((provider, identity))
    }

    /// What a team may spend on one day.
    pub fn team_daily(&self, team: Option<&str>) -> Allowance {
        team.and_then(|team| self.teams.get(team)).map(|team| team.daily).unwrap_or_default()
    }
}
