//! Configuration: built-in defaults, then `trustmill.toml`, then the environment, then flags.
//!
//! One file per section; unknown keys are errors that name the key and its line.

mod access;
mod alerts;
mod build;
mod feeds;
mod models;
mod policy;
mod repair;
mod sandbox;
mod scanner;
mod serve;
mod source;
mod upstream;
mod watch;

pub(crate) use access::{Access, Journal};
pub(crate) use alerts::Alerts;
pub(crate) use build::Build;
pub(crate) use feeds::{Feeds, is_name as is_feed_name};
pub(crate) use models::{Models, Provider};
pub(crate) use policy::Policy;
pub(crate) use repair::Repair;
pub(crate) use sandbox::{Backend, Sandbox};
pub(crate) use scanner::Scanner;
pub(crate) use serve::Serve;
pub(crate) use source::Source;
pub(crate) use upstream::{Upstream, UpstreamFlag};
pub(crate) use watch::Watch;

use serde::Deserialize;
use std::path::{Path, PathBuf};
use trustmill_core::port::Coded;
use trustmill_policy::Mode;

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) upstream: Upstream,
    pub(crate) serve: Serve,
    pub(crate) access: Access,
    pub(crate) journal: Journal,
    pub(crate) alerts: Alerts,
    pub(crate) build: Build,
    pub(crate) sandbox: Sandbox,
    pub(crate) scanner: Scanner,
    pub(crate) source: Source,
    pub(crate) policy: Policy,
    pub(crate) watch: Watch,
    pub(crate) feeds: Feeds,
    pub(crate) models: Models,
    pub(crate) repair: Repair,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid: the reader's words name line and key.
    #[error("{} is not a valid configuration: {why}", path.display())]
    Invalid { path: PathBuf, why: String },
}

impl Coded for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "TM0801",
            Self::Invalid { .. } => "TM0802",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the path given with --config or TRUSTMILL_CONFIG".into(),
            Self::Invalid { .. } => "docs/configuration.md lists every key with its default".into(),
        }
    }
}

impl Config {
    /// Reads `path`; without one, `trustmill.toml` in the data folder if it is there, else the defaults.
    pub(crate) fn load(path: Option<&Path>, data_dir: &Path) -> Result<Self, ConfigError> {
        let fallback = data_dir.join("trustmill.toml");
        let path = match path {
            Some(path) => path,
            None if fallback.is_file() => &fallback,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|why| ConfigError::Invalid { path: path.to_owned(), why })
    }

    /// Parses configuration text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if config.scanner.mode == Mode::Preview {
            // What is said of single policies counts for more.
            for id in scanner::POLICIES {
                config.policy.modes.entry(id.to_owned()).or_insert(Mode::Preview);
            }
        }
        config.source.check()?;
        config.models.check()?;
        config.repair.check(&config.models)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_valid_and_complete() {
        let text = include_str!("../../../../examples/trustmill.toml");
        let config = Config::parse(text).unwrap();
        let defaults = Config::default();
        assert_eq!(config.serve.listen, defaults.serve.listen);
        assert_eq!(config.watch.interval_seconds, defaults.watch.interval_seconds);
        assert_eq!(config.build.memory_mib, defaults.build.memory_mib);
        assert_eq!(config.source, defaults.source);
        assert_eq!(config.scanner, defaults.scanner);
        assert_eq!((config.access, config.journal), (defaults.access, defaults.journal));
        assert_eq!(config.alerts, defaults.alerts);
        assert_eq!(config.policy, defaults.policy);
        assert_eq!(config.models, defaults.models);
        assert_eq!(config.repair, defaults.repair);
        assert_eq!(config.serve.trusted_proxies, defaults.serve.trusted_proxies);
    }

    #[test]
    fn a_file_for_ssh_is_named_by_its_whole_path() {
        let of = |path: &str| Config::parse(&format!("[source]\nssh_key = '{path}'\n"));
        assert!(of("/etc/trustmill/key").is_ok());
        for path in ["~/.ssh/id", "key", "/etc/${HOME}"] {
            assert!(of(path).unwrap_err().contains("[source] ssh_key"), "{path}");
        }
    }

    #[test]
    fn a_scanner_in_preview_is_told_of_and_not_obeyed() {
        let config = Config::parse("[scanner]\nmode = \"preview\"\n").unwrap();
        assert_eq!(config.policy.modes["scanner-hold"], Mode::Preview);
        let text = "[scanner]\nmode = \"preview\"\n[policy.modes]\nscanner-block = \"enforce\"\n";
        assert_eq!(Config::parse(text).unwrap().policy.modes["scanner-block"], Mode::Enforce);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Config::parse("[serve]\nlissen = \"x\"\n").unwrap_err();
        assert!(error.contains("lissen") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn what_cannot_be_meant_of_repairs_is_named() {
        assert!(
            Config::parse("[repair]\nbackports = true\nrecipes = true\nbuilds = 8\n")
                .unwrap()
                .repair
                .backports
        );
        for (text, word) in
            [("backport = true", "backport"), ("builds = 0", "builds"), ("builds = 201", "201")]
        {
            let error = Config::parse(&format!("[repair]\n{text}\n")).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn models_work_by_themselves_only_on_what_backports_miss_and_where_there_are_some() {
        let provider = "[[models.providers]]\nname = \"house\"\nurl = \"http://127.0.0.1/v1\"\nwire = \"openai-compatible\"\n";
        let routes = "[models.routes]\ndefault = [\"house/qwen3-coder\"]\n[models.teams.web]\n";
        let of = |repair: &str, rest: &str| Config::parse(&format!("[repair]\n{repair}\n{rest}{provider}"));
        let all = "backports = true\nmodels = true\nteam = \"web\"";
        assert!(of(all, routes).unwrap().repair.models);
        for (repair, rest, word) in [
            ("models = true", routes, "backports"),
            ("backports = true\nmodels = true", "", "[models.routes]"),
            ("backports = true\nmodels = true\nteam = \"ops\"", routes, "ops"),
        ] {
            let error = of(repair, rest).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
