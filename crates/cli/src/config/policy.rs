//! `[policy]`: which policies decide, and what they are told by the configuration.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use trustmill_factory::firewall::{self, NamePattern};
use trustmill_policy::Mode;

/// Which policies decide.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// What the refusals of the shipped policies are worth.
    pub(crate) shipped: Mode,
    /// Files, and folders of `*.cedar` files, of policies that refuse.
    pub(crate) files: Vec<PathBuf>,
    /// The same, of policies that only tell.
    pub(crate) preview: Vec<PathBuf>,
    /// The mode of single policies, by id.
    pub(crate) modes: BTreeMap<String, Mode>,
    pub(crate) cooldown: Cooldown,
    pub(crate) popular: Popular,
    pub(crate) overrides: Overrides,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            shipped: Mode::Enforce,
            files: Vec::new(),
            preview: Vec::new(),
            modes: BTreeMap::new(),
            cooldown: Cooldown::default(),
            popular: Popular::default(),
            overrides: Overrides::default(),
        }
    }
}

/// How long new releases wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cooldown {
    /// Hours; 0 lets everything through at once.
    pub(crate) hours: u32,
    /// Hours by ecosystem, where they are others.
    pub(crate) ecosystems: BTreeMap<String, u32>,
    /// What becomes of a release of which nobody knows the age.
    pub(crate) unknown: UnknownAge,
    /// Projects that do not wait.
    pub(crate) exclude: Vec<NamePattern>,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self { hours: 72, ecosystems: BTreeMap::new(), unknown: UnknownAge::FirstSeen, exclude: Vec::new() }
    }
}

/// What becomes of a release of which the registry does not tell the age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnknownAge {
    /// It is as old as the mill's knowledge of it; what was there at the first look does not wait.
    FirstSeen,
    /// What was there at the first look is held.
    Hold,
}

/// What counts as popular beside the shipped list and the watch set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Popular {
    /// Names.
    pub(crate) names: Vec<NamePattern>,
    /// Files with a name a line.
    pub(crate) files: Vec<PathBuf>,
    /// To how many different teams and tokens the mill must have handed a project out; 0 leaves that out.
    pub(crate) principals: u32,
}

impl Default for Popular {
    fn default() -> Self {
        Self { names: Vec::new(), files: Vec::new(), principals: 20 }
    }
}

/// Bounds of overrides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    /// The longest that one may last.
    pub(crate) max_days: u32,
}

impl Default for Overrides {
    fn default() -> Self {
        Self { max_days: 90 }
    }
}

impl Policy {
    /// What the firewall is told; `listed` are the names that stand in files, `scanned` says whether it is told what
    /// the scanner says.
    pub(crate) fn settings(&self, listed: Vec<NamePattern>, scanned: bool) -> firewall::FirewallSettings {
        let cooldown = &self.cooldown;
        let names = self.popular.names.iter().cloned().chain(listed).collect();
        firewall::FirewallSettings {
            cooldown: firewall::Cooldown {
                hours: cooldown.hours,
                by_ecosystem: cooldown.ecosystems.clone(),
                hold_unknown: cooldown.unknown == UnknownAge::Hold,
                exclude: cooldown.exclude.clone(),
            },
            popular: firewall::Popular { names, principals: self.popular.principals },
            override_days: self.overrides.max_days,
            scanned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_section_is_read() {
        let text = "[policy]\nshipped = \"preview\"\nfiles = [\"own\"]\n[policy.modes]\ncooldown = \"off\"\n\
                    [policy.cooldown]\nhours = 24\nunknown = \"hold\"\nexclude = [\"npm:@acme/*\"]\n\
                    ecosystems = { npm = 168 }\n[policy.popular]\nprincipals = 3\n";
        let policy = Config::parse(text).unwrap().policy;
        assert_eq!((policy.shipped, policy.modes["cooldown"]), (Mode::Preview, Mode::Off));
        let settings = policy.settings(Vec::new(), true);
        assert_eq!(settings.cooldown.by_ecosystem["npm"], 168);
        assert!(settings.cooldown.hold_unknown && settings.override_days == 90);
    }

    #[test]
    fn a_name_that_is_none_and_a_mode_that_is_none_are_refused() {
        for text in ["[policy.cooldown]\nexclude = [\"acme\"]\n", "[policy]\nshipped = \"on\"\n"] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
    }
}
