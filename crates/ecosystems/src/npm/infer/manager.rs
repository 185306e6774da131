//! Which package manager installs what a build needs, from the repository's own lockfile.

use super::manifest::Manifest;
use super::view::below;
use crate::npm::build::commands::Pm;
use trustmill_core::content::Contents;

/// A package manager, its version, and where it installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) kind: Pm,
    /// Exact, or a line: `9`.
    pub(super) version: String,
    /// The folder of the lockfile, which is the root of the workspace.
    pub(super) root: String,
    /// The lockfile's path in the repository.
    pub(super) lockfile: Option<String>,
    /// Why this one.
    pub(super) why: String,
}

const LOCKFILES: [(&str, Pm); 4] = [
    ("pnpm-lock.yaml", Pm::Pnpm),
    ("yarn.lock", Pm::YarnClassic),
    ("package-lock.json", Pm::Npm),
    ("npm-shrinkwrap.json", Pm::Npm),
];

impl Manager {
    /// The lockfile nearest to the package counts; without one it is npm, in the package's folder.
    pub(super) fn of(tree: &Contents, directory: &str, npm: &str) -> Self {
        let mut folder = directory;
        loop {
            for (name, kind) in LOCKFILES {
                let path = below(folder, name);
                if let Some(text) = tree.text(&path) {
                    return Self::locked(tree, folder, path, kind, text, npm);
                }
            }
            if folder.is_empty() {
                break;
            }
            folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        let why = "the repository keeps no lockfile: npm resolves as of the publication".to_owned();
        Self { kind: Pm::Npm, version: npm.to_owned(), root: directory.to_owned(), lockfile: None, why }
    }

    fn locked(tree: &Contents, root: &str, lockfile: String, kind: Pm, text: &str, npm: &str) -> Self {
        let (kind, by_format) = match kind {
            Pm::Pnpm => (kind, pnpm_for(text)),
            Pm::YarnClassic | Pm::YarnBerry if text.contains("\n__metadata:") => {
                (Pm::YarnBerry, "4".to_owned())
            }
            Pm::YarnClassic | Pm::YarnBerry => (Pm::YarnClassic, "1".to_owned()),
            Pm::Npm => (kind, npm.to_owned()),
        };
        let stated = Manifest::of(tree, &below(root, "package.json")).and_then(|manifest| {
            let (name, version) = manifest.text("packageManager")?.split_once('@')?;
            let version = version.split('+').next()?;
            let fits = kind.package().starts_with(name) || (name == "yarn" && kind == Pm::YarnBerry);
            (fits && crate::npm::version::parse(version).is_some()).then(|| version.to_owned())
        });
        let why = match &stated {
            Some(version) => format!("packageManager says {} {version}", kind.package()),
            None => format!("{lockfile} is of {} {by_format}", kind.package()),
        };
        Self {
            kind,
            version: stated.unwrap_or(by_format),
            root: root.to_owned(),
            lockfile: Some(lockfile),
            why,
        }
    }
}

/// The pnpm that writes a version of the lockfile.
fn pnpm_for(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("lockfileVersion:")).unwrap_or_default();
    match line.trim().trim_matches(['\'', '"']) {
        "5.3" => "6",
        "5.4" | "5.4-inlineSpecifiers" => "7",
        version if version.starts_with('6') => "8",
        _ => "9",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npm::infer::testing::contents;

    fn of(files: &[(&str, &str)], directory: &str) -> (Pm, String, String) {
        let manager = Manager::of(&contents(files), directory, "10");
        (manager.kind, manager.version, manager.root)
    }

    #[test]
    fn the_nearest_lockfile_decides() {
        let files = [("pnpm-lock.yaml", "lockfileVersion: '6.0'\n"), ("packages/a/package.json", "{}")];
        assert_eq!(of(&files, "packages/a"), (Pm::Pnpm, "8".into(), String::new()));
        let own = [("yarn.lock", "# yarn lockfile v1\n"), ("packages/a/package-lock.json", "{}")];
        assert_eq!(of(&own, "packages/a"), (Pm::Npm, "10".into(), "packages/a".into()));
        assert_eq!(of(&[("yarn.lock", "# x\n\n__metadata:\n")], "").0, Pm::YarnBerry);
        assert_eq!(of(&[], "packages/a"), (Pm::Npm, "10".into(), "packages/a".into()));
    }

    #[test]
    fn a_stated_version_counts_if_it_is_of_this_tool() {
        let with = |stated: &str| {
            let manifest = format!("{{\"packageManager\": \"{stated}\"}}");
            of(&[("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"), ("package.json", &manifest)], "").1
        };
        assert_eq!(with("pnpm@9.1.2+sha512.abc"), "9.1.2");
        for other in ["yarn@4.0.0", "pnpm@latest", "pnpm@../x", "pnpm"] {
            assert_eq!(with(other), "9", "{other}");
        }
    }
}
