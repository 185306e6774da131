//! What very many depend on: there an advisory against every version is more likely wrong than right.

use super::names::NamePattern;
use std::collections::HashSet;
use std::sync::LazyLock;

/// What counts as popular beside the watch set.
#[derive(Debug, Clone, Default)]
pub struct Popular {
    /// Names that the operator adds.
    pub names: Vec<NamePattern>,
    /// To how many different principals this mill must have handed a project out; 0 leaves that out.
    pub principals: u32,
}

/// Names by ecosystem that this version knows, one a line. They need not be complete: yours come beside them.
const SHIPPED: [(&str, &str); 3] = [
    ("pypi", include_str!("popular/pypi.txt")),
    ("npm", include_str!("popular/npm.txt")),
    ("cargo", include_str!("popular/cargo.txt")),
];

static NAMES: LazyLock<HashSet<(&'static str, &'static str)>> = LazyLock::new(|| {
    let lines = |(ty, text): (&'static str, &'static str)| text.lines().map(move |name| (ty, name.trim()));
    SHIPPED.into_iter().flat_map(lines).filter(|(_, name)| !name.is_empty()).collect()
});

impl Popular {
    /// Whether a project is on one of the two lists.
    pub(crate) fn lists(&self, ty: &str, name: &str) -> bool {
        NAMES.contains(&(ty, name)) || self.names.iter().any(|pattern| pattern.holds(ty, name))
    }

    /// Popular projects whose names are nearly this one: a letter more, less, changed or in another place, or other
    /// signs between the words. None for what is popular itself, or so short that everything is near it.
    pub(crate) fn resembles(&self, ty: &str, name: &str) -> Vec<String> {
        const SHORTEST: usize = 4;
        if name.len() < SHORTEST || self.lists(ty, name) {
            return Vec::new();
        }
        let near =
            |other: &&str| other.len() >= SHORTEST && (is_near(name, other) || plain(name).eq(plain(other)));
        let popular = NAMES.iter().filter(|(of, _)| *of == ty).map(|(_, other)| *other);
        let mut found: Vec<String> = popular.filter(near).map(str::to_owned).collect();
        found.sort();
        found
    }
}

/// A name without the signs between its words.
fn plain(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| !matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether one letter makes the difference: more, less, another, or two that changed places.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let begin = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(begin..).unwrap_or_default(), b.get(begin..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = |rest: &[u8]| rest.get(..rest.len().saturating_sub(end)).unwrap_or_default().to_vec();
    match (middle(a).as_slice(), middle(b).as_slice()) {
        ([_], [_]) | ([_], []) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::package::normalise;

    #[test]
    fn the_shipped_names_are_names() {
        assert!(NAMES.len() > 300);
        for (ty, name) in NAMES.iter() {
            assert_eq!(*name, normalise(ty, name));
            assert!(name.chars().all(|c| c.is_ascii_graphic()), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_a_popular_one_is_told() {
        let popular = Popular::default();
        let near = |ty, name| popular.resembles(ty, name);
        for name in ["requestss", "request", "requets", "reqeusts", "re-quests"] {
            assert!(near("pypi", name).contains(&"requests".to_owned()), "{name}: {:?}", near("pypi", name));
        }
        assert!(near("pypi", "requests").is_empty() && near("pypi", "quiet-harbour").is_empty());
        assert!(
            near("npm", "requestss").iter().all(|name| name != "requests") && near("pypi", "six").is_empty()
        );
    }

    #[test]
    fn yours_come_beside_them() {
        let yours = Popular { names: vec!["npm:@acme/*".parse().unwrap()], principals: 0 };
        assert!(yours.lists("npm", "@acme/ui") && yours.lists("npm", "react"));
        assert!(!yours.lists("npm", "left-pad-2") && !Popular::default().lists("npm", "@acme/ui"));
    }
}
