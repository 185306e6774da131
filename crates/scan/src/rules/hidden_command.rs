//! PowerShell is started in a window that nobody sees, with its own rules turned off.

use super::{Found, Rule};
use crate::facts::Sink;
use crate::language::shell;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct HiddenCommand;

impl Rule for HiddenCommand {
    fn id(&self) -> &'static str {
        "hidden-command"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "a shell is started where nobody sees it, with its rules turned off"
    }

    fn look(&self) -> &'static str {
        "what the shell is told to do"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let runs = file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run);
            for flow in runs.filter(|flow| flow.text.as_deref().is_some_and(shell::is_hidden)) {
                let what = format!("{} starts PowerShell out of sight, with its rules turned off", flow.api);
                found.at(80, file, flow.at, flow.layer, what);
            }
        }
        for hook in package.manifest.hooks.iter().filter(|hook| shell::is_hidden(&hook.command)) {
            let what = format!("{} starts PowerShell out of sight, with its rules turned off", hook.name);
            found.place(80, hook.when, hook.place.clone(), what);
        }
    }
}
