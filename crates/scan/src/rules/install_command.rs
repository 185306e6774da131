//! A hook of the manifest that runs a shell command which fetches something.

use super::{Found, Rule};
use crate::language::shell;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct InstallCommand;

impl Rule for InstallCommand {
    fn id(&self) -> &'static str {
        "install-command"
    }

    fn family(&self) -> Family {
        Family::InstallHook
    }

    fn summary(&self) -> &'static str {
        "installing runs a command that fetches something"
    }

    fn look(&self) -> &'static str {
        "what the command fetches, and from whom"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for hook in &package.manifest.hooks {
            if shell::fetches(&hook.command) {
                let what = format!("{} runs {}", hook.name, hook.command);
                found.place(80, hook.when, hook.place.clone(), what);
            }
        }
    }
}
