//! Code that was encoded is decoded and run.

use super::{Found, Rule, acts, is_lone, large};
use crate::facts::{Flow, Labels, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct HiddenCode;

impl Rule for HiddenCode {
    fn id(&self) -> &'static str {
        "hidden-code"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "encoded code is decoded and run"
    }

    fn look(&self) -> &'static str {
        "the decoded code"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for flow in file
                .facts
                .flows
                .iter()
                .filter(|flow| matches!(flow.sink, Sink::Eval | Sink::Load | Sink::Run))
            {
                let decoded = flow.labels.has(Labels::DECODED);
                // What import hooks do with the files of a cache.
                let cached = flow.labels.has(Labels::FILE) && !flow.labels.has(Labels::OWN_CODE);
                let shown = flow.layer > 0 || flow.text.is_some();
                let weight = match (flow.sink, decoded, flow.layer) {
                    (Sink::Eval, true, _) if cached && is_lone(file, flow.reached) && !large(file) => 82,
                    (Sink::Eval, true, _) if cached && acts(file, flow.reached) && !large(file) => 72,
                    (Sink::Eval, true, _) if cached => 35,
                    // Where what is decoded is not known, a program that compiles does the same; unless it has it along.
                    (Sink::Eval, true, _) if !shown && compiles(file) => 55,
                    (Sink::Eval, true, _) if loads_assembly(file) && is_partly_known(flow) => 55,
                    (Sink::Eval, true, _) => 85,
                    (Sink::Run, true, _) => 60,
                    // A worker is given its code where a name would do.
                    (Sink::Load, true, _) if flow.api.ends_with("Worker") && !large(file) => 80,
                    (Sink::Load, true, _) => 45,
                    // Code within code that itself runs code or programs.
                    (Sink::Eval | Sink::Run, false, 2..) => 80,
                    (Sink::Run, false, 1) if !is_plain(file, flow.layer) => 75,
                    _ => continue,
                };
                found.at(weight, file, flow.at, flow.layer, format!("{} runs what was encoded", flow.api));
            }
        }
    }
}

/// Whether a file is large, does not run by itself at installation, and has nothing encoded along: then it is rather a
/// program that compiles than one that hides.
fn compiles(file: &File) -> bool {
    file.when < When::Installed && file.bytes.len() > 30_000 && !holds_payload(file)
}

/// Whether what is run is not known, or not all of it.
pub(super) fn is_partly_known(flow: &Flow) -> bool {
    flow.text.as_deref().is_none_or(|text| text.contains('\u{FFFC}'))
}

/// Whether a file is what compilers to WebAssembly put around their output: it runs texts that lie in its memory.
pub(super) fn loads_assembly(file: &File) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(&file.bytes, word).is_some();
    file.bytes.len() > 10_000 && has(b"WebAssembly.") && (has(b"UTF8ToString") || has(b"HEAPU8"))
}

/// Whether a file holds a long text without spaces, as encoded code is.
fn holds_payload(file: &File) -> bool {
    file.facts.texts.iter().any(|text| {
        let spaces = text.text.bytes().filter(u8::is_ascii_whitespace).count();
        text.layer == 0 && text.text.len() >= 300 && spaces * 50 < text.text.len()
    })
}

/// Whether a layer is a plain text that is run as code, with nothing hidden in it.
fn is_plain(file: &File, layer: u16) -> bool {
    file.facts.layers.get(usize::from(layer)).is_none_or(|layer| &*layer.how == "a text run as code")
}
