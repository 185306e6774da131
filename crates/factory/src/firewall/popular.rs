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
    pub(super) fn lists(&self, ty: &str, name: &str) -> bool {
        NAMES.contains(&(ty, name)) || self.names.iter().any(|pattern| pattern.holds(ty, name))
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
    fn yours_come_beside_them() {
        let yours = Popular { names: vec!["npm:@acme/*".parse().unwrap()], principals: 0 };
        assert!(yours.lists("npm", "@acme/ui") && yours.lists("npm", "react"));
        assert!(!yours.lists("npm", "left-pad-2") && !Popular::default().lists("npm", "@acme/ui"));
    }
}
