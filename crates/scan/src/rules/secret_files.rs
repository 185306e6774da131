//! Files and stores in which only secrets lie are read.

use super::{Found, Rule, acts, large};
use crate::facts::{Capability, Labels, Use};
use crate::flow::secret;
use crate::package::{File, Package};
use aho_corasick::AhoCorasick;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct SecretFiles;

impl Rule for SecretFiles {
    fn id(&self) -> &'static str {
        "secret-files"
    }

    fn family(&self) -> Family {
        Family::CredentialTheft
    }

    fn summary(&self) -> &'static str {
        "files with secrets are read"
    }

    fn look(&self) -> &'static str {
        "which secrets, and where they go"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let places = secret_places(file);
            let Some((at, layer)) = places.first else { continue };
            let network = file.facts.uses.iter().any(|one| one.capability == Capability::Network);
            let weight = match (places.kinds.len(), network) {
                (0, _) => continue,
                // Where passwords lie, and what decrypts them.
                _ if opens_browsers(file) => 82,
                (1, false) => 25,
                (1, true) => 40,
                (2, false) => 45,
                (2, true) if places.kinds.iter().any(|kind| PERSONAL.contains(kind)) => 80,
                (2, true) => 65,
                // Nothing that is imported needs them all, whatever it does with them.
                (_, false) if looks_at_import(file) => 76,
                (_, false) => 60,
                (_, true) => 85,
            };
            let kinds: Vec<&str> = places.kinds.into_iter().take(6).collect();
            found.at(weight, file, at, layer, format!("looks for {}", kinds.join(", ")));
        }
    }
}

/// Whether files are looked for or read as soon as the file is imported or installed.
fn looks_at_import(file: &File) -> bool {
    let looks = |one: &Use| {
        one.capability == Capability::FileRead
            && acts(file, one.reached)
            && one.texts.iter().any(|text| kind_of(text).is_some())
    };
    !large(file) && file.facts.uses.iter().any(looks)
}

/// Whether a file names the passwords of browsers and has what makes them readable.
fn opens_browsers(file: &File) -> bool {
    let names =
        |word: &str| file.facts.uses.iter().flat_map(|one| &one.texts).any(|text| text.contains(word));
    let decrypts = file.facts.uses.iter().any(|one| one.api.contains("CryptUnprotectData"));
    decrypts && names("Login Data")
}

#[derive(Default)]
struct Places {
    kinds: BTreeSet<&'static str>,
    first: Option<(u32, u16)>,
}

/// The kinds of secrets that a file names as paths, or reads by functions that are for nothing else.
fn secret_places(file: &File) -> Places {
    let mut places = Places::default();
    let mut add = |kind: &'static str, at: u32, layer: u16| {
        places.kinds.insert(kind);
        places.first.get_or_insert((at, layer));
    };
    for one in &file.facts.uses {
        if one.capability == Capability::FileRead || one.labels.has(Labels::SECRET) {
            for kind in one.texts.iter().filter_map(|text| kind_of(text)) {
                add(kind, one.at, one.layer);
            }
        }
        if one.api.contains("CryptUnprotectData") || one.api.starts_with("browser_cookie3") {
            add("passwords and cookies of browsers", one.at, one.layer);
        }
    }
    for text in &file.facts.texts {
        if let Some(kind) = kind_of(&text.text).filter(|_| text.text.len() < 300) {
            add(kind, text.at, text.layer);
        }
    }
    places
}

/// Of these, what no tool of developers has to do with.
const PERSONAL: &[&str] =
    &["passwords and cookies of browsers", "tokens of chats", "histories of shells", "accounts of games"];

/// Parts of paths, and what lies there.
const KINDS: &[(&str, &[&str])] = &[
    ("keys of SSH", &[".ssh/id_", "/.ssh", ".ssh/", "id_rsa", "id_ed25519"]),
    (
        "credentials of clouds",
        &[
            ".aws/credentials",
            ".config/gcloud",
            "application_default_credentials",
            ".azure/",
            ".kube/config",
            "169.254.169.254",
            "metadata.google.internal",
        ],
    ),
    (
        "passwords and cookies of browsers",
        &[
            "login data",
            "local state",
            "cookies.sqlite",
            "logins.json",
            "key4.db",
            "network/cookies",
            "user data/default",
            "bravesoftware",
            "firefox/profiles",
            "opera software",
            "/google/chrome",
        ],
    ),
    (
        "tokens of chats",
        &[
            "discord/local storage",
            "discordcanary",
            "discordptb",
            "tdata",
            "/discord/",
            "local storage/leveldb",
        ],
    ),
    (
        "wallets",
        &[
            "wallet.dat",
            "exodus",
            "electrum",
            "nkbihfbeogaeaoehlefnkodbefgpgknn",
            "metamask",
            "ethereum/keystore",
            ".config/solana",
            "atomic/local storage",
            "ledger live",
            "phantom",
        ],
    ),
    ("key chains", &["login.keychain", "library/keychains", ".gnupg", "keychain-db"]),
    (
        "tokens of registries and git",
        &[
            ".npmrc",
            ".pypirc",
            ".git-credentials",
            ".netrc",
            ".config/gh/hosts",
            ".docker/config.json",
            ".cargo/credentials",
        ],
    ),
    ("passwords of the system", &["/etc/shadow"]),
    ("histories of shells", &[".bash_history", ".zsh_history", "consolehost_history"]),
    ("accounts of games", &["steam/config", "ssfn", "launcher_accounts", "roblosecurity"]),
    ("the environment of processes", &["/proc/self/environ", "/proc/1/environ"]),
];

/// Finds every part in one pass; and the place in [`KINDS`] that each part belongs to.
static PARTS: LazyLock<(Option<AhoCorasick>, Vec<usize>)> = LazyLock::new(|| {
    let parts =
        || KINDS.iter().zip(0..).flat_map(|((_, parts), kind)| parts.iter().map(move |part| (*part, kind)));
    let words: Vec<&str> = parts().map(|(part, _)| part).collect();
    (secret::matcher(&words), parts().map(|(_, kind)| kind).collect())
});

/// The first kind that a text names a part of.
fn kind_of(text: &str) -> Option<&'static str> {
    let (matcher, kinds) = &*PARTS;
    let text = secret::slashed(text);
    let found = matcher.as_ref()?.find_overlapping_iter(&*text);
    let first = found.filter_map(|part| kinds.get(part.pattern().as_usize()).copied()).min()?;
    KINDS.get(first).map(|(kind, _)| *kind)
}
