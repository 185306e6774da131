//! Code that runs at installation talks to other machines or starts programs.

use super::{Found, Rule};
use crate::facts::{Capability, Labels, Sink, Use};
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
                (None, Some(process), _) => match uses.iter().find(|one| fetches(one)) {
                    Some(fetching) => (fetching, 62, "starts a program that talks to other machines"),
                    None if uses.iter().any(looks_around) => {
                        (process, 60, "starts a program that no build needs")
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

/// Whether a program is started that builds nothing: it asks who and where it is, shows itself, or starts what came along.
fn looks_around(one: &Use) -> bool {
    const PROGRAMS: [&str; 24] = [
        "whoami",
        "id",
        "hostname",
        "ifconfig",
        "ipconfig",
        "calc",
        "notepad",
        "start",
        "powershell",
        "pwsh",
        "cmd",
        "mshta",
        "rundll32",
        "regsvr32",
        "wscript",
        "cscript",
        "nslookup",
        "ping",
        "dir",
        "net",
        "nc",
        "ncat",
        "cat",
        "explorer",
    ];
    let first = |text: &str| {
        let word = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        name.strip_suffix(".exe").map(str::to_owned).unwrap_or(name)
    };
    one.capability == Capability::Process
        && one.texts.first().is_some_and(|text| PROGRAMS.contains(&first(text).as_str()))
}

/// Whether a program is started whose arguments name a way to another machine.
fn fetches(one: &Use) -> bool {
    const WAYS: [&str; 8] = [
        "curl ",
        "wget ",
        "nslookup ",
        "/dev/tcp/",
        "Invoke-WebRequest",
        "DownloadString",
        "certutil",
        "http://",
    ];
    one.capability == Capability::Process
        && one.texts.iter().any(|text| WAYS.iter().any(|way| text.contains(way)))
}

/// Whether the file writes or runs what came out of a decoder.
fn hides(file: &File) -> bool {
    file.facts.flows.iter().any(|flow| {
        flow.labels.has(Labels::DECODED)
            && matches!(flow.sink, Sink::Write | Sink::Run | Sink::Eval | Sink::Load)
    })
}
