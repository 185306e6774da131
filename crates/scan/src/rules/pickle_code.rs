//! Pickles that run something when they are loaded: a pickle is a program, and a model or a cache is one as often as not.

use super::{Found, Rule};
use crate::facts::Sink;
use crate::package::{Kind, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct PickleCode;

impl Rule for PickleCode {
    fn id(&self) -> &'static str {
        "pickle-code"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "loading a pickle starts programs or runs texts as code"
    }

    fn look(&self) -> &'static str {
        "what the pickle calls (`python -m pickletools FILE` shows it and runs nothing), and who loads it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| file.kind == Kind::Pickle) {
            let runs = |sink| matches!(sink, Sink::Run | Sink::Eval | Sink::Load | Sink::Send);
            if let Some(flow) = file.facts.flows.iter().find(|flow| runs(flow.sink)) {
                let said = flow.text.as_deref().map(|text| format!(" with {text:?}")).unwrap_or_default();
                found.place(88, file.when, file.whole(), format!("loading it calls {}{said}", flow.api));
            }
        }
    }
}
