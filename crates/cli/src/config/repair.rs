//! `[repair]`: what `trustmill up` repairs by itself.

use serde::Deserialize;

/// Repairs that nobody asks for one by one. They cost minutes of a processor each: off by default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Repair {
    /// Whether watched releases that an advisory hits get its fix.
    pub(crate) backports: bool,
    /// Whether a recipe is searched for watched releases whose bytes did not come out.
    pub(crate) recipes: bool,
    /// Builds at most, for each file, of such a search.
    pub(crate) builds: usize,
}

impl Default for Repair {
    fn default() -> Self {
        Self { backports: false, recipes: false, builds: 24 }
    }
}

impl Repair {
    /// # Errors
    /// A sentence, where a number cannot be meant.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.builds {
            1..=200 => Ok(()),
            other => Err(format!("[repair] builds is {other}; a search makes 1 to 200")),
        }
    }
}
