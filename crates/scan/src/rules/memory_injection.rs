//! Machine code is put into memory and started.

use super::{Found, Rule};
use crate::facts::Capability;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct MemoryInjection;

impl Rule for MemoryInjection {
    fn id(&self) -> &'static str {
        "memory-injection"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "machine code is put into memory and started"
    }

    fn look(&self) -> &'static str {
        "the bytes that are written"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let calls = |name: &str| {
                file.facts
                    .uses
                    .iter()
                    .find(|one| one.capability == Capability::NativeCode && one.api.ends_with(name))
            };
            let allocates = calls("VirtualAlloc").or_else(|| calls("VirtualAllocEx"));
            let starts = calls("CreateThread")
                .or_else(|| calls("CreateRemoteThread"))
                .or_else(|| calls("RtlMoveMemory"));
            if let (Some(first), Some(_)) = (allocates, starts) {
                found.at(85, file, first.at, first.layer, "machine code is put into memory and started");
            }
        }
    }
}
