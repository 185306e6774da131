//! A program that is not in the package as a file: it is written when the package is installed or imported, and started.

use super::{Found, Rule, acts, large};
use crate::facts::{Flow, Labels, Sink};
use crate::language::shell;
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct DroppedProgram;

/// How the names of programs and scripts end.
const ENDINGS: [&str; 12] =
    [".py", ".pyw", ".js", ".sh", ".bat", ".cmd", ".ps1", ".vbs", ".exe", ".scr", ".jar", ".hta"];

impl Rule for DroppedProgram {
    fn id(&self) -> &'static str {
        "dropped-program"
    }

    fn family(&self) -> Family {
        Family::DownloadAndRun
    }

    fn summary(&self) -> &'static str {
        "a program is written and started that the package does not show as a file"
    }

    fn look(&self) -> &'static str {
        "the text that is written"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| !large(file)) {
            let by_itself = |flow: &&Flow| acts(file, flow.reached);
            let flows = || file.facts.flows.iter().filter(by_itself);
            // What was downloaded has a rule of its own.
            let written =
                flows().filter(|flow| flow.sink == Sink::Write && !flow.labels.has(Labels::NETWORK));
            let names = written.filter_map(program).filter(|name| !is_shipped(package, name));
            let starts = |name: &str| {
                flows().find(|flow| {
                    let text = flow.text.as_deref().unwrap_or_default();
                    flow.sink == Sink::Run && text.contains(name) && !shell::builds(text)
                })
            };
            if let Some((name, run)) = names.filter_map(|name| Some((name, starts(name)?))).next() {
                found.at(76, file, run.at, run.layer, format!("{name} is written, and started"));
            }
        }
    }
}

/// The name of the program that is written.
fn program(flow: &Flow) -> Option<&str> {
    let name = flow.text.as_deref()?.rsplit(['/', '\\']).next()?;
    let known = name.len() > 4 && name.len() < 100 && !name.contains('\u{FFFC}');
    (known && ENDINGS.iter().any(|ending| name.ends_with(ending))).then_some(name)
}

/// Whether a file of that name comes with the package, where it is read as such.
fn is_shipped(package: &Package, name: &str) -> bool {
    package.files.iter().any(|file: &File| file.path.rsplit('/').next() == Some(name))
}
