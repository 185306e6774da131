//! What the machine or its user keeps is sent to another machine.

use super::address::{self, Reputation};
use super::{Found, Rule, large};
use crate::facts::{Flow, Labels, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct Exfiltration;

impl Rule for Exfiltration {
    fn id(&self) -> &'static str {
        "exfiltration"
    }

    fn family(&self) -> Family {
        Family::Exfiltration
    }

    fn summary(&self) -> &'static str {
        "data of the machine is sent away"
    }

    fn look(&self) -> &'static str {
        "what is sent, and to whom"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Send) {
                let to = reputation(file, flow);
                let Some((mut weight, what)) = weight(flow.labels, to) else { continue };
                if to == Reputation::DropBox && open_webhook(file, flow) {
                    weight = weight.max(80);
                }
                // The address itself, and not only some text beside it.
                if flow.text.as_deref().map(address::reputation) == Some(Reputation::DropBox) {
                    weight = weight.max(74);
                }
                if large(file) && to == Reputation::Plain {
                    weight = weight * 2 / 3;
                }
                // Whoever installs asked for nothing that needs to know who he is.
                let weight = if file.when >= When::Installed && flow.labels.has(Labels::HOST) {
                    weight.max(60)
                } else {
                    weight
                };
                found.at(
                    weight,
                    file,
                    flow.at,
                    flow.layer,
                    format!("{} sends {what}{}", flow.api, to.phrase()),
                );
            }
        }
    }
}

/// What is known of where it goes: by the address itself; where that is put together elsewhere, by the file's texts.
fn reputation(file: &File, flow: &Flow) -> Reputation {
    let known = flow.text.as_deref().map_or(Reputation::Plain, address::reputation);
    if known != Reputation::Plain
        || flow.text.as_deref().is_some_and(|text| text.contains("://") && !text.contains('\u{FFFC}'))
    {
        return known;
    }
    let texts = file.facts.texts.iter().map(|text| address::reputation(&text.text));
    texts.max().unwrap_or(Reputation::Plain)
}

fn open_webhook(file: &File, flow: &Flow) -> bool {
    flow.text.as_deref().is_some_and(address::is_open_webhook)
        || file.facts.texts.iter().any(|text| address::is_open_webhook(&text.text))
}

fn weight(labels: Labels, to: Reputation) -> Option<(u8, &'static str)> {
    let drop = to == Reputation::DropBox;
    let bare = to == Reputation::BareAddress;
    Some(match () {
        () if labels.has(Labels::SECRET) => (85, "secrets"),
        () if labels.has(Labels::SPIED) => (80, "what is typed, copied or seen"),
        () if labels.has(Labels::ENVIRONMENT) => {
            (if drop || bare { 90 } else { 75 }, "the whole environment")
        }
        () if labels.has(Labels::TOKEN_FILE) => {
            (if drop || bare { 85 } else { 62 }, "the contents of a file with tokens")
        }
        () if labels.has(Labels::SECRET_VARIABLE) && (drop || bare) => (80, "a secret of the environment"),
        () if labels.has(Labels::OUTPUT) => (
            if drop {
                85
            } else if bare {
                70
            } else {
                40
            },
            "the output of a program",
        ),
        () if labels.has(Labels::HOST) => (
            if drop {
                85
            } else if bare {
                70
            } else {
                60
            },
            "who and where the machine is",
        ),
        () if labels.has(Labels::FILE) && drop => (60, "the contents of a file"),
        () if drop => (55, "something"),
        () => return None,
    })
}
