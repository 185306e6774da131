//! `[models]`: which providers there are, which task goes to which model, and what may be spent. There is none by
//! default: no model is asked unless somebody names one.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use trustmill_core::conversation::TurnLimits;
use trustmill_factory::models::{Allowance, ModelRef};
use trustmill_infra::model::{KeyHeader, KeySource, Wire};

/// Millionths of one.
const MICROS: f64 = 1e6;

/// Which models there are, and how they are used.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Models {
    /// Only the operator's own servers are asked.
    pub(crate) self_hosted_only: bool,
    /// The only regions in which may be computed.
    pub(crate) regions: BTreeSet<String>,
    /// A file with prices.
    pub(crate) prices: Option<PathBuf>,
    /// Models without a price may be asked in spite of a bound on money.
    pub(crate) unpriced: bool,
    /// Requests and replies are kept with the log.
    pub(crate) keep_contents: bool,
    pub(crate) turn: Turn,
    pub(crate) budget: Budgets,
    /// The models of a class of tasks, in their order.
    pub(crate) routes: BTreeMap<String, Vec<ModelRef>>,
    pub(crate) teams: BTreeMap<String, Team>,
    pub(crate) providers: Vec<Provider>,
}

/// What one turn may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Turn {
    pub(crate) output_tokens: u32,
    pub(crate) reply_kib: u64,
    pub(crate) seconds: u32,
}

impl Default for Turn {
    fn default() -> Self {
        let limits = TurnLimits::default();
        Self {
            output_tokens: limits.output_tokens,
            reply_kib: limits.reply_bytes >> 10,
            seconds: limits.seconds,
        }
    }
}

/// What tasks and days may spend.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budgets {
    pub(crate) task: Budget,
    pub(crate) day: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        let task = Allowance::TASK;
        let task = Budget { turns: task.turns, tokens: task.tokens, money: None, seconds: task.seconds };
        Self { task, day: Budget::default() }
    }
}

/// What may be spent; what is not named is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budget {
    pub(crate) turns: Option<u32>,
    pub(crate) tokens: Option<u64>,
    /// In the currency of the prices.
    pub(crate) money: Option<f64>,
    pub(crate) seconds: Option<u64>,
}

impl Budget {
    pub(crate) fn allowance(&self) -> Allowance {
        let micros = self.money.map(|money| (money * MICROS) as u64);
        Allowance { turns: self.turns, tokens: self.tokens, micros, seconds: self.seconds }
    }
}

/// A team's own rules.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Team {
    /// The only models that it may use.
    pub(crate) models: Vec<ModelRef>,
    /// What it may spend on one day.
    pub(crate) day: Budget,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    pub(crate) name: String,
    /// What stands before the wire format's own paths.
    #[serde(deserialize_with = "address")]
    pub(crate) url: url::Url,
    pub(crate) wire: Wire,
    /// The variable that holds the key.
    key_env: Option<String>,
    /// The file that holds it.
    key_file: Option<PathBuf>,
    pub(crate) key_header: Option<KeyHeader>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) self_hosted: bool,
    /// Whose its models are, where their names do not show it.
    #[serde(default)]
    pub(crate) families: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) encrypted_thoughts: bool,
    #[serde(default)]
    pub(crate) roots: Vec<PathBuf>,
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("it is no address; write https://HOST/v1"))
}

impl Provider {
    pub(crate) fn key(&self) -> KeySource {
        match (&self.key_env, &self.key_file) {
            (Some(name), _) => KeySource::Env(name.clone()),
            (None, Some(path)) => KeySource::File(path.clone()),
            (None, None) => KeySource::None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(format!("{name:?} is no name of a provider: letters, digits, `-`, `_` and `.`"));
        }
        if !matches!(self.url.scheme(), "https" | "http") || !self.url.has_host() {
            return Err(format!("the provider {name:?} needs a `url` that begins with https:// or http://"));
        }
        if !self.url.username().is_empty() || self.url.password().is_some() || self.url.query().is_some() {
            return Err(format!(
                "the `url` of the provider {name:?} carries a secret: name it in key_env or key_file"
            ));
        }
        if self.key_env.is_some() && self.key_file.is_some() {
            return Err(format!("the provider {name:?} has both key_env and key_file"));
        }
        // A key on an open line is everybody's; the machine's own is no line.
        let host = self.url.host_str().unwrap_or_default();
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if self.url.scheme() == "http" && self.key() != KeySource::None && !local {
            return Err(format!("the provider {name:?} would send its key over http://"));
        }
        Ok(())
    }
}

impl Models {
    pub(crate) fn check(&self) -> Result<(), String> {
        for (at, provider) in self.providers.iter().enumerate() {
            provider.check().map_err(|why| format!("[[models.providers]] {why}"))?;
            if self.providers.iter().take(at).any(|other| other.name == provider.name) {
                return Err(format!("[[models.providers]] two providers are named {:?}", provider.name));
            }
        }
        let known =
            |model: &&ModelRef| !self.providers.iter().any(|provider| provider.name == model.provider);
        let named = self.routes.values().flatten().chain(self.teams.values().flat_map(|team| &team.models));
        if let Some(strange) = named.clone().find(known) {
            return Err(format!("[models] {strange}: no provider {:?} is configured", strange.provider));
        }
        let budgets =
            [self.budget.task, self.budget.day].into_iter().chain(self.teams.values().map(|team| team.day));
        if budgets.filter_map(|budget| budget.money).any(|money| !(0.0..1e9).contains(&money)) {
            return Err("[models.budget] money is no amount".into());
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> TurnLimits {
        TurnLimits {
            output_tokens: self.turn.output_tokens,
            reply_bytes: self.turn.reply_kib.saturating_mul(1024),
            seconds: self.turn.seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const PROVIDER: &str = "[[models.providers]]\nname = \"house\"\nwire = \"openai-compatible\"\n";

    #[test]
    fn no_model_is_asked_unless_somebody_names_one() {
        let models = Config::parse("").unwrap().models;
        assert!(models.providers.is_empty() && models.routes.is_empty());
        let text = format!(
            "[models]\nregions = [\"eu\"]\n[models.routes]\ndefault = [\"house/qwen3-coder\"]\n[models.budget.day]\nmoney = 2.5\n\
             {PROVIDER}url = \"http://127.0.0.1:8000/v1\"\nself_hosted = true\nkey_env = \"HOUSE_KEY\"\n"
        );
        let models = Config::parse(&text).unwrap().models;
        assert_eq!(models.budget.day.allowance().micros, Some(2_500_000));
        assert_eq!(models.budget.task.turns, Some(60));
        assert_eq!(models.routes["default"][0].to_string(), "house/qwen3-coder");
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, word) in [
            ("url = \"http://models.example.com/v1\"\nkey_env = \"K\"", "over http://"),
            ("url = \"https://user:secret@h/v1\"", "carries a secret"),
            ("url = \"https://h/v1?key=1\"", "carries a secret"),
            ("url = \"ftp://h/\"", "https://"),
            ("url = \"https://h/\"\nkey_env = \"K\"\nkey_file = \"/k\"", "both"),
            ("url = \"https://h/\"\nkey = \"sk-1\"", "key"),
            ("url = \"https://h/\"\n[models.routes]\ndefault = [\"other/x\"]", "no provider"),
            ("url = \"https://h/\"\n[models.routes]\ndefault = [\"x\"]", "PROVIDER/MODEL"),
            ("url = \"https://h/\"\n[models.budget.task]\nmoney = -1.0", "no amount"),
        ] {
            let error = Config::parse(&format!("{PROVIDER}{text}\n")).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        let twice = format!("{PROVIDER}url = \"https://h/\"\n{PROVIDER}url = \"https://i/\"\n");
        assert!(Config::parse(&twice).unwrap_err().contains("two providers"));
    }
}
