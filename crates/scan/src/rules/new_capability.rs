//! Code that runs by itself can do what nothing in the release before could.

use super::{Found, Rule, address};
use crate::change::{Change, runs_by_itself};
use crate::facts::{Capability, Labels, Sink, Use};
use crate::flow::secret;
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
        apart(change, patch, found);
    }
}

/// One file newly reads what only secrets lie in, and another newly talks to a machine that it names: together they are
/// what neither is alone.
fn apart(change: Change<'_>, patch: u8, found: &mut Found<'_>) {
    let reads = |one: &&Use| {
        one.capability == Capability::FileRead
            && one.texts.iter().any(|text| !secret::of_path(text).is_empty())
    };
    let reader = change
        .code()
        .find_map(|(file, before)| change.new_uses(file, before).find(reads).map(|one| (file, one)));
    let Some((reader, read)) = reader else { return };
    let sends = |file: &&File| {
        let known = change.file_before(file).map(|before| before.facts.flows.as_slice()).unwrap_or_default();
        file.facts.flows.iter().any(|flow| {
            let names = |text: &str| address::host(text).is_some();
            flow.sink == Sink::Send
                && flow.text.as_deref().is_some_and(names)
                && !known.iter().any(|other| other.api == flow.api && other.text == flow.text)
        })
    };
    let sender = change.code().map(|(file, _)| file).find(|file| file.path != reader.path && sends(file));
    if let Some(sender) = sender {
        let what = format!("newly reads secrets, and {} newly talks to another machine", sender.path);
        found.at(74 + patch, reader, read.at, read.layer, what);
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
