//! Installing, compiling or starting runs something that it did not run in the release before.

use super::{Found, Rule};
use crate::change::Change;
use crate::facts::Capability;
use crate::package::{File, Hook, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct NewInstallHook;

impl Rule for NewInstallHook {
    fn id(&self) -> &'static str {
        "new-install-hook"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "installing runs what it did not run in the release before"
    }

    fn look(&self) -> &'static str {
        "what the hook runs, and whether the project announces it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let hooks = package.manifest.hooks.iter().filter(|hook| hook.when >= When::Built);
        for hook in hooks {
            let mut before =
                change.before.manifest.hooks.iter().filter(|other| other.name == hook.name).peekable();
            let verb = if before.peek().is_some() { "now runs" } else { "is new and runs" };
            if before.any(|before| before.command == hook.command) || has_run(change, hook) {
                continue;
            }
            let weight = weight(change, hook);
            found.place(
                weight,
                hook.when,
                hook.place.clone(),
                format!("{} {verb} {}", hook.name, hook.command),
            );
        }
    }
}

/// Whether the release before ran a file with the same bytes at the same moment: one that is named after the version has
/// another name each time.
fn has_run(change: Change<'_>, hook: &Hook) -> bool {
    let Some(file) = change.now.file(&hook.command) else { return false };
    let hooks = change.before.manifest.hooks.iter().filter(|before| before.when == hook.when);
    hooks.filter_map(|before| change.before.file(&before.command)).any(|before| before.bytes == file.bytes)
}

/// A hook that starts a well-known builder is a matter of course; one that runs a file of its own says more the more
/// that file can do.
fn weight(change: Change<'_>, hook: &Hook) -> u8 {
    let patch = if change.is_patch() { 6 } else { 0 };
    if hook.when == When::Built {
        let file = change.now.file(&hook.place.path).or_else(|| change.now.file(&hook.command));
        return file.map_or(20, |file| if talks(file) { 66 } else { 25 }) + patch;
    }
    if is_builder(&hook.command) {
        return 30 + patch;
    }
    let own = run_files(change.now, hook);
    let is_new = |file: &&File| change.file_before(file).is_none_or(|before| before.bytes != file.bytes);
    let base = match own.iter().find(|file| is_new(file)) {
        Some(file) if talks(file) || hides(file) => 76,
        Some(file) if file.facts.uses.iter().any(|one| one.capability == Capability::Process) => 70,
        Some(_) => 66,
        None if own.is_empty() => 66,
        None => 45,
    };
    base + patch
}

/// The files of the package that a hook's command names.
fn run_files<'a>(package: &'a Package, hook: &Hook) -> Vec<&'a File> {
    package
        .files
        .iter()
        .filter(|file| file.kind.is_code() && file.path.len() > 2)
        .filter(|file| {
            let named = |path: &str| {
                hook.command
                    .split(|c: char| {
                        c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')')
                    })
                    .any(|word| word.trim_start_matches("./") == path)
            };
            named(&file.path) || file.path.rsplit_once('.').is_some_and(|(stem, _)| named(stem))
        })
        .collect()
}

fn talks(file: &File) -> bool {
    file.facts.uses.iter().any(|one| matches!(one.capability, Capability::Network | Capability::DynamicCode))
}

fn hides(file: &File) -> bool {
    let measures = &file.facts.measures;
    !file.facts.parsed || measures.machine_names * 4 > measures.names.max(20) || measures.hidden_names > 8
}

/// What a `binding.gyp` asks: the value of a variable, or where another package has its headers.
fn is_question(command: &str) -> bool {
    let inline = ["node -p ", "node -e "].iter().find_map(|start| command.strip_prefix(start));
    let asks = |code: &str| code.contains("require(") && code.len() < 120 && !code.contains("child_process");
    let variable = command.strip_prefix("echo ").is_some_and(|rest| !rest.contains(['>', '`', '(']));
    !command.contains("://") && (variable || inline.is_some_and(asks))
}

/// Whether every command of a hook is one that thousands of packages run to compile what they ship.
fn is_builder(command: &str) -> bool {
    const BUILDERS: [&str; 14] = [
        "node-gyp",
        "node-gyp-build",
        "prebuild-install",
        "node-pre-gyp",
        "cmake-js",
        "husky",
        "patch-package",
        "tsc",
        "rollup",
        "prebuildify",
        "electron-rebuild",
        "ngcc",
        "napi",
        "true",
    ];
    let mut parts = command.split(['&', '|', ';']).map(str::trim).filter(|part| !part.is_empty()).peekable();
    parts.peek().is_some()
        && parts.all(|part| {
            if is_question(part) {
                return true;
            }
            let mut words = part.split_whitespace();
            let first = words.next().unwrap_or_default();
            let first = if first == "npx" { words.next().unwrap_or_default() } else { first };
            BUILDERS.contains(&first) && !part.contains("://")
        })
}
