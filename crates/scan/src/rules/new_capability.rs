//! Code that runs by itself can do what nothing in the release before could.

use super::{Found, Rule, acts, address, large};
use crate::change::{Change, runs_by_itself};
use crate::facts::{Capability, Labels, Sink, Use};
use crate::flow::secret;
use crate::language::shell;
use crate::package::{File, Kind, Package};
use std::collections::BTreeSet;
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct NewCapability;

impl Rule for NewCapability {
    fn id(&self) -> &'static str {
        "new-capability"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "the release can do what the one before could not"
    }

    fn look(&self) -> &'static str {
        "whether what the project is for needs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let could = change.could();
        let patch = if change.is_patch() { 8 } else { 0 };
        let built = at_build(change.before);
        for (file, before) in change.code() {
            let uses: Vec<&Use> = change.new_uses(file, before).collect();
            let first = |wanted: Capability| uses.iter().find(|one| one.capability == wanted).copied();
            let capabilities: BTreeSet<Capability> = uses.iter().map(|one| one.capability).collect();
            let fresh = |wanted: Capability| capabilities.contains(&wanted) && !could.contains(&wanted);
            let foreign = uses.iter().find(|one| runs_foreign(one)).copied();
            if let Some(one) =
                foreign.filter(|_| file.when >= When::Built && !built.contains(&Capability::Process))
            {
                let what =
                    "building starts a program that builds nothing, and started none in the release before";
                found.at(70 + patch, file, one.at, one.layer, what);
            }
            let Some((capability, weight)) = weighed(file, &uses, &capabilities, fresh) else { continue };
            // A bundle that was built anew holds other people's code, which can do this or that.
            let bundled = large(file)
                && matches!(capability, Capability::Spying | Capability::Clipboard | Capability::Wallet);
            let weight = if bundled { weight / 3 * 2 } else { weight };
            // Who mends needs nothing new, least of all in what runs unasked.
            let patch =
                if patch > 0 && weight >= 45 && runs_by_itself(file.when) && !bundled { 26 } else { patch };
            let Some(at) = first(capability) else { continue };
            let list: Vec<&str> =
                capabilities.iter().filter(|one| fresh(**one)).filter_map(|one| phrase(*one)).collect();
            let what = format!("{}, which nothing did in the release before", list.join(", "));
            found.at((weight + patch).min(95), file, at.at, at.layer, what);
        }
        apart(change, patch, found);
    }
}

/// One file newly reads what only secrets lie in, and another newly talks to a machine that it names: together they are
/// what neither is alone.
fn apart(change: Change<'_>, patch: u8, found: &mut Found<'_>) {
    let reads = |one: &&Use| {
        one.capability == Capability::FileRead
            && one.texts.iter().any(|text| !secret::of_path(text).is_empty())
    };
    let reader = change
        .code()
        .find_map(|(file, before)| change.new_uses(file, before).find(reads).map(|one| (file, one)));
    let Some((reader, read)) = reader else { return };
    let sends = |file: &&File| {
        let known = change.file_before(file).map(|before| before.facts.flows.as_slice()).unwrap_or_default();
        file.facts.flows.iter().any(|flow| {
            let names = |text: &str| address::host(text).is_some();
            flow.sink == Sink::Send
                && flow.text.as_deref().is_some_and(names)
                && !known.iter().any(|other| other.api == flow.api && other.text == flow.text)
        })
    };
    let sender = change.code().map(|(file, _)| file).find(|file| file.path != reader.path && sends(file));
    if let Some(sender) = sender {
        let what = format!("newly reads secrets, and {} newly talks to another machine", sender.path);
        found.at(74 + patch, reader, read.at, read.layer, what);
    }
}

/// What the release before did when it was built or installed.
fn at_build(before: &Package) -> BTreeSet<Capability> {
    let files = before.code().filter(|file| file.when >= When::Built);
    files.flat_map(|file| &file.facts.uses).map(|one| one.capability).collect()
}

/// Whether an interpreter is started with a program in its arguments, or a program that fetches.
fn runs_foreign(one: &Use) -> bool {
    let text = one.texts.join(" ");
    let mut words = text.split_whitespace();
    let first = words.next().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let inline = matches!(words.next(), Some("-c" | "-e" | "-lc" | "--eval" | "-Command" | "/c" | "/C"));
    let shells =
        ["sh", "bash", "zsh", "python", "python3", "perl", "ruby", "node", "powershell", "pwsh", "cmd"];
    one.capability == Capability::Process && (inline && shells.contains(&first) || shell::fetches(&text))
}

/// Whether the program or the library that a crate becomes part of starts it, before `main`.
fn starts_first(file: &File) -> bool {
    [&b".init_array"[..], b"__mod_init_func", b".CRT$XCU", b"#[ctor"]
        .iter()
        .any(|mark| file.kind == Kind::Rust && memchr::memmem::find(&file.bytes, mark).is_some())
}

/// The capability to show and the weight of what is fresh in one file.
fn weighed(
    file: &File,
    uses: &[&Use],
    capabilities: &BTreeSet<Capability>,
    fresh: impl Fn(Capability) -> bool,
) -> Option<(Capability, u8)> {
    use Capability::{Clipboard, Decoding, DynamicCode, NativeCode, Network, Process, Spying, Wallet};
    let has = |one: Capability| capabilities.contains(&one);
    let decoded = file.facts.flows.iter().any(|flow| flow.labels.has(Labels::DECODED));
    let weighed = if fresh(Spying) {
        (Spying, 72)
    } else if fresh(Clipboard) || fresh(Wallet) {
        (if fresh(Wallet) { Wallet } else { Clipboard }, 72)
    } else if fresh(Network) && (has(Process) || has(DynamicCode) || file.when >= When::Built) {
        (Network, 72)
    } else if starts_first(file) && (fresh(Network) || fresh(Process)) {
        return Some((if fresh(Network) { Network } else { Process }, 74));
    } else if fresh(DynamicCode) && uses.iter().any(|one| runs_unknown(file, one)) {
        (DynamicCode, 72)
    } else if fresh(DynamicCode) && (decoded || has(Decoding)) {
        (DynamicCode, 58)
    } else if fresh(Process) && has(Network) {
        (Process, 62)
    } else if fresh(Network) {
        (Network, 48)
    } else if fresh(Process) {
        (Process, 38)
    } else if fresh(DynamicCode) {
        (DynamicCode, 32)
    } else if fresh(NativeCode) {
        (NativeCode, 25)
    } else {
        return None;
    };
    runs_by_itself(file.when).then_some(weighed).or(Some((weighed.0, weighed.1 / 4 * 3)))
}

/// Whether a text of which nothing is known is run as code when the file is loaded.
fn runs_unknown(file: &File, one: &Use) -> bool {
    one.capability == Capability::DynamicCode
        && one.texts.is_empty()
        && acts(file, one.reached)
        && !large(file)
}

const fn phrase(capability: Capability) -> Option<&'static str> {
    Some(match capability {
        Capability::Network => "talks to other machines",
        Capability::Process => "starts programs",
        Capability::DynamicCode => "runs texts as code",
        Capability::NativeCode => "loads native code",
        Capability::Clipboard => "uses the clipboard",
        Capability::Spying => "watches keyboard, screen or camera",
        Capability::Wallet => "uses wallets",
        _ => return None,
    })
}
