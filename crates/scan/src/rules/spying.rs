//! The keyboard, the screen, the camera or the clipboard is watched by code that also talks to other machines.

use super::{Found, Rule};
use crate::facts::Capability;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct Spying;

impl Rule for Spying {
    fn id(&self) -> &'static str {
        "spying"
    }

    fn family(&self) -> Family {
        Family::Exfiltration
    }

    fn summary(&self) -> &'static str {
        "the user is watched"
    }

    fn look(&self) -> &'static str {
        "where what is seen goes"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let uses = &file.facts.uses;
            let network = uses.iter().any(|one| one.capability == Capability::Network);
            let spies = uses.iter().find(|one| one.capability == Capability::Spying);
            if let Some(first) = spies.filter(|_| network) {
                found.at(
                    50,
                    file,
                    first.at,
                    first.layer,
                    format!("{} watches the user, and the file talks to other machines", first.api),
                );
            }
        }
    }
}
