//! What another machine answered is run: as code, as a program, or loaded as a module.

use super::hidden_code::{is_partly_known, loads_assembly};
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
                    Sink::Eval if large(file) || is_partly_known(flow) && loads_assembly(file) => 60,
                    Sink::Eval => 85,
                    Sink::Load => 70,
                    // A whole script, or the whole command, and not a part of one.
                    Sink::Run if flow.text.as_deref().is_some_and(is_script) => 74,
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

/// Whether an interpreter is given a text of which nothing is known.
fn is_script(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let program = words.next().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let shells = ["sh", "bash", "zsh", "dash", "python", "python3", "node", "cmd", "powershell", "pwsh"];
    let option = words.next().unwrap_or_default();
    shells.contains(&program.trim_end_matches(".exe"))
        && matches!(option, "-c" | "-e" | "/c" | "/C" | "-Command" | "-lc" | "--eval")
        && words.next().is_some_and(is_unknown)
        && words.next().is_none()
}

/// Whether nothing is known of a text.
fn is_unknown(text: &str) -> bool {
    text.chars().all(|c| c == '\u{FFFC}' || c.is_whitespace())
}
