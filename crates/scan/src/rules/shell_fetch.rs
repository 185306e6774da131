//! A shell command that fetches something and hands it to an interpreter.

use super::{Found, Rule, is_lone};
use crate::facts::Sink;
use crate::language::shell;
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct ShellFetch;

impl Rule for ShellFetch {
    fn id(&self) -> &'static str {
        "shell-fetch"
    }

    fn family(&self) -> Family {
        Family::DownloadAndRun
    }

    fn summary(&self) -> &'static str {
        "a command fetches something and runs it"
    }

    fn look(&self) -> &'static str {
        "what the address gives"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run) {
                let Some(text) = &flow.text else { continue };
                if let Some(weight) = fetches_and_runs(text) {
                    let weight = if is_lone(file, flow.reached) { weight.max(82) } else { weight };
                    found.at(
                        weight,
                        file,
                        flow.at,
                        flow.layer,
                        format!("{} runs a command that fetches and runs", flow.api),
                    );
                }
            }
            for text in file.facts.texts.iter().filter(|text| text.layer > 0) {
                if let Some(weight) = fetches_and_runs(&text.text) {
                    found.at(
                        weight,
                        file,
                        text.at,
                        text.layer,
                        "an encoded text is a command that fetches and runs",
                    );
                } else if shell::fetches(&text.text) && hides(file, text.layer) && text.text.len() < 2_000 {
                    found.at(
                        82,
                        file,
                        text.at,
                        text.layer,
                        "an encoded text is a command that fetches something",
                    );
                }
            }
        }
        for hook in &package.manifest.hooks {
            if let Some(weight) = fetches_and_runs(&hook.command) {
                let what = format!("{} runs a command that fetches and runs: {}", hook.name, hook.command);
                found.place(weight, hook.when, hook.place.clone(), what);
            }
        }
    }
}

/// Whether a layer is of an encoding that nobody reads.
fn hides(file: &File, layer: u16) -> bool {
    let mut layers = file.facts.layers_above(layer);
    layers
        .any(|layer| ["base64", "hex", "rot13", "character codes"].iter().any(|how| layer.how.contains(how)))
}

/// The weight of a command that fetches something and runs it.
pub(super) fn fetches_and_runs(command: &str) -> Option<u8> {
    let lower = command.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let fetches = has(&[
        "curl ",
        "wget ",
        "invoke-webrequest",
        "iwr ",
        "invoke-restmethod",
        "irm ",
        "downloadstring",
        "downloadfile",
        "start-bitstransfer",
        "bitsadmin",
        "certutil -urlcache",
        "certutil.exe -urlcache",
        "mshta http",
        "fetch http",
    ]);
    let piped = [
        "| sh", "|sh", "| bash", "|bash", "| zsh", "| python", "|python", "| node", "|node", "| sudo",
        "| perl", "| iex", "|iex", "| php",
    ];
    let runs = has(&piped)
        || has(&["iex(", "iex (", "invoke-expression", "$(curl", "$(wget", "`curl", "<(curl", "mshta http"]);
    let starts = has(&[
        "chmod +x",
        "chmod 7",
        "chmod a+x",
        "start-process",
        "start /b",
        "&& ./",
        "; ./",
        "&& sh ",
        "&& bash ",
        "&& python",
        "&& node ",
    ]);
    let encoded =
        has(&["powershell", "pwsh"]) && has(&[" -enc", " -e ", "-encodedcommand", "frombase64string"]);
    let decoded = has(&["base64 -d", "base64 --decode", "base64 -d"]) && has(&piped);
    match () {
        () if fetches && runs => Some(85),
        () if encoded && command.contains('\u{FFFC}') => Some(45),
        () if encoded || decoded => Some(80),
        () if fetches && starts => Some(75),
        () => None,
    }
}
