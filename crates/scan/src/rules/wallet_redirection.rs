//! Payments are redirected: addresses in the clipboard or in requests are replaced, or keys of wallets are taken.

use super::{Found, Rule};
use crate::facts::{Capability, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct WalletRedirection;

impl Rule for WalletRedirection {
    fn id(&self) -> &'static str {
        "wallet-redirection"
    }

    fn family(&self) -> Family {
        Family::CredentialTheft
    }

    fn summary(&self) -> &'static str {
        "payments or wallets are tampered with"
    }

    fn look(&self) -> &'static str {
        "whose addresses it holds, and what it replaces"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let addresses = addresses(file);
            let uses = &file.facts.uses;
            let clipboard =
                uses.iter().filter(|one| one.capability == Capability::Clipboard).collect::<Vec<_>>();
            let writes = clipboard.iter().any(|one| {
                !one.api.contains("paste") && !one.api.contains("Get") && !one.api.contains("read")
            });
            let patterns = memchr::memmem::find(&file.bytes, b"A-HJ-NP-Z").is_some()
                || memchr::memmem::find(&file.bytes, b"0x[a-fA-F0-9]{40}").is_some();
            if let Some(first) = clipboard.first().filter(|_| writes && (patterns || addresses >= 1)) {
                found.at(
                    80,
                    file,
                    first.at,
                    first.layer,
                    "addresses of wallets in the clipboard are replaced",
                );
            }
            let replaced =
                uses.iter().find(|one| one.api.starts_with('=') && one.capability == Capability::Network);
            if let Some(first) = replaced.filter(|_| addresses >= 2 || patterns) {
                found.at(
                    80,
                    file,
                    first.at,
                    first.layer,
                    "requests are intercepted by a file that holds addresses of wallets",
                );
            }
            let wallet = uses.iter().find(|one| one.capability == Capability::Wallet);
            let sends = file.facts.flows.iter().any(|flow| flow.sink == Sink::Send);
            if let Some(first) = wallet.filter(|_| sends && addresses >= 1) {
                found.at(
                    55,
                    file,
                    first.at,
                    first.layer,
                    "wallets are used by a file that holds addresses and sends",
                );
            }
        }
    }
}

/// Texts that are addresses of wallets.
fn addresses(file: &File) -> usize {
    file.facts.texts.iter().filter(|text| is_address(&text.text)).count()
}

fn is_address(text: &str) -> bool {
    let hex = text
        .strip_prefix("0x")
        .is_some_and(|rest| rest.len() == 40 && rest.bytes().all(|c| c.is_ascii_hexdigit()));
    let bitcoin = (26..=62).contains(&text.len())
        && (text.starts_with("bc1") || text.starts_with('1') || text.starts_with('3'))
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
        && text.bytes().any(|c| c.is_ascii_digit());
    hex || bitcoin
}
