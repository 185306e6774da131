//! Whose a model is, and over which route it is reached: what bans go by.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

/// How a model is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// From its maker's own server.
    Direct,
    /// From somebody who sells it on.
    Resold,
    /// Under a name that does not show whose it is.
    Alias,
    /// From a server of the operator's.
    SelfHosted,
}

impl Route {
    /// The word in configuration, log and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Resold => "resold",
            Self::Alias => "alias",
            Self::SelfHosted => "self-hosted",
        }
    }
}

impl std::str::FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Direct, Self::Resold, Self::Alias, Self::SelfHosted];
        let found = all.into_iter().find(|route| route.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no route: direct, resold, alias, self-hosted"))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a family.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Where its maker has its seat (ISO 3166-1).
    pub seat: String,
    /// How parts of its models' ids begin.
    #[serde(default)]
    pub names: Vec<String>,
    /// Parts of ids that say who publishes.
    #[serde(default)]
    pub publishers: Vec<String>,
    /// Its maker's own servers.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// The table that comes with the mill; a defect in it is caught by a test.
static SHIPPED: LazyLock<BTreeMap<String, Family>> =
    LazyLock::new(|| toml::from_str(include_str!("families.toml")).unwrap_or_default());

/// The families that are known.
pub fn families() -> &'static BTreeMap<String, Family> {
    &SHIPPED
}

/// The families to which a model's id leads; none where nobody knows it.
pub fn of_name(id: &str) -> BTreeSet<String> {
    let id = id.to_ascii_lowercase();
    let parts: Vec<&str> =
        id.split('/').flat_map(|part| [part].into_iter().chain(part.split(['.', ':']))).collect();
    let leads = |family: &Family| {
        parts.iter().any(|part| {
            family.publishers.iter().any(|publisher| publisher == part)
                || family.names.iter().any(|name| part.starts_with(name.as_str()))
        })
    };
    SHIPPED.iter().filter(|(_, family)| leads(family)).map(|(name, _)| name.clone()).collect()
}

/// The families whose own server a host is.
pub fn of_host(host: &str) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    let own = |known: &String| {
        host == *known || host.ends_with(&format!(".{known}")) || host.ends_with(&format!("-{known}"))
    };
    SHIPPED.iter().find(|(_, family)| family.hosts.iter().any(own)).map(|(name, _)| name.as_str())
}

/// Whose a model is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its families: one, or more where one maker built on another's model.
    pub families: BTreeSet<String>,
    /// The way to it.
    pub route: Route,
}

impl Identity {
    /// The families in one word, for statements and tables.
    pub fn family(&self) -> String {
        self.families.iter().map(String::as_str).collect::<Vec<_>>().join("+")
    }
}

/// Finds out whose `model` at `host` is; `stated` is what the configuration says. `None` is unknown, and refused.
pub fn identify(model: &str, host: &str, self_hosted: bool, stated: Option<&str>) -> Option<Identity> {
    let mut families = of_name(model);
    let by_name = !families.is_empty();
    families.extend(stated.map(str::to_owned));
    let maker = of_host(host);
    if families.is_empty() && maker.is_some() {
        // A maker's own server has its own models; a new name there is no stranger.
        families.extend(maker.map(str::to_owned));
    }
    let route = match maker {
        _ if families.is_empty() => return None,
        Some(maker) if families.contains(maker) => Route::Direct,
        _ if self_hosted => Route::SelfHosted,
        _ if by_name => Route::Resold,
        _ => Route::Alias,
    };
    Some(Identity { families, route })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, host: &str) -> Option<(String, Route)> {
        identify(model, host, false, None).map(|identity| (identity.family(), identity.route))
    }

    #[test]
    fn the_shipped_table_can_be_read() {
        let table: BTreeMap<String, Family> = toml::from_str(include_str!("families.toml")).unwrap();
        assert!(table.len() > 20 && table.values().all(|family| family.seat.len() == 2));
        for family in table.values() {
            let all = family.names.iter().chain(&family.publishers).chain(&family.hosts);
            assert!(all.clone().all(|word| *word == word.to_ascii_lowercase()) && all.count() > 0);
        }
    }

    #[test]
    fn a_model_is_known_however_it_is_sold() {
        let sold = |family: &str, route| Some((family.to_owned(), route));
        for (model, host, expected) in [
            ("claude-sonnet-5", "api.anthropic.com", sold("anthropic", Route::Direct)),
            ("anthropic/claude-sonnet-5", "gateway.example.com", sold("anthropic", Route::Resold)),
            ("us.anthropic.claude-sonnet-5-v1:0", "bedrock.example.com", sold("anthropic", Route::Resold)),
            (
                "publishers/anthropic/models/claude-x",
                "eu-aiplatform.googleapis.com",
                sold("anthropic", Route::Resold),
            ),
            ("GPT-5.2", "api.openai.com", sold("openai", Route::Direct)),
            ("gpt-oss:20b", "127.0.0.1", sold("openai", Route::Resold)),
            ("qwen2.5-coder:32b", "127.0.0.1", sold("alibaba", Route::Resold)),
            ("nvidia/llama-3.3-nemotron-super", "h", sold("meta+nvidia", Route::Resold)),
            ("a-new-name", "api.openai.com", sold("openai", Route::Direct)),
            ("house-model", "gateway.example.com", None),
            ("best", "api.openai.com.example.com", None),
        ] {
            assert_eq!(of(model, host), expected, "{model} at {host}");
        }
    }

    #[test]
    fn what_is_stated_does_not_hide_what_the_name_says() {
        let alias = identify("best", "gateway.example.com", false, Some("mistral")).unwrap();
        assert_eq!((alias.family().as_str(), alias.route), ("mistral", Route::Alias));
        let both = identify("deepseek-r1", "127.0.0.1", true, Some("house")).unwrap();
        assert_eq!((both.family().as_str(), both.route), ("deepseek+house", Route::SelfHosted));
    }
}
