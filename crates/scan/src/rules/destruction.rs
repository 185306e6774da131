//! It deletes or encrypts what is not its own.

use super::{Found, Rule, acts, large};
use crate::facts::{Capability, Sink, Use};
use crate::package::{File, Package};
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
            if let Some(one) = file.facts.uses.iter().find(|one| spoils(file, one)).filter(|_| chooses(file))
            {
                let what = format!("{} is used on whole folders, and only in some countries", one.api);
                found.at(78, file, one.at, one.layer, what);
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

/// Whether files whose names are not known are deleted or written, by nobody's order.
fn spoils(file: &File, one: &Use) -> bool {
    let destroys = matches!(one.capability, Capability::FileDelete | Capability::FileWrite);
    let unknown =
        |text: &str| text.contains('\u{FFFC}') || matches!(text, "/" | "./" | "../" | "../../" | "~");
    let texts = one.texts.iter().filter(|text| text.len() > 1 || unknown(text));
    destroys && acts(file, one.reached) && !large(file) && texts.take(1).all(|text| unknown(text))
}

/// Whether a file asks where the machine stands, and names countries or their time zones.
fn chooses(file: &File) -> bool {
    const ASKS: [&str; 8] = [
        "timeZone",
        "tzname",
        "getlocale",
        "localtime",
        "country",
        "getTimezoneOffset",
        "getdefaultlocale",
        "LANG",
    ];
    const PLACES: [&str; 14] = [
        "Europe/Moscow",
        "Europe/Minsk",
        "Asia/Tehran",
        "Asia/Jerusalem",
        "Asia/Shanghai",
        "Europe/Kiev",
        "ru_RU",
        "ru-RU",
        "be_BY",
        "fa_IR",
        "he_IL",
        "russia",
        "belarus",
        "israel",
    ];
    let has = |words: &[&str]| {
        words.iter().any(|word| memchr::memmem::find(&file.bytes, word.as_bytes()).is_some())
    };
    has(&ASKS) && has(&PLACES)
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
