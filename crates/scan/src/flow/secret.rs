//! Which files and variables hold what a stranger must not have.

use crate::facts::Labels;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Parts of paths under which only secrets lie. What honest tools read every day (`.env`, `.npmrc`, `.netrc`) is in
/// [`TOKEN_FILES`].
const SECRET_FILES: &[&str] = &[
    ".ssh/id_",
    "/.ssh/",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    ".aws/credentials",
    ".config/gcloud",
    "application_default_credentials",
    ".azure/accesstokens",
    ".azure/msal_token",
    ".kube/config",
    ".git-credentials",
    ".gnupg",
    "/etc/shadow",
    "login data",
    "local state",
    "cookies.sqlite",
    "logins.json",
    "key4.db",
    "key3.db",
    "network/cookies",
    "google/chrome",
    "brave-browser",
    "bravesoftware",
    "microsoft/edge/user data",
    "mozilla/firefox/profiles",
    ".mozilla/firefox",
    "opera software",
    "yandexbrowser",
    "login keychain",
    "library/keychains",
    "login.keychain",
    "wallet.dat",
    "exodus.wallet",
    "/exodus/",
    "electrum/wallets",
    ".electrum",
    "atomic/local storage",
    "/atomic/",
    "ledger live",
    "metamask",
    "nkbihfbeogaeaoehlefnkodbefgpgknn",
    "local extension settings",
    ".ethereum/keystore",
    ".bitcoin",
    ".config/solana",
    "solana/id.json",
    "phantom",
    "discord/local storage",
    "discordcanary",
    "discordptb",
    "leveldb",
    "telegram desktop/tdata",
    "tdata",
    "steam/config",
    "ssfn",
    ".bash_history",
    ".zsh_history",
    "consolehost_history",
    "filezilla",
    "winscp",
    "/proc/self/environ",
    "github/hosts.yml",
    ".config/gh/hosts",
    "/run/secrets",
    "var/run/secrets",
    "minecraft/launcher_accounts",
    "169.254.169.254",
    "metadata.google.internal",
];

/// Files with tokens that honest tools read every day: alone they say little.
const TOKEN_FILES: &[&str] = &[
    ".npmrc",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".docker/config.json",
    ".cargo/credentials",
    ".yarnrc",
    ".env",
    ".vault-token",
    ".terraform.d/credentials",
    ".config/configstore",
];

pub(crate) fn matcher(words: &[&str]) -> Option<AhoCorasick> {
    AhoCorasickBuilder::new().ascii_case_insensitive(true).build(words).ok()
}

static SECRET: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| matcher(SECRET_FILES));
static TOKEN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| matcher(TOKEN_FILES));

/// A path with `/` for `\`, also where it is doubled as in a text of a program.
pub(crate) fn slashed(path: &str) -> Cow<'_, str> {
    if path.contains('\\') {
        Cow::Owned(path.replace("\\\\", "/").replace('\\', "/"))
    } else {
        Cow::Borrowed(path)
    }
}

/// What reading a file of that path gives, beyond the contents of a file. `\` counts as `/`.
pub(crate) fn of_path(path: &str) -> Labels {
    let path = slashed(path);
    let has = |matcher: &Option<AhoCorasick>| matcher.as_ref().is_some_and(|m| m.is_match(&*path));
    if has(&SECRET) {
        Labels::SECRET
    } else if has(&TOKEN) {
        Labels::TOKEN_FILE
    } else {
        Labels::NONE
    }
}

/// Whether an address is of the service that gives a machine of a cloud its tokens.
pub(crate) fn is_metadata(address: &str) -> bool {
    ["169.254.169.254", "metadata.google.internal"].iter().any(|host| address.contains(host))
}

/// Commands that print a secret, by words that follow one another in them.
const GIVERS: &[&[&str]] = &[
    &["git", "credential", "fill"],
    &["gh", "auth", "token"],
    &["glab", "auth", "status", "-t"],
    &["aws", "configure", "export-credentials"],
    &["aws", "configure", "get"],
    &["gcloud", "auth", "print-access-token"],
    &["gcloud", "auth", "print-identity-token"],
    &["az", "account", "get-access-token"],
    &["kubectl", "config", "view", "--raw"],
    &["security", "find-generic-password"],
    &["security", "find-internet-password"],
    &["security", "dump-keychain"],
    &["npm", "token", "list"],
    &["vault", "token", "lookup"],
    &["gpg", "--export-secret-keys"],
    &["secret-tool", "lookup"],
    &["op", "read"],
];

/// Whether what a command prints is a secret.
pub(crate) fn gives(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let first = words.next().and_then(|first| first.rsplit(['/', '\\']).next()).unwrap_or_default();
    let mut known =
        GIVERS.iter().filter_map(|words| words.split_first()).filter(|(program, _)| **program == first);
    known.any(|(_, wanted)| {
        let mut given = words.clone();
        wanted.iter().all(|word| given.any(|given| given == *word))
    })
}

/// What a parameter of that name holds: the key of a wallet or an account, or the words that one is made from.
pub(crate) fn of_parameter(name: &str) -> Labels {
    const KEYS: [&str; 12] = [
        "privatekey",
        "privkey",
        "privatekeyhex",
        "privatekeybase58",
        "walletkey",
        "walletprivatekey",
        "keypairbytes",
        "wif",
        "accesskeysecret",
        "secretaccesskey",
        "awssecretaccesskey",
        "rsaprivatekey",
    ];
    const PHRASES: [&str; 10] = [
        "mnemonic",
        "mnemonics",
        "mnemonicphrase",
        "mnemonicwords",
        "seedphrase",
        "seedwords",
        "recoveryphrase",
        "secretphrase",
        "secretrecoveryphrase",
        "walletseed",
    ];
    if !(3..=28).contains(&name.len()) {
        return Labels::NONE;
    }
    let plain: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        plain if KEYS.contains(&plain) => Labels::GIVEN_KEY,
        plain if PHRASES.contains(&plain) => Labels::GIVEN_PHRASE,
        _ => Labels::NONE,
    }
}

/// What a member of that name holds, of an object that nothing is known of: the key of an account.
pub(crate) fn of_member(name: &str) -> Labels {
    match name {
        "access_key_secret" | "accessKeySecret" | "secret_access_key" | "secretAccessKey" => {
            Labels::GIVEN_KEY
        }
        _ => Labels::NONE,
    }
}

/// What a variable of the environment holds, by its name.
pub(crate) fn of_variable(name: &str) -> Labels {
    let upper = name.to_ascii_uppercase();
    let secret = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PRIVATE_KEY",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "CREDENTIAL",
        "MNEMONIC",
        "AWS_",
    ];
    let host = [
        "USER",
        "USERNAME",
        "LOGNAME",
        "HOSTNAME",
        "COMPUTERNAME",
        "USERDOMAIN",
        "USERPROFILE",
        "HOME",
        "PWD",
    ];
    if secret.iter().any(|word| upper.contains(word)) {
        Labels::SECRET_VARIABLE
    } else if host.contains(&upper.as_str()) {
        Labels::VARIABLE.and(Labels::HOST)
    } else {
        Labels::VARIABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_by_their_parts() {
        assert_eq!(of_path("\u{FFFC}/.ssh/id_rsa"), Labels::SECRET);
        assert_eq!(of_path("\u{FFFC}\\Google\\Chrome\\User Data"), Labels::SECRET);
        assert_eq!(of_path("\u{FFFC}/.npmrc"), Labels::TOKEN_FILE);
        assert_eq!(of_path("data/table.csv"), Labels::NONE);
    }

    #[test]
    fn variables_are_known_by_their_names() {
        assert_eq!(of_variable("NPM_TOKEN"), Labels::SECRET_VARIABLE);
        assert_eq!(of_variable("NODE_ENV"), Labels::VARIABLE);
        assert!(of_variable("HOSTNAME").has(Labels::HOST));
    }
}
