//! A file is written with what another machine answered, and then started.

use super::{Found, Rule, acts};
use crate::facts::{Capability, Flow, Labels, Sink};
use crate::language::shell;
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct DownloadThenRun;

impl Rule for DownloadThenRun {
    fn id(&self) -> &'static str {
        "download-then-run"
    }

    fn family(&self) -> Family {
        Family::DownloadAndRun
    }

    fn summary(&self) -> &'static str {
        "a downloaded file is started"
    }

    fn look(&self) -> &'static str {
        "what is downloaded, from where, and whether its digest is checked"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            if let Some(flow) = file.facts.flows.iter().find(|flow| is_disguised_program(flow)) {
                let what =
                    format!("{} writes a program, out of what another machine gave as a text", flow.api);
                found.at(85, file, flow.at, flow.layer, what);
            }
            let Some((target, at)) = written(file) else { continue };
            let name = target.rsplit(['/', '\\']).next().unwrap_or(&target).to_owned();
            let runs = file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run);
            let named = |text: &str| {
                name.len() > 2 && !name.contains('\u{FFFC}') && text.contains(&name) && !handles(text)
            };
            let permitted = file.facts.flows.iter().any(|flow| {
                let text = flow.text.as_deref().unwrap_or_default();
                flow.sink == Sink::Run && (text.contains("chmod +x") || text.contains("chmod 7"))
            });
            let weighed = runs.filter_map(|run| {
                let text = run.text.as_deref().unwrap_or_default();
                let unknown = text.contains('\u{FFFC}') || text.is_empty();
                let same = !text.is_empty() && text == target && text.contains(['/', '\\']);
                // Started by its name; or at least something is, whose name is not known.
                let weight = match () {
                    () if named(text) => 80,
                    () if unknown && permitted && run.labels.has(Labels::NETWORK) => 80,
                    () if unknown && same => 74,
                    () if unknown && acts(file, run.reached) && fetches_program(file) => 74,
                    () if unknown => 45,
                    () => return None,
                };
                Some((weight, run))
            });
            if let Some((weight, run)) = weighed.max_by_key(|(weight, _)| *weight) {
                let what = format!(
                    "a downloaded file{} is started",
                    if name.is_empty() { String::new() } else { format!(" ({name})") }
                );
                found.at(weight, file, run.at.max(at), run.layer, what);
            }
        }
    }
}

/// Whether a program is written that came as an encoded text: a server of programs gives them as they are.
fn is_disguised_program(flow: &Flow) -> bool {
    const ENDINGS: [&str; 8] = [".exe", ".dll", ".scr", ".bat", ".cmd", ".ps1", ".vbs", ".pyd"];
    let named = |text: &str| ENDINGS.iter().any(|ending| text.to_ascii_lowercase().ends_with(ending));
    flow.sink == Sink::Write
        && flow.labels.has(Labels::NETWORK)
        && flow.labels.has(Labels::DECODED)
        && flow.text.as_deref().is_some_and(named)
}

/// Whether a command does something with files, and starts none of them.
fn handles(command: &str) -> bool {
    const PROGRAMS: [&str; 18] = [
        "wget",
        "curl",
        "unzip",
        "tar",
        "7z",
        "mv",
        "cp",
        "rm",
        "ls",
        "cat",
        "ln",
        "mkdir",
        "shasum",
        "sha256sum",
        "md5sum",
        "gpg",
        "gunzip",
        "expand-archive",
    ];
    let commands = shell::commands(command);
    !commands.is_empty() && commands.iter().all(|one| PROGRAMS.contains(&one.program.as_str()))
}

/// Whether what is fetched is a program or a script by its name.
fn fetches_program(file: &File) -> bool {
    const ENDINGS: [&str; 10] =
        [".exe", ".bat", ".cmd", ".ps1", ".vbs", ".scr", ".msi", ".dll", ".sh", ".py"];
    file.facts.flows.iter().filter(|flow| flow.sink == Sink::Send).any(|flow| {
        let text = flow.text.as_deref().unwrap_or_default();
        let path = text.split(['?', '#', ' ']).next().unwrap_or_default();
        text.contains("://") && ENDINGS.iter().any(|ending| path.ends_with(ending))
    })
}

/// The name of a file that is written with what was downloaded, and where.
fn written(file: &File) -> Option<(String, u32)> {
    let by_flow =
        file.facts.flows.iter().find(|flow| flow.sink == Sink::Write && flow.labels.has(Labels::NETWORK));
    if let Some(flow) = by_flow {
        return Some((flow.text.as_deref().unwrap_or_default().to_owned(), flow.at));
    }
    // One function that does both: `urlretrieve(address, name)`.
    let mut uses = file.facts.uses.iter();
    let one = uses.find(|one| {
        one.capability == Capability::FileWrite
            && (one.texts.iter().any(|text| text.contains("://")) || one.api.ends_with("urlretrieve"))
    })?;
    let name = one.texts.iter().find(|text| !text.contains("://")).or(one.texts.first());
    Some((name.map(ToString::to_string).unwrap_or_default(), one.at))
}
