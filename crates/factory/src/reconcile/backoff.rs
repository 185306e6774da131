//! How long a failed key waits: doubling with jitter, 30 s to 10 min.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(30);
const LAST: Duration = Duration::from_secs(600);

/// The wait after `failures` failures in a row (0 counts as 1), with up to half as much again as jitter.
/// `seed` spreads keys that failed together; the same seed gives the same wait.
pub(super) fn after(failures: u32, seed: &str) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let base = FIRST.saturating_mul(1 << doublings).min(LAST);
    base + base.mul_f64(fraction(seed, failures) / 2.0)
}

/// A number in 0..1 that depends on the key and the failure alone.
fn fraction(seed: &str, failures: u32) -> f64 {
    let digest = trustmill_core::Sha256::of(format!("{seed}#{failures}").as_bytes());
    f64::from(u16::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_the_cap() {
        let bases = [30, 30, 60, 120, 240, 480, 600, 600];
        for (failures, base) in (0..).zip(bases) {
            let wait = after(failures, "pkg:pypi/requests@2.32.5");
            let base = Duration::from_secs(base);
            assert!(wait >= base && wait <= base.mul_f64(1.5), "{failures}: {wait:?}");
        }
        assert!(after(u32::MAX, "x") <= LAST.mul_f64(1.5));
    }

    #[test]
    fn keys_that_failed_together_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> = (0..20).map(|i| after(3, &format!("key {i}"))).collect();
        assert!(waits.len() > 15);
    }
}
