//! Code newly talks to a machine that nothing in the release before names.

use super::{Found, Rule, acts, address, large};
use crate::change::{Change, runs_by_itself};
use crate::facts::{Capability, Sink};
use crate::package::{File, Kind, Package};
use std::collections::BTreeMap;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct NewAddress;

/// Hosts that are looked for in the release before.
const MAX_HOSTS: usize = 64;

impl Rule for NewAddress {
    fn id(&self) -> &'static str {
        "new-address"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "code talks to a machine that the release before does not name"
    }

    fn look(&self) -> &'static str {
        "whose machine it is, and what it is told"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let talked = change.could().contains(&Capability::Network);
        let patch = if change.is_patch() { 8 } else { 0 };
        let mut known: BTreeMap<&str, bool> = BTreeMap::new();
        for (file, _) in change.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Send) {
                let Some(host) = flow.text.as_deref().and_then(address::named) else { continue };
                if known.len() >= MAX_HOSTS && !known.contains_key(host) {
                    continue;
                }
                if *known.entry(host).or_insert_with(|| is_own(package, host) || names(change.before, host)) {
                    continue;
                }
                let weight = match (talked, acts(file, flow.reached), runs_by_itself(file.when)) {
                    (false, _, true) => 74,
                    (false, _, false) => 80,
                    (true, true, _) => 64,
                    (true, false, true) => 32,
                    (true, false, false) => 25,
                };
                let weight = if large(file) { weight / 3 * 2 } else { weight };
                let what = format!("{} talks to {host}, which the release before does not name", flow.api);
                found.at(weight + patch, file, flow.at, flow.layer, what);
            }
        }
    }
}

/// Whether a host is of those that the project says are its own.
fn is_own(package: &Package, host: &str) -> bool {
    let own = package.manifest.repository.as_deref().and_then(address::named);
    own.is_some_and(|own| {
        own == host || own.ends_with(&format!(".{host}")) || host.ends_with(&format!(".{own}"))
    })
}

/// Whether a release says a host anywhere that people or programs read.
fn names(before: &Package, host: &str) -> bool {
    let finder = memchr::memmem::Finder::new(host.as_bytes());
    let read = |file: &&File| file.kind.is_code() || matches!(file.kind, Kind::Settings | Kind::Text);
    before.files.iter().filter(read).any(|file| finder.find(&file.bytes).is_some())
        || before.code().flat_map(|file| &file.facts.texts).any(|text| text.text.contains(host))
}
