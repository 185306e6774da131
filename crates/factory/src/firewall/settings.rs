//! What the configuration says about decisions.

use super::names::NamePattern;
use super::popular::Popular;
use std::collections::BTreeMap;
use trustmill_policy::Settings;

/// Everything that decisions depend on beside policies and facts.
#[derive(Debug, Clone, Default)]
pub struct FirewallSettings {
    /// How long new releases wait.
    pub cooldown: Cooldown,
    /// What counts as popular.
    pub popular: Popular,
    /// The longest that an override may last, in days.
    pub override_days: u32,
    /// Whether policies are told what the scanner says.
    pub scanned: bool,
}

impl FirewallSettings {
    /// What policies are told about an ecosystem.
    pub fn context(&self, ty: &str) -> Settings {
        Settings { cooldown_hours: self.cooldown.hours_for(ty), hold_unknown_age: self.cooldown.hold_unknown }
    }
}

/// How long new releases wait.
#[derive(Debug, Clone, Default)]
pub struct Cooldown {
    /// Hours, where the ecosystem has none of its own.
    pub hours: u32,
    /// Hours by package URL type.
    pub by_ecosystem: BTreeMap<String, u32>,
    /// Whether what has no known age is held.
    pub hold_unknown: bool,
    /// What does not wait.
    pub exclude: Vec<NamePattern>,
}

impl Cooldown {
    /// The hours for one ecosystem.
    pub(super) fn hours_for(&self, ty: &str) -> i64 {
        i64::from(self.by_ecosystem.get(ty).copied().unwrap_or(self.hours))
    }

    /// Whether a project does not wait.
    pub(super) fn excludes(&self, ty: &str, name: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.holds(ty, name))
    }
}
