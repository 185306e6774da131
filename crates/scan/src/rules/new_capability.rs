//! Code that runs by itself can do what nothing in the release before could.

use super::{Found, Rule};
use crate::change::{Change, runs_by_itself};
use crate::facts::{Capability, Labels, Use};
use crate::package::{File, Package};
use std::collections::BTreeSet;
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct NewCapability;

impl Rule for NewCapability {
    fn id(&self) -> &'static str {
        "new-capability"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "the release can do what the one before could not"
    }

    fn look(&self) -> &'static str {
        "whether what the project is for needs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let could = change.could();
        let patch = if change.is_patch() { 8 } else { 0 };
        for (file, before) in change.code() {
            let uses: Vec<&Use> = change.new_uses(file, before).collect();
            let first = |wanted: Capability| uses.iter().find(|one| one.capability == wanted).copied();
            let capabilities: BTreeSet<Capability> = uses.iter().map(|one| one.capability).collect();
            let fresh = |wanted: Capability| capabilities.contains(&wanted) && !could.contains(&wanted);
            let Some((capability, weight)) = weighed(file, &capabilities, fresh) else { continue };
            let Some(at) = first(capability) else { continue };
            let list: Vec<&str> =
                capabilities.iter().filter(|one| fresh(**one)).filter_map(|one| phrase(*one)).collect();
            let what = format!("{}, which nothing did in the release before", list.join(", "));
            found.at(weight + patch, file, at.at, at.layer, what);
        }
    }
}

/// The capability to show and the weight of what is fresh in one file.
fn weighed(
    file: &File,
    capabilities: &BTreeSet<Capability>,
    fresh: impl Fn(Capability) -> bool,
) -> Option<(Capability, u8)> {
    use Capability::{Clipboard, Decoding, DynamicCode, NativeCode, Network, Process, Spying, Wallet};
    let has = |one: Capability| capabilities.contains(&one);
    let decoded = file.facts.flows.iter().any(|flow| flow.labels.has(Labels::DECODED));
    let weighed = if fresh(Spying) {
        (Spying, 72)
    } else if fresh(Clipboard) || fresh(Wallet) {
        (if fresh(Wallet) { Wallet } else { Clipboard }, 72)
    } else if fresh(Network) && (has(Process) || has(DynamicCode) || file.when >= When::Built) {
        (Network, 72)
    } else if fresh(DynamicCode) && (decoded || has(Decoding)) {
        (DynamicCode, 58)
    } else if fresh(Process) && has(Network) {
        (Process, 62)
    } else if fresh(Network) {
        (Network, 48)
    } else if fresh(Process) {
        (Process, 38)
    } else if fresh(DynamicCode) {
        (DynamicCode, 32)
    } else if fresh(NativeCode) {
        (NativeCode, 25)
    } else {
        return None;
    };
    runs_by_itself(file.when).then_some(weighed).or(Some((weighed.0, weighed.1 / 4 * 3)))
}

const fn phrase(capability: Capability) -> Option<&'static str> {
    Some(match capability {
        Capability::Network => "talks to other machines",
        Capability::Process => "starts programs",
        Capability::DynamicCode => "runs texts as code",
        Capability::NativeCode => "loads native code",
        Capability::Clipboard => "uses the clipboard",
        Capability::Spying => "watches keyboard, screen or camera",
        Capability::Wallet => "uses wallets",
        _ => return None,
    })
}
