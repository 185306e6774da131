//! What comes in over a socket is run, or a shell is bound to a socket.

use super::{Found, Rule, large};
use crate::facts::{Labels, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct ReverseShell;

impl Rule for ReverseShell {
    fn id(&self) -> &'static str {
        "reverse-shell"
    }

    fn family(&self) -> Family {
        Family::ReverseShell
    }

    fn summary(&self) -> &'static str {
        "somebody far away gets a shell"
    }

    fn look(&self) -> &'static str {
        "the address it connects to"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let uses = &file.facts.uses;
            let connects =
                || uses.iter().any(|one| one.api.contains("socket") || one.api.starts_with("net."));
            let answers = file.facts.flows.iter().any(|flow| {
                flow.sink == Sink::Send && flow.labels.has(Labels::OUTPUT) && flow.labels.has(Labels::NETWORK)
            });
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Run) {
                let text = flow.text.as_deref().unwrap_or_default();
                let bare = is_bare_shell(text);
                let (weight, what) = match () {
                    () if flow.labels.has(Labels::SOCKET) => (90, "runs what comes in over a socket"),
                    () if answers && flow.labels.has(Labels::NETWORK) && !large(file) => {
                        (80, "runs what another machine orders, and the output goes there")
                    }
                    () if bare && !large(file) && connects() => (85, "starts a shell beside a socket"),
                    () if bare && binds(file) || by_command(text) => (90, "binds a shell to a connection"),
                    () => continue,
                };
                found.at(weight, file, flow.at, flow.layer, format!("{} {what}", flow.api));
            }
            for text in
                file.facts.texts.iter().filter(|text| by_command(&text.text) && text.text.len() < 2_000)
            {
                found.at(
                    60,
                    file,
                    text.at,
                    text.layer,
                    "a text is a command that binds a shell to a connection",
                );
            }
        }
        for hook in package.manifest.hooks.iter().filter(|hook| by_command(&hook.command)) {
            found.place(
                90,
                hook.when,
                hook.place.clone(),
                format!("{} binds a shell to a connection", hook.name),
            );
        }
    }
}

fn is_shell(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    matches!(
        first.rsplit('/').next().unwrap_or_default(),
        "sh" | "bash" | "zsh" | "cmd" | "cmd.exe" | "powershell" | "powershell.exe"
    )
}

/// A shell without a command, which takes its orders from whoever is at the other end.
pub(super) fn is_bare_shell(text: &str) -> bool {
    is_shell(text)
        && text.split_whitespace().skip(1).all(|word| matches!(word, "-i" | "-l" | "-NoLogo" | "/Q" | "/q"))
}

/// A socket, and a descriptor or a stream that is joined to a program.
fn binds(file: &File) -> bool {
    let names = |word: &str| memchr::memmem::find(&file.bytes, word.as_bytes()).is_some();
    (names("dup2(") && names("fileno()"))
        || (names("net.") && names(".pipe(") && names(".stdin") && names(".stdout"))
}

fn by_command(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let netcat =
        ["nc -e", "ncat -e", "nc.exe -e", "netcat -e", "nc -c"].iter().any(|word| lower.contains(word));
    let device = lower.contains("/dev/tcp/")
        && (lower.contains("bash") || lower.contains("sh -i") || lower.contains("exec "));
    let powershell = lower.contains("sockets.tcpclient") && lower.contains(".getstream(");
    netcat || device || powershell || (lower.contains("mkfifo") && lower.contains("| nc "))
}
