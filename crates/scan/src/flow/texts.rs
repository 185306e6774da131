//! Which texts of a program are worth keeping.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use std::sync::LazyLock;

/// The most of one text that is kept in facts.
pub(super) const MAX_KEPT: usize = 600;

/// Words that make a literal worth keeping even if nothing is known of where it goes.
const WORDS: &[&str] = &[
    "://",
    "/bin/",
    "curl ",
    "wget ",
    "powershell",
    "cmd.exe",
    "cmd /c",
    "bash -",
    "sh -c",
    "/dev/tcp",
    "nc -e",
    "chmod ",
    "crontab",
    "launchctl",
    "systemctl",
    "schtasks",
    "\\currentversion\\run",
    "authorized_keys",
    ".bashrc",
    ".zshrc",
    ".profile",
    "autostart",
    "startup",
    "npm publish",
    "twine upload",
    "cargo publish",
    "npm token",
    "_authtoken",
    ".github/workflows",
    ".claude/",
    ".cursor",
    ".vscode/",
    "dangerously-skip-permissions",
    "--yolo",
    "trust-all-tools",
    "trufflehog",
    "webhook",
    "api.telegram.org",
    "pastebin",
    "ngrok",
    "169.254.169.254",
    "rm -rf",
    "wallet",
    "mnemonic",
    "private key",
    "seed phrase",
    "ethereum",
    "solana",
    "login data",
    "local state",
    "leveldb",
    "keychain",
    ".ssh",
    ".aws",
    ".npmrc",
    ".pypirc",
    "whoami",
    "ifconfig.me",
    "ipify",
    "ip-api",
    "stratum+tcp",
    "xmrig",
    "eval(",
    "exec(",
    "child_process",
    "fromcharcode",
    "subprocess",
    "base64",
];

static MATCHER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasickBuilder::new().ascii_case_insensitive(true).build(WORDS).ok());

/// Whether a text is worth keeping.
pub(super) fn is_interesting(text: &str) -> bool {
    if text.len() < 3 {
        return false;
    }
    let head = cut(text, 65_536);
    text.len() > 1_000 || MATCHER.as_ref().is_some_and(|words| words.is_match(head)) || has_address(head)
}

/// Whether a text is likely code of Python or JavaScript that does something.
pub(super) fn is_code(text: &str) -> bool {
    let loads = text.contains("import ") || text.contains("require(");
    let acts = [
        "exec(",
        "eval(",
        "urlopen(",
        "subprocess",
        "os.system",
        "child_process",
        "socket",
        "requests.",
        "fetch(",
    ];
    text.len() > 30 && loads && acts.iter().any(|word| text.contains(word))
}

/// Whether a text holds an IPv4 address.
fn has_address(text: &str) -> bool {
    let mut parts = 0;
    let mut digits = 0;
    for c in text.bytes() {
        match c {
            b'0'..=b'9' => digits += 1,
            b'.' if (1..=3).contains(&digits) => {
                parts += 1;
                digits = 0;
            }
            _ => {
                if parts == 3 && (1..=3).contains(&digits) {
                    return true;
                }
                parts = 0;
                digits = 0;
            }
        }
    }
    parts == 3 && (1..=3).contains(&digits)
}

/// The beginning of a text, cut at a character.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_commands_are_kept() {
        assert!(is_interesting("http://x"));
        assert!(is_interesting("10.0.0.255"));
        assert!(is_interesting("CURL -s x"));
        assert!(!is_interesting("1.2.3"));
        assert!(!is_interesting("hello world"));
    }
}
