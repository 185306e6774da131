//! Leaving out of a change what is not the fix: documents, workshop files, versions.

use super::bounds;
use crate::repair::{Extent, Material};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;
use trustmill_patch::hunk::hunks;
use trustmill_patch::is_readable;
use trustmill_patch::lines::{Lines, Splice};

/// The change between two trees, as far as it matters to a repair: code, tests and copies of other packages that are
/// text, and the bounds of requirements.
pub(super) fn material(
    origin: String,
    before: &Contents,
    after: &Contents,
    extent: Extent,
    workshop: &dyn Workshop,
) -> Material {
    let mut material = Material { origin, before: Contents::default(), after: Contents::default(), extent };
    for path in super::changed(before, after) {
        let role = workshop.role(path);
        let bounds = role == Role::Metadata && workshop.bounds_requirements(path);
        if !bounds && !matches!(role, Role::Code | Role::Test | Role::Vendored) {
            continue;
        }
        let (old, new) = (before.text(path), after.text(path));
        let readable = |tree: &Contents, text: Option<&str>| match text {
            Some(text) => is_readable(text),
            None => tree.get(path).is_none(),
        };
        if !readable(before, old) || !readable(after, new) || only_states_version(path, [old, new]) {
            continue;
        }
        let new = match (old, new) {
            (Some(old), Some(new)) if bounds => {
                Some(bounds::only(old, new).unwrap_or_else(|| old.to_owned()))
            }
            (_, _) if bounds => continue,
            (Some(old), Some(new)) => Some(without_versions(path, old, new)),
            (_, new) => new.map(str::to_owned),
        };
        if old == new.as_deref() {
            continue;
        }
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        if let Some(old) = old {
            material.before.set(path, Some(bytes(old)));
        }
        if let Some(new) = new {
            material.after.set(path, Some(bytes(&new)));
        }
    }
    material
}

/// Whether a file is named after versions, and too short on both sides to be about more than the project's own: however it
/// states that is no part of a fix.
fn only_states_version(path: &str, sides: [Option<&str>; 2]) -> bool {
    let short = |text: &str| text.lines().count() <= 30 && !text.contains("class ");
    is_of_versions(path) && sides.into_iter().flatten().all(short)
}

fn is_of_versions(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    stem.trim_matches('_') == "version"
}

/// The new text, with the lines as they were that only say another version or date. In a file named after them every
/// line does.
fn without_versions(path: &str, old: &str, new: &str) -> String {
    let of_versions = is_of_versions(path);
    let (before, after) = (Lines::of(old), Lines::of(new));
    let splices: Vec<Splice> = hunks(&before.text, &after.text)
        .into_iter()
        .map(|hunk| {
            let (gone, come) = (before.range(hunk.before.clone()), after.range(hunk.after));
            let paired = gone.len() == come.len();
            let with = come.iter().enumerate().map(|(number, line)| {
                let was = gone.get(number).filter(|was| {
                    let says = of_versions && was.contains(|c: char| c.is_ascii_digit());
                    paired && (says || says_version(was)) && bare(was) == bare(line)
                });
                (*was.unwrap_or(line)).to_owned()
            });
            Splice { with: with.collect(), at: hunk.before }
        })
        .collect();
    before.splice(&splices)
}

/// A line without its digits and what joins them.
fn bare(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_ascii_digit() && !matches!(c, '.' | ',' | ' ' | '-'))
        .filter(|c| !"abrcdevpost".contains(*c))
        .collect()
}

fn says_version(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let named = ["version", "release", "copyright", "date"].iter().any(|word| lower.contains(word));
    named && line.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_no_part_of_a_fix_and_a_limit_is() {
        let old = "__version__ = '1.2.0'\nLIMIT = 10\n";
        let new = "__version__ = '1.2.1.dev0'\nLIMIT = 20\n";
        assert_eq!(without_versions("kit/core.py", old, new), "__version__ = '1.2.0'\nLIMIT = 20\n");
        assert_eq!(without_versions("kit/VERSION", "2.6.0\n", "2.7.0\n"), "2.6.0\n");
        assert_eq!(without_versions("kit/limits.py", "2\n", "3\n"), "3\n");
        let asked = "import metadata\n__version__ = metadata.version('kit')\n";
        assert!(only_states_version("kit/_version.py", [Some("__version__ = '1.0'\n"), Some(asked)]));
        assert!(!only_states_version("kit/version.py", [Some("class Version:\n    pass\n"), None]));
        assert!(!only_states_version("kit/core.py", [Some("x = 1\n"), None]));
    }
}
