//! Rules that are no part of the scanner: an operator's own, in a language of their own.

use crate::package::{File, Package};
use trustmill_core::scan::{Family, Finding};

/// Rules that are added.
pub trait Added: Sync {
    /// Names them in a report, so that a report by others is known to be out of date; empty where there are none.
    fn version(&self) -> &str;

    /// What they find. The same bytes MUST give the same findings.
    ///
    /// # Errors
    /// Not all of the package was looked at; why. Then there is no report.
    fn judge(&self, package: &Package) -> Result<Vec<Finding>, String>;
}

/// No further rules.
pub struct Nothing;

impl Added for Nothing {
    fn version(&self) -> &'static str {
        ""
    }

    fn judge(&self, _: &Package) -> Result<Vec<Finding>, String> {
        Ok(Vec::new())
    }
}

/// What an added rule says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The rule's id.
    pub rule: String,
    /// The family of its evidence; [`Family::Custom`] counts as it is, wherever the file is and whatever was before.
    pub family: Family,
    /// How much it says, from 1 to 100.
    pub weight: u8,
    /// What it found, in one line.
    pub what: String,
    /// What a person looks at.
    pub look: String,
    /// The byte at which it found it.
    pub at: Option<u32>,
}

impl Hit {
    /// The finding, at its place in the file.
    pub fn in_file(self, file: &File) -> Finding {
        // The bytes of what is no text have no lines, and are nothing for a terminal.
        let at = self.at.filter(|_| file.kind.is_text());
        Finding {
            rule: self.rule,
            family: self.family,
            weight: self.weight,
            what: self.what,
            when: file.when,
            place: at.map_or_else(|| file.whole(), |at| file.place(at)),
            excerpt: at.map(|at| file.excerpt(at)).unwrap_or_default(),
            layers: Vec::new(),
            look: self.look,
            new: false,
        }
    }
}
