//! What the machine or its user keeps is sent to another machine.

use super::address::{self, Reputation};
use super::{Found, Rule, acts, is_lone, large};
use crate::facts::{Capability, Flow, Labels, Sink};
use crate::flow::secret;
use crate::package::{File, Package};
use std::cell::OnceCell;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct Exfiltration;

impl Rule for Exfiltration {
    fn id(&self) -> &'static str {
        "exfiltration"
    }

    fn family(&self) -> Family {
        Family::Exfiltration
    }

    fn summary(&self) -> &'static str {
        "data of the machine is sent away"
    }

    fn look(&self) -> &'static str {
        "what is sent, and to whom"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let tiny = is_tiny(package);
        for file in package.code() {
            let beside = Beside::of(file);
            for flow in file.facts.flows.iter().filter(|flow| flow.sink == Sink::Send) {
                let to = reputation(&beside, flow);
                let weighed = weight(file, flow, to).or_else(|| given_away(flow).filter(|_| tiny));
                let Some((mut weight, what)) = weighed else { continue };
                if to == Reputation::DropBox && open_webhook(&beside, flow) {
                    weight = weight.max(80);
                }
                // The address itself, and not only some text beside it.
                if flow.text.as_deref().map(address::reputation) == Some(Reputation::DropBox) {
                    weight = weight.max(74);
                }
                if flow.text.as_deref().is_some_and(address::is_catcher) {
                    weight = weight.max(80);
                }
                // Beside what it reads, whatever it is that is sent.
                if to == Reputation::DropBox && beside.reads_secrets() && !large(file) {
                    weight = weight.max(84);
                }
                if large(file) && to == Reputation::Plain {
                    weight = weight * 2 / 3;
                }
                // Whoever installs or imports asked for nothing that needs to know who he is.
                let told = flow.labels.has(Labels::HOST.and(Labels::OUTPUT));
                if told && acts(file, flow.reached) && !large(file) {
                    weight = weight.max(72);
                }
                // Nor does a service that anybody should trust listen in the clear at a door of its own.
                let open = flow.text.as_deref().is_some_and(address::is_open);
                if open && flow.labels.has(Labels::HOST.and(Labels::FILE)) && !large(file) {
                    weight = weight.max(80);
                }
                // Nor did who imports a module that the package itself has no use for.
                if is_lone(file, flow.reached) && flow.labels.has(Labels::HOST.and(Labels::SECRET_VARIABLE)) {
                    weight = weight.max(82);
                }
                // Nor does who he is go to an address that is written so that nobody reads it.
                if flow.labels.has(Labels::HOST) && flow.labels.has(Labels::DECODED) && !large(file) {
                    weight = weight.max(82);
                }
                if flow.labels.has(Labels::FILE) && to == Reputation::DropBox && acts(file, flow.reached) {
                    weight = weight.max(74);
                }
                found.at(
                    weight,
                    file,
                    flow.at,
                    flow.layer,
                    format!("{} sends {what}{}", flow.api, to.phrase()),
                );
            }
        }
    }
}

/// What the texts of a file say beside its flows: looked at once, and only if a flow asks.
struct Beside<'a> {
    file: &'a File,
    reputation: OnceCell<Reputation>,
    open_webhook: OnceCell<bool>,
    reads_secrets: OnceCell<bool>,
}

impl<'a> Beside<'a> {
    fn of(file: &'a File) -> Self {
        Self {
            file,
            reputation: OnceCell::new(),
            open_webhook: OnceCell::new(),
            reads_secrets: OnceCell::new(),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.file.facts.texts.iter().map(|text| &*text.text)
    }

    fn reads_secrets(&self) -> bool {
        let reads = |one: &crate::facts::Use| {
            one.capability == Capability::FileRead
                && one.texts.iter().any(|text| !secret::of_path(text).is_empty())
        };
        *self.reads_secrets.get_or_init(|| self.file.facts.uses.iter().any(reads))
    }

    fn reputation(&self) -> Reputation {
        let worst = || self.texts().map(address::reputation).max().unwrap_or(Reputation::Plain);
        *self.reputation.get_or_init(worst)
    }

    fn open_webhook(&self) -> bool {
        *self.open_webhook.get_or_init(|| self.texts().any(address::is_open_webhook))
    }
}

/// What is known of where it goes: by the address itself; where that is put together elsewhere, by the file's texts.
fn reputation(beside: &Beside<'_>, flow: &Flow) -> Reputation {
    if CHATS.iter().any(|chat| flow.api.starts_with(chat)) {
        return Reputation::DropBox;
    }
    let known = flow.text.as_deref().map_or(Reputation::Plain, address::reputation);
    if known != Reputation::Plain
        || flow.text.as_deref().is_some_and(|text| text.contains("://") && !text.contains('\u{FFFC}'))
    {
        return known;
    }
    beside.reputation()
}

/// Libraries whose functions write into a chat.
const CHATS: &[&str] = &[
    "telegram.Bot",
    "telebot.",
    "aiogram.Bot",
    "discord_webhook.",
    "dhooks.",
    "discord.Webhook",
    "discord.SyncWebhook",
];

/// Whether a package is hardly more than a call: what it sends is all that it is for.
fn is_tiny(package: &Package) -> bool {
    const BYTES: usize = 6 << 10;
    let code = || package.files.iter().filter(|file| file.kind.is_code() && file.path != "setup.py");
    code().count() <= 8 && code().map(|file| file.bytes.len()).sum::<usize>() < BYTES
}

/// Something that is sent to a page which anybody can have for nothing.
fn given_away(flow: &Flow) -> Option<(u8, &'static str)> {
    let address = flow.text.as_deref().filter(|text| address::is_free(text))?;
    let tells = address.contains('\u{FFFC}') || !flow.labels.is_empty() || flow.api.ends_with("post");
    tells.then_some((80, "something, to a page that anybody can have,"))
}

fn open_webhook(beside: &Beside<'_>, flow: &Flow) -> bool {
    flow.text.as_deref().is_some_and(address::is_open_webhook) || beside.open_webhook()
}

fn weight(file: &File, flow: &Flow, to: Reputation) -> Option<(u8, &'static str)> {
    let labels = flow.labels;
    let address = flow.text.as_deref().unwrap_or_default();
    let drop = to == Reputation::DropBox;
    let bare = to == Reputation::BareAddress;
    let posts = ["post", "put", "send", "sendall", "sendto", "write_all", "send_string", "send_json"];
    let unasked = is_lone(file, flow.reached) || !large(file) && acts(file, flow.reached);
    let posts = flow.api.rsplit('.').next().is_some_and(|name| posts.contains(&name));
    Some(match () {
        () if labels.has(Labels::SECRET) => (85, "secrets"),
        () if labels.has(Labels::GIVEN_PHRASE) => {
            (if large(file) { 50 } else { 82 }, "the words of a wallet that it was given")
        }
        () if labels.has(Labels::GIVEN_KEY) && address::host(address).is_some() => {
            (if large(file) { 50 } else { 82 }, "the key that it was given")
        }
        () if labels.has(Labels::SPIED) => (80, "what is typed, copied or seen"),
        () if labels.has(Labels::ENVIRONMENT) => {
            let told = address::host(address).is_some() || acts(file, flow.reached);
            let plain = if told { 75 } else { 62 };
            (if drop || bare { 90 } else { plain }, "the whole environment")
        }
        () if labels.has(Labels::TOKEN_FILE) => {
            (if drop || bare { 85 } else { 62 }, "the contents of a file with tokens")
        }
        () if labels.has(Labels::SECRET_VARIABLE) && (drop || bare) => (80, "a secret of the environment"),
        () if labels.has(Labels::SECRET_VARIABLE) && unasked => (72, "a secret of the environment, unasked,"),
        () if labels.has(Labels::SECRET_VARIABLE) && is_foreign(file, address) => {
            (80, "tokens of the environment, to a host that they are not for,")
        }
        () if labels.has(Labels::OUTPUT) => (graded(drop, bare, 40), "the output of a program"),
        () if labels.has(Labels::HOST) => (graded(drop, bare, 60), "who and where the machine is"),
        () if labels.has(Labels::FILE) && address::is_bare(address) && !large(file) => {
            (80, "the contents of a file")
        }
        () if labels.has(Labels::FILE) && address::is_open(address) && !large(file) => {
            (80, "the contents of a file")
        }
        () if labels.has(Labels::FILE) && drop => (60, "the contents of a file"),
        () if drop => (55, "something"),
        // A service that anybody should trust has a name.
        () if posts && address::is_bare(address) && !large(file) => (80, "something"),
        () => return None,
    })
}

/// Tokens with which others publish and run things, and words of the hosts that they are for.
const TOKENS: &[(&[&str], &[&str])] = &[
    (&["NPM_TOKEN", "NODE_AUTH_TOKEN", "NPM_AUTH_TOKEN"], &["npm", "yarn"]),
    (&["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_PAT"], &["github", "ghcr"]),
    (&["GITLAB_TOKEN", "CI_JOB_TOKEN"], &["gitlab"]),
    (&["PYPI_TOKEN", "TWINE_PASSWORD", "PYPI_API_TOKEN"], &["pypi"]),
    (&["CARGO_REGISTRY_TOKEN"], &["crates"]),
    (&["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"], &["amazonaws", "aws"]),
    (&["AZURE_CLIENT_SECRET"], &["microsoft", "azure"]),
    (&["DOCKER_PASSWORD", "DOCKERHUB_TOKEN"], &["docker"]),
    (&["VAULT_TOKEN"], &["vault"]),
];

/// Whether the only secrets of the environment that a file reads are such tokens, and the host is none that any of them
/// is for.
fn is_foreign(file: &File, address: &str) -> bool {
    let Some(host) = address::host(address).map(str::to_ascii_lowercase) else { return false };
    let uses = file.facts.uses.iter().filter(|one| one.capability == Capability::Environment);
    let names =
        uses.flat_map(|one| &one.texts).filter(|name| secret::of_variable(name).has(Labels::SECRET_VARIABLE));
    let mut names = names.peekable();
    names.peek().is_some()
        && !large(file)
        && names.all(|name| {
            let kind = TOKENS.iter().find(|(names, _)| names.contains(&&**name));
            kind.is_some_and(|(_, hosts)| !hosts.iter().any(|word| host.contains(word)))
        })
}

/// A weight by where it goes.
const fn graded(drop: bool, bare: bool, plain: u8) -> u8 {
    match (drop, bare) {
        (true, _) => 85,
        (false, true) => 70,
        (false, false) => plain,
    }
}
