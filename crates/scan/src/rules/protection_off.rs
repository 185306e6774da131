//! The machine's protection is turned off: its scanner, its firewall, its log, or what PowerShell is watched by.

use super::{Found, Rule};
use crate::facts::Sink;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct ProtectionOff;

impl Rule for ProtectionOff {
    fn id(&self) -> &'static str {
        "protection-off"
    }

    fn family(&self) -> Family {
        Family::Persistence
    }

    fn summary(&self) -> &'static str {
        "the machine's protection is turned off"
    }

    fn look(&self) -> &'static str {
        "what is turned off, and whether the user is asked"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run) {
                let Some(what) = flow.text.as_deref().and_then(turns_off) else { continue };
                found.at(82, file, flow.at, flow.layer, format!("{} turns off {what}", flow.api));
            }
            let texts = file.facts.texts.iter().filter(|text| text.layer > 0);
            for text in texts.filter(|text| text.text.len() < 4_000) {
                let Some(what) = turns_off(&text.text) else { continue };
                found.at(82, file, text.at, text.layer, format!("an encoded text turns off {what}"));
            }
        }
        for hook in &package.manifest.hooks {
            let Some(what) = turns_off(&hook.command) else { continue };
            found.place(85, hook.when, hook.place.clone(), format!("{} turns off {what}", hook.name));
        }
    }
}

/// What a command turns off. Each entry is words that all stand in it.
fn turns_off(command: &str) -> Option<&'static str> {
    const COMMANDS: &[(&[&str], &str)] = &[
        (&["add-mppreference", "exclusion"], "the virus scanner for a place"),
        (&["set-mppreference", "disable"], "the virus scanner"),
        (&["windefend", "stop"], "the virus scanner"),
        (&["windefend", "delete"], "the virus scanner"),
        (&["windows defender", "disableantispyware"], "the virus scanner"),
        (&["mpcmdrun", "-removedefinitions"], "the virus scanner"),
        (&["advfirewall", "state off"], "the firewall"),
        (&["ufw disable"], "the firewall"),
        (&["systemctl", "stop", "firewalld"], "the firewall"),
        (&["iptables -f"], "the firewall"),
        (&["setenforce 0"], "SELinux"),
        (&["spctl", "--master-disable"], "Gatekeeper"),
        (&["csrutil disable"], "the protection of the system"),
        (&["xattr", "com.apple.quarantine"], "the quarantine of a downloaded file"),
        (&["amsiinitfailed"], "what PowerShell is watched by"),
        (&["amsiscanbuffer"], "what PowerShell is watched by"),
        (&["wevtutil cl"], "the log"),
        (&["vssadmin", "delete shadows"], "the copies that files are restored from"),
        (&["bcdedit", "recoveryenabled no"], "the recovery of the system"),
        (&["enablelua", "/d 0"], "the question before a program gets all rights"),
        (&["auditctl -e 0"], "the log"),
    ];
    let lower = command.to_ascii_lowercase();
    COMMANDS.iter().find(|(words, _)| words.iter().all(|word| lower.contains(word))).map(|(_, what)| *what)
}
