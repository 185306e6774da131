//! Installing writes where no build does: into the home of the user, the folders of the system, the desktop.

use super::{Found, Rule, acts};
use crate::facts::{Flow, Labels, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct InstallWrites;

impl Rule for InstallWrites {
    fn id(&self) -> &'static str {
        "install-writes"
    }

    fn family(&self) -> Family {
        Family::InstallHook
    }

    fn summary(&self) -> &'static str {
        "installing writes outside of what is built"
    }

    fn look(&self) -> &'static str {
        "what is written there, and who reads it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        if package.ecosystem != "pypi" {
            return;
        }
        for file in package.code().filter(|file| file.when == When::Installed) {
            if let Some((flow, place)) = file.facts.flows.iter().find_map(|flow| writes(file, flow)) {
                let what = format!("installing writes to {place}, where nothing is built");
                found.at(64, file, flow.at, flow.layer, what);
            }
        }
    }
}

/// A write of a place where no build has anything to do.
fn writes<'a>(file: &File, flow: &'a Flow) -> Option<(&'a Flow, &'a str)> {
    let place = flow.text.as_deref().filter(|_| flow.sink == Sink::Write && acts(file, flow.reached))?;
    (is_outside(place) || flow.labels.has(Labels::VARIABLE) && is_personal(place)).then_some((flow, place))
}

/// Whether a path is outside of the folder in which a build is started, by itself.
fn is_outside(path: &str) -> bool {
    const NEAR: [&str; 4] = ["/dev/", "/proc/", "/usr/share/", "/usr/local/"];
    let drive = path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && path.get(1..3).is_some_and(|rest| matches!(rest, ":\\" | ":/"));
    let root = path.starts_with('/') && !NEAR.iter().any(|near| path.starts_with(near));
    let long = path.len() > 3 && !path.contains(['\n', '*']);
    long && (drive || root || path.starts_with("~/") || path.starts_with("~\\") || is_personal(path))
}

/// Whether a path leads into a folder of a user.
fn is_personal(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace('\\', "/");
    ["/appdata/", "/desktop/", "/documents/", "/start menu/", "/.config/autostart", "/launchagents"]
        .iter()
        .any(|folder| path.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::is_outside;

    #[test]
    fn paths_outside_are_those_of_users_and_of_the_system() {
        for path in ["/etc/x", "/tmp/pwned", "~/owned", "C:\\Users\\x", "\u{FFFC}\\AppData\\Local\\x.js"] {
            assert!(is_outside(path), "{path}");
        }
        for path in ["demo/version.py", "\u{FFFC}/demo/version.py", "/dev/null", "build/x", "/", "demo"] {
            assert!(!is_outside(path), "{path}");
        }
    }
}
