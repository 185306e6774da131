//! What another machine answered is run: as code, as a program, or loaded as a module.

use super::{Found, Rule, large};
use crate::facts::{Labels, Sink};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct FetchedCode;

impl Rule for FetchedCode {
    fn id(&self) -> &'static str {
        "fetched-code"
    }

    fn family(&self) -> Family {
        Family::DownloadAndRun
    }

    fn summary(&self) -> &'static str {
        "what another machine answers is run"
    }

    fn look(&self) -> &'static str {
        "where the code comes from, and whether its digest is checked before it runs"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.labels.has(Labels::NETWORK)) {
                let weight = match flow.sink {
                    Sink::Eval if large(file) => 60,
                    Sink::Eval => 85,
                    Sink::Load => 70,
                    // The whole command, and not a part of one.
                    Sink::Run if flow.text.as_deref().is_none_or(is_unknown) => 65,
                    Sink::Run => 55,
                    Sink::Send | Sink::Write => continue,
                };
                let what = format!("{} runs what another machine answered", flow.api);
                found.at(weight, file, flow.at, flow.layer, what);
            }
        }
    }
}

/// Whether nothing is known of a text.
fn is_unknown(text: &str) -> bool {
    text.chars().all(|c| c == '\u{FFFC}' || c.is_whitespace())
}
