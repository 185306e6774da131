//! An AI agent of the user is started with its permissions turned off, or is given orders.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct AgentAbuse;

impl Rule for AgentAbuse {
    fn id(&self) -> &'static str {
        "agent-abuse"
    }

    fn family(&self) -> Family {
        Family::Worm
    }

    fn summary(&self) -> &'static str {
        "an AI agent is driven with its permissions turned off"
    }

    fn look(&self) -> &'static str {
        "what the agent is asked to do"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in &file.facts.flows {
                if flow.text.as_deref().is_some_and(bypasses) {
                    found.at(
                        80,
                        file,
                        flow.at,
                        flow.layer,
                        format!("{} starts an AI agent with its permissions turned off", flow.api),
                    );
                }
            }
            for text in file.facts.texts.iter().filter(|text| text.text.len() < 400 && bypasses(&text.text)) {
                found.at(65, file, text.at, text.layer, "a text turns off the permissions of an AI agent");
            }
        }
        for hook in package.manifest.hooks.iter().filter(|hook| bypasses(&hook.command)) {
            found.place(
                85,
                hook.when,
                hook.place.clone(),
                format!("{} starts an AI agent with its permissions turned off", hook.name),
            );
        }
    }
}

fn bypasses(text: &str) -> bool {
    let plain =
        ["--dangerously-skip-permissions", "--trust-all-tools", "--dangerously-bypass-approvals-and-sandbox"];
    // Other programs have these as well.
    let shared = ["--yolo", "--full-auto"];
    let agents = ["gemini", "qwen", "codex", "claude", "cursor", "copilot", "opencode", "amp ", "q chat"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&plain) || has(&shared) && has(&agents)
}
