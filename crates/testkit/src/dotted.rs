//! Versions for tests that are about no ecosystem: numbers with dots, and `-` for what comes before one.

use std::cmp::Ordering;
use trustmill_core::version::VersionScheme;

/// Dotted numbers under some package URL type; a part that is missing is zero.
#[derive(Debug, Clone, Copy)]
pub struct Dotted(pub &'static str);

fn parse(version: &str) -> Option<(Vec<u64>, bool)> {
    let (numbers, before) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, true),
        None => (version, false),
    };
    let mut parts: Vec<u64> = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.resize(4, 0);
    Some((parts, before))
}

impl VersionScheme for Dotted {
    fn ty(&self) -> &'static str {
        self.0
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        let ((a, before_a), (b, before_b)) = (parse(a)?, parse(b)?);
        Some(a.cmp(&b).then(before_b.cmp(&before_a)))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        parse(version).is_none_or(|(_, before)| before)
    }

    fn is_compatible(&self, from: &str, to: &str) -> Option<bool> {
        let newer = self.compare(from, to)? != Ordering::Greater;
        Some(newer && parse(from)?.0.first() == parse(to)?.0.first())
    }
}
