//! It publishes packages, or writes into the workflows and hooks of other projects.

use super::{Found, Rule};
use crate::facts::{Capability, Labels, Sink};
use crate::package::Package;
use trustmill_core::scan::Family;
use trustmill_core::scan::When;

/// See the module.
pub(super) struct Worm;

impl Rule for Worm {
    fn id(&self) -> &'static str {
        "worm"
    }

    fn family(&self) -> Family {
        Family::Worm
    }

    fn summary(&self) -> &'static str {
        "it spreads: publishes, or writes into other projects"
    }

    fn look(&self) -> &'static str {
        "which token it uses, and what it publishes or writes"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in &file.facts.flows {
                let text = flow.text.as_deref().unwrap_or_default().to_ascii_lowercase();
                let spreads = match flow.sink {
                    Sink::Run => PUBLISH.iter().find(|word| text.contains(**word)),
                    Sink::Write => HOOKS.iter().find(|word| text.contains(**word)),
                    Sink::Send if flow.labels.has(Labels::TOKEN_FILE) => {
                        PUBLISH_ADDRESSES.iter().find(|word| text.contains(**word))
                    }
                    _ => None,
                };
                let Some(spreads) = spreads else { continue };
                let uses = &file.facts.uses;
                let token = uses.iter().any(|one| {
                    one.texts.iter().any(|text| is_token(text)) || one.labels.has(Labels::TOKEN_FILE)
                }) || file.facts.texts.iter().any(|text| is_token(&text.text));
                let network = uses.iter().any(|one| one.capability == Capability::Network);
                let weight = match (token, network || file.when >= When::Built) {
                    (true, _) => 85,
                    // Whoever compiles or installs publishes nothing.
                    (false, _) if file.when >= When::Built && flow.sink == Sink::Run => 72,
                    (false, true) => 55,
                    (false, false) => 35,
                };
                found.at(weight, file, flow.at, flow.layer, format!("{} spreads by {spreads}", flow.api));
            }
        }
    }
}

const PUBLISH: &[&str] = &[
    "npm publish",
    "twine upload",
    "cargo publish",
    "pnpm publish",
    "yarn publish",
    "yarn npm publish",
    "npm token create",
    "gem push",
];

const PUBLISH_ADDRESSES: &[&str] = &["/-/npm/v1/tokens", "/-/whoami", "/legacy/", "/api/v1/crates/new"];

const HOOKS: &[&str] = &[
    ".github/workflows",
    ".git/hooks",
    ".claude/settings",
    ".cursor/",
    ".vscode/tasks.json",
    ".gemini/settings",
    ".codex/",
];

fn is_token(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [
        "npm_token",
        "_authtoken",
        ".npmrc",
        ".pypirc",
        "twine_password",
        "cargo_registry_token",
        "github_token",
        "gh_token",
        "ghp_",
        "npm_config__auth",
    ]
    .iter()
    .any(|word| lower.contains(word))
}
