//! Code that runs at installation talks to other machines or starts programs.

use super::{Found, Rule, acts};
use crate::facts::{Capability, Flow, Labels, Sink, Use};
use crate::language::shell;
use crate::package::{File, Package};
use trustmill_core::scan::Family;
use trustmill_core::scan::When;

/// See the module.
pub(super) struct InstallRuns;

impl Rule for InstallRuns {
    fn id(&self) -> &'static str {
        "install-runs"
    }

    fn family(&self) -> Family {
        Family::InstallHook
    }

    fn summary(&self) -> &'static str {
        "installing talks to other machines or starts programs"
    }

    fn look(&self) -> &'static str {
        "why installing needs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| file.when >= When::Installed) {
            let uses = &file.facts.uses;
            let first = |capability| uses.iter().find(|one| one.capability == capability);
            let (network, process, code) =
                (first(Capability::Network), first(Capability::Process), first(Capability::DynamicCode));
            let (at, weight, what) = match (network, process, code) {
                (Some(network), Some(_), Some(_)) => {
                    (network, 66, "talks to other machines, starts programs and runs texts as code")
                }
                (Some(network), Some(_), None) => {
                    (network, 62, "talks to other machines and starts programs")
                }
                (Some(network), None, Some(_)) => {
                    (network, 58, "talks to other machines and runs texts as code")
                }
                (Some(network), None, None) => (network, 60, "talks to other machines"),
                (None, Some(process), _) => match uses.iter().find(|one| starts(one, shell::fetches)) {
                    Some(fetching) => (fetching, 62, "starts a program that talks to other machines"),
                    None if uses.iter().any(|one| starts(one, shell::looks_around)) => {
                        (process, 60, "starts a program that no build needs")
                    }
                    None if uses.iter().any(|one| one.api.starts_with("webbrowser.")) => {
                        (process, 60, "opens a page in the browser")
                    }
                    None if starts_absent(package, file).is_some() => {
                        (process, 60, "starts a file that does not come with the package")
                    }
                    None if hides(file) => (process, 60, "starts programs, of what was encoded"),
                    None => (process, 25, "starts programs"),
                },
                (None, None, Some(code)) => (code, 20, "runs texts as code"),
                (None, None, None) => continue,
            };
            found.at(weight, file, at.at, at.layer, format!("installing {what}"));
        }
    }
}

/// Whether a program is started of which the texts say something.
fn starts(one: &Use, what: fn(&str) -> bool) -> bool {
    one.capability == Capability::Process
        && (what(&one.texts.join(" ")) || one.texts.iter().any(|text| what(text)))
}

/// A program that is started by the name of a file which is not there to be read: it comes from elsewhere, or was left
/// out.
fn starts_absent<'a>(package: &Package, file: &'a File) -> Option<&'a Flow> {
    const ENDINGS: [&str; 9] = [".py", ".pyw", ".exe", ".bat", ".cmd", ".ps1", ".vbs", ".sh", ".js"];
    let absent = |text: &str| {
        let words = text.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';', '&']));
        let names = words.filter_map(|word| word.rsplit(['/', '\\']).next());
        let mut scripts = names.filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending))).peekable();
        let there = |name: &str| {
            package.files.iter().any(|file| file.path.rsplit('/').next() == Some(name))
                || name.contains('\u{FFFC}')
        };
        scripts.peek().is_some() && scripts.all(|name| !there(name) && name != "setup.py")
    };
    file.facts.flows.iter().find(|flow| {
        flow.sink == Sink::Run
            && !flow.api.starts_with("shell:")
            && acts(file, flow.reached)
            && flow.text.as_deref().is_some_and(|text| absent(text) && !shell::builds(text))
    })
}

/// Whether the file writes or runs what came out of a decoder.
fn hides(file: &File) -> bool {
    file.facts.flows.iter().any(|flow| {
        flow.labels.has(Labels::DECODED)
            && matches!(flow.sink, Sink::Write | Sink::Run | Sink::Eval | Sink::Load)
    })
}
