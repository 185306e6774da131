//! What a unified diff in a comparison says of a line: on which side it stands.

use trustmill_core::comparison::Difference;

/// Where lines that begin with a text stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Only in the published file.
    Published,
    /// Only in the rebuilt file.
    Rebuilt,
    /// On both, or on none.
    Neither,
}

/// On which side alone a line that begins with `start` was changed.
pub(super) fn side(one: &Difference, start: &str) -> Side {
    match (has(one, '-', start), has(one, '+', start)) {
        (true, false) => Side::Published,
        (false, true) => Side::Rebuilt,
        _ => Side::Neither,
    }
}

/// Whether a changed line begins with `start`.
pub(super) fn touches(one: &Difference, start: &str) -> bool {
    has(one, '-', start) || has(one, '+', start)
}

fn has(one: &Difference, mark: char, start: &str) -> bool {
    let diff = one.diff.as_deref().unwrap_or_default();
    diff.lines().any(|line| line.strip_prefix(mark).is_some_and(|rest| rest.starts_with(start)))
}
