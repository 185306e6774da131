//! The address that it talks to was encoded. A program that has nothing to hide writes down whom it talks to.

use super::{Found, Rule, address};
use crate::facts::{Facts, Labels, Sink, Text};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct HiddenAddress;

impl Rule for HiddenAddress {
    fn id(&self) -> &'static str {
        "hidden-address"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "the address that it talks to is encoded"
    }

    fn look(&self) -> &'static str {
        "the decoded address, and what is sent there"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let facts = &file.facts;
            let decoded =
                |flow: &&crate::facts::Flow| flow.sink == Sink::Send && flow.labels.has(Labels::DECODED);
            let Some(flow) = facts.flows.iter().find(decoded) else { continue };
            let Some(text) = hidden(facts) else { continue };
            let host = address::host(&text.text).unwrap_or_default();
            found.at(
                82,
                file,
                flow.at,
                text.layer,
                format!("{} talks to {host}, which is encoded", flow.api),
            );
        }
    }
}

/// The address of another machine that is a decoded text, all of it.
fn hidden(facts: &Facts) -> Option<&Text> {
    facts.texts.iter().find(|text| {
        let plain = text.text.trim();
        let encoded = facts.layers_above(text.layer).any(|layer| {
            ["base64", "hex", "character codes", "rot13", "reversed", "zlib"]
                .iter()
                .any(|how| layer.how.contains(how))
        });
        let lone = plain.starts_with("http") && plain.contains("://") && !plain.contains(char::is_whitespace);
        text.layer > 0 && lone && plain.len() < 300 && encoded && address::host(plain).is_some()
    })
}
