//! It deletes or encrypts what is not its own.

use super::{Found, Rule};
use crate::facts::{Capability, Sink};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct Destruction;

impl Rule for Destruction {
    fn id(&self) -> &'static str {
        "destruction"
    }

    fn family(&self) -> Family {
        Family::Destruction
    }

    fn summary(&self) -> &'static str {
        "it deletes or encrypts what is not its own"
    }

    fn look(&self) -> &'static str {
        "what is deleted, and under which condition"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run) {
                if flow.text.as_deref().is_some_and(wipes) {
                    found.at(85, file, flow.at, flow.layer, format!("{} deletes everything", flow.api));
                }
            }
            let mut encrypts = false;
            for one in &file.facts.uses {
                let home = one.texts.iter().any(|text| {
                    matches!(text.trim_end_matches(['/', '*', '\\']), "~" | "C:" | "/home" | "/Users")
                        && text.len() < 8
                        && !text.is_empty()
                });
                if one.capability == Capability::FileDelete && home {
                    found.at(
                        70,
                        file,
                        one.at,
                        one.layer,
                        format!("{} deletes a whole home or disk", one.api),
                    );
                }
                encrypts |= one.capability == Capability::Encryption;
            }
            let ransom = file.facts.texts.iter().find(|text| {
                let lower = text.text.to_ascii_lowercase();
                lower.contains("your files") && (lower.contains("encrypted") || lower.contains("bitcoin"))
            });
            if let (true, Some(note)) = (encrypts, ransom) {
                found.at(85, file, note.at, note.layer, "it encrypts files and asks for a ransom");
            }
        }
        for hook in package.manifest.hooks.iter().filter(|hook| wipes(&hook.command)) {
            found.place(85, hook.when, hook.place.clone(), format!("{} deletes everything", hook.name));
        }
    }
}

fn wipes(command: &str) -> bool {
    let lower = command.to_ascii_lowercase();
    let removes = ["rm -rf ", "rm -fr ", "rm -r -f ", "rm --recursive --force "];
    let all =
        ["/", "/*", "~", "~/", "~/*", "$home", "$home/*", "/home", "*", "--no-preserve-root", "\"$home\""];
    let whole = removes.iter().filter_map(|word| lower.split_once(word)).any(|(_, rest)| {
        rest.split_whitespace()
            .take_while(|word| !matches!(*word, "&&" | ";" | "||" | "|"))
            .any(|word| all.contains(&word.trim_end_matches(';')))
    });
    whole
        || [
            "format c:",
            "rd /s /q c:\\",
            "del /f /s /q c:\\",
            "del /s /q c:\\",
            "dd if=/dev/zero of=/dev/sd",
            "dd if=/dev/urandom of=/dev/sd",
            "mkfs.",
            ":(){ :|:& };:",
        ]
        .iter()
        .any(|word| lower.contains(word))
}
