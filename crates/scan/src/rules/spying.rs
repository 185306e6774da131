//! The keyboard, the screen, the camera or the clipboard is watched by code that also talks to other machines.

use super::{Found, Rule, large};
use crate::facts::Capability;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct Spying;

/// Functions that are told every key, whoever has the focus.
const KEYS: &[&str] =
    &["pynput.keyboard.Listener", "keyboard.on_press", "keyboard.on_release", "keyboard.hook"];

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
                let keys = uses.iter().any(|one| KEYS.iter().any(|key| one.api.starts_with(key)));
                found.at(
                    if keys && !large(file) { 82 } else { 50 },
                    file,
                    first.at,
                    first.layer,
                    format!("{} watches the user, and the file talks to other machines", first.api),
                );
            }
        }
    }
}
