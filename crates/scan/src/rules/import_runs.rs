//! Importing a package talks to another machine or starts a program: nobody who imports asked for either.

use super::reverse_shell::is_bare_shell;
use super::{Found, Rule, acts, address, large};
use crate::facts::{Flow, Reached, Sink, Use};
use crate::language::shell;
use crate::package::{File, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct ImportRuns;

impl Rule for ImportRuns {
    fn id(&self) -> &'static str {
        "import-runs"
    }

    fn family(&self) -> Family {
        Family::InstallHook
    }

    fn summary(&self) -> &'static str {
        "importing talks to other machines or starts programs"
    }

    fn look(&self) -> &'static str {
        "why importing needs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| file.when == When::Imported && !large(file)) {
            // A function that is handed over may be kept for later, as honest packages do.
            for flow in file.facts.flows.iter().filter(|flow| flow.reached == Reached::Always) {
                let Some((weight, what)) = weighed(file, flow) else { continue };
                found.at(weight, file, flow.at, flow.layer, format!("importing {what}"));
            }
            let shows = |one: &&Use| one.api.starts_with("webbrowser.") && acts(file, one.reached);
            if let Some(one) = file.facts.uses.iter().find(shows) {
                found.at(72, file, one.at, one.layer, "importing opens a page in the browser");
            }
        }
    }
}

fn weighed(file: &File, flow: &Flow) -> Option<(u8, String)> {
    let text = flow.text.as_deref()?;
    match flow.sink {
        Sink::Send => {
            let host = address::named(text)?;
            Some((72, format!("talks to {host}")))
        }
        // What scripts within do is told by flows of their own.
        Sink::Run if flow.api.starts_with("shell:") || file.facts.parsed && text.contains('\u{FFFC}') => None,
        Sink::Run if is_bare_shell(text) => Some((72, "starts a shell".to_owned())),
        Sink::Run if shell::looks_around(text) || shell::fetches(text) => {
            Some((72, "starts a program that nothing needs".to_owned()))
        }
        _ => None,
    }
}
