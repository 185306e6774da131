//! The machine is made to earn somebody else's coins.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct Miner;

impl Rule for Miner {
    fn id(&self) -> &'static str {
        "miner"
    }

    fn family(&self) -> Family {
        Family::DownloadAndRun
    }

    fn summary(&self) -> &'static str {
        "it mines coins"
    }

    fn look(&self) -> &'static str {
        "whether the package says that it mines"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            for text in &file.facts.texts {
                let lower = text.text.to_ascii_lowercase();
                if lower.contains("stratum+tcp://")
                    || lower.contains("stratum+ssl://")
                    || (lower.contains("xmrig") && lower.contains("://"))
                {
                    found.at(
                        70,
                        file,
                        text.at,
                        text.layer,
                        "a text names a pool or a program for mining coins",
                    );
                    break;
                }
            }
        }
    }
}
