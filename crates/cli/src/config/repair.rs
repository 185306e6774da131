//! `[repair]`: what `trustmill up` repairs by itself.

use super::Models;
use serde::Deserialize;

/// Repairs that nobody asks for one by one. They cost minutes of a processor each: off by default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Repair {
    /// Whether watched releases that an advisory hits get its fix.
    pub(crate) backports: bool,
    /// Whether models work on fixes that strategies could not carry.
    pub(crate) models: bool,
    /// For which team they do.
    pub(crate) team: Option<String>,
    /// Whether a recipe is searched for watched releases whose bytes did not come out.
    pub(crate) recipes: bool,
    /// Builds at most, for each file, of such a search.
    pub(crate) builds: usize,
}

impl Default for Repair {
    fn default() -> Self {
        Self { backports: false, models: false, team: None, recipes: false, builds: 24 }
    }
}

impl Repair {
    /// # Errors
    /// A sentence, where something cannot be meant.
    pub(super) fn check(&self, models: &Models) -> Result<(), String> {
        if !(1..=200).contains(&self.builds) {
            return Err(format!("[repair] builds is {}; a search makes 1 to 200", self.builds));
        }
        if self.models && !self.backports {
            return Err(
                "[repair] models is on and backports is off: models work on what backports miss".into()
            );
        }
        if self.models && models.routes.values().all(Vec::is_empty) {
            return Err("[repair] models is on, and [models.routes] names none".into());
        }
        match self.team.as_ref().filter(|team| !models.teams.contains_key(*team)) {
            Some(team) => Err(format!("[repair] team is {team:?}, which [models.teams] does not name")),
            None => Ok(()),
        }
    }
}
