//! Whether two version ranges share a release: two definitions for one release would depend on their order.

use pep440_rs::{Version, VersionSpecifiers};

/// A version that both ranges accept. Ranges are unions of intervals, so if they share anything they share a
/// bound of one of them, or what lies just below or above one.
pub(super) fn shared(one: &VersionSpecifiers, other: &VersionSpecifiers) -> Option<Version> {
    let bounds = one.iter().chain(other.iter()).map(|specifier| specifier.version());
    let around = bounds.flat_map(|bound| [bound.clone(), above(bound), below(bound)]);
    let ends = [Version::new([0]), Version::new([u64::from(u32::MAX)])];
    around.chain(ends).find(|version| one.contains(version) && other.contains(version))
}

fn above(bound: &Version) -> Version {
    Version::new(bound.release().iter().copied().chain([0, 0, 1])).with_epoch(bound.epoch())
}

/// The release before: `1.2.0` gives `1.1.4294967295`.
fn below(bound: &Version) -> Version {
    let mut release: Vec<u64> = bound.release().to_vec();
    while release.last() == Some(&0) {
        release.pop();
    }
    if let Some(last) = release.last_mut() {
        *last -= 1;
    }
    release.push(u64::from(u32::MAX));
    Version::new(release).with_epoch(bound.epoch())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_do_not_overlap_and_ranges_that_cross_do() {
        for (one, other, expected) in [
            (">=1,<2", ">=2,<3", false),
            ("<1.2", ">=1.2", false),
            ("<=1.2", ">=1.2", true),
            ("<2", "<1", true),
            (">1", ">5", true),
            (">1,<3", ">2,<4", true),
            ("==1.*", "==1.5", true),
            ("==1.*", "==2.*", false),
            ("!=1", "==1", false),
            (">1,!=2", "<3", true),
            ("", "==7", true),
            ("<0.1", "<0.0.1", true),
        ] {
            let (left, right) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(shared(&left, &right).is_some(), expected, "{one} and {other}");
            assert_eq!(shared(&right, &left).is_some(), expected, "{other} and {one}");
        }
    }
}
