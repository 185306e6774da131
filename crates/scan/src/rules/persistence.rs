//! It arranges to be started again: at login, at boot, by a timer, in a shell, by Python itself.

use super::{Found, Rule, acts};
use crate::facts::Sink;
use crate::package::Package;
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct Persistence;

impl Rule for Persistence {
    fn id(&self) -> &'static str {
        "persistence"
    }

    fn family(&self) -> Family {
        Family::Persistence
    }

    fn summary(&self) -> &'static str {
        "it arranges to be started again"
    }

    fn look(&self) -> &'static str {
        "what is started, and whether the package says so"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            if file.when >= When::Installed
                && memchr::memmem::find(&file.bytes, b"--load-extension").is_some()
            {
                found.file(80, file, "installing gives a browser an extension to load");
            }
            for flow in &file.facts.flows {
                let text = flow.text.as_deref().unwrap_or_default().to_ascii_lowercase();
                let (place, weight) = match flow.sink {
                    Sink::Write => (PLACES.iter().find(|place| text.contains(**place)), 65),
                    Sink::Run => (COMMANDS.iter().find(|command| text.contains(**command)), 60),
                    _ => continue,
                };
                if let Some(place) = place {
                    // Who imports or installs asked for nothing that stays.
                    let weight = if acts(file, flow.reached) { 72 } else { weight };
                    found.at(
                        weight,
                        file,
                        flow.at,
                        flow.layer,
                        format!("{} changes what is started by itself ({place})", flow.api),
                    );
                }
            }
        }
    }
}

/// Parts of the paths of files that something starts.
const PLACES: &[&str] = &[
    ".bashrc",
    ".zshrc",
    ".bash_profile",
    ".profile",
    ".zprofile",
    "/etc/cron",
    "crontab",
    "systemd/user",
    "systemd/system",
    "launchagents",
    "launchdaemons",
    "start menu/programs/startup",
    "programs\\startup",
    "currentversion\\run",
    "autostart/",
    "authorized_keys",
    "sitecustomize.py",
    "usercustomize.py",
    "/etc/rc.local",
    "/etc/profile.d",
    "/etc/init.d",
    "/etc/ld.so.preload",
];

/// Commands that do the same.
const COMMANDS: &[&str] = &[
    "schtasks /create",
    "schtasks.exe /create",
    "crontab -",
    "launchctl load",
    "launchctl bootstrap",
    "systemctl enable",
    "systemctl --user enable",
    "currentversion\\run",
    "reg add hkcu\\software\\microsoft\\windows\\currentversion\\run",
    "authorized_keys",
    "update-rc.d",
];
