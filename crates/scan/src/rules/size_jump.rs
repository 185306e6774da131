//! A release that is many times as large as the one before.

use super::{Found, Rule};
use crate::change::{Change, runs_by_itself};
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct SizeJump;

impl Rule for SizeJump {
    fn id(&self) -> &'static str {
        "size-jump"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "code is many times as large as in the release before"
    }

    fn look(&self) -> &'static str {
        "the largest new file"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        const LARGE: usize = 200 << 10;
        let Some(change) = Change::of(package) else { return };
        let size = |package: &Package| package.code().map(|file| file.bytes.len()).sum::<usize>();
        let (before, now) = (size(change.before), size(package));
        if now < before.saturating_mul(3) || now - before.min(now) < LARGE {
            return;
        }
        let Some((file, _)) = change
            .code()
            .filter(|(file, before)| before.is_none_or(|before| before.bytes.len() * 3 < file.bytes.len()))
            .max_by_key(|(file, _)| file.bytes.len())
        else {
            return;
        };
        let weight = match (runs_by_itself(file.when), change.is_patch()) {
            (true, true) => 45,
            (true, false) | (false, true) => 30,
            (false, false) => 15,
        };
        found.file(weight, file, format!("code grew from {} to {} KiB", before >> 10, now >> 10));
    }
}
