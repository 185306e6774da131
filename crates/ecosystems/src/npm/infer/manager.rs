//! Which package manager installs what a build needs, from the repository's own lockfile.

use super::eras;
use super::manifest::Manifest;
use super::view::below;
use crate::npm::build::commands::Pm;
use crate::npm::version;
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
    /// The lockfile nearest to the package counts; where one folder has several, the one of the tool that
    /// `packageManager` names. Without any it is npm, at the root of the workspace.
    pub(super) fn of(tree: &Contents, directory: &str, npm: &str) -> Self {
        for folder in upwards(directory) {
            let stated = stated(tree, folder);
            let there = LOCKFILES.into_iter().filter_map(|(name, kind)| {
                let path = below(folder, name);
                tree.text(&path).map(|text| (path, by_format(kind, text, npm)))
            });
            let mut there: Vec<(String, (Pm, String))> = there.collect();
            // The sort is stable: of those that nobody names the first of the list.
            there.sort_by_key(|(_, (kind, _))| stated.as_ref().is_none_or(|(named, _)| named != kind));
            if let Some((lockfile, (kind, line))) = there.into_iter().next() {
                let exact = stated.filter(|(named, _)| *named == kind).map(|(_, version)| version);
                let exact = exact.map(|exact| (exact, "packageManager says")).or_else(|| {
                    let path = (kind == Pm::YarnBerry).then(|| yarn_path(tree, folder)).flatten()?;
                    Some((path, "yarnPath says"))
                });
                let why = match &exact {
                    Some((version, says)) => format!("{says} {} {version}", kind.package()),
                    None => format!("{lockfile} is of {} {line}", kind.package()),
                };
                let version = exact.map_or(line, |(version, _)| version);
                return Self { kind, version, root: folder.to_owned(), lockfile: Some(lockfile), why };
            }
        }
        let why = "the repository keeps no lockfile: npm resolves as of the publication".to_owned();
        let root = unlocked_root(tree, directory).to_owned();
        Self { kind: Pm::Npm, version: npm.to_owned(), root, lockfile: None, why }
    }
}

/// The folder and all above it, up to the root.
pub(super) fn upwards(directory: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory), |folder| match folder.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None => (!folder.is_empty()).then_some(""),
    })
}

/// Where dependencies are installed without a lockfile: at the root of the workspace; else in the nearest folder that
/// says what is needed for development; else in the package's own.
fn unlocked_root<'a>(tree: &Contents, directory: &'a str) -> &'a str {
    let nearest = |field: &str| {
        upwards(directory).find(|folder| {
            Manifest::of(tree, &below(folder, "package.json")).is_some_and(|manifest| manifest.has(field))
        })
    };
    nearest("workspaces").or_else(|| nearest("devDependencies")).unwrap_or(directory)
}

/// The tool and exact version in `packageManager`.
fn stated(tree: &Contents, folder: &str) -> Option<(Pm, String)> {
    let manifest = Manifest::of(tree, &below(folder, "package.json"))?;
    let (name, rest) = manifest.text("packageManager")?.split_once('@')?;
    let exact = rest.split('+').next()?;
    let major = version::parse(exact)?.major;
    let kind = match (name, major) {
        ("npm", _) => Pm::Npm,
        ("pnpm", _) => Pm::Pnpm,
        ("yarn", 0 | 1) => Pm::YarnClassic,
        ("yarn", _) => Pm::YarnBerry,
        _ => return None,
    };
    Some((kind, exact.to_owned()))
}

/// The version in the name of the yarn that a repository carries: `.yarn/releases/yarn-3.2.4.cjs`. That file itself
/// is never run.
fn yarn_path(tree: &Contents, folder: &str) -> Option<String> {
    let settings = tree.text(&below(folder, ".yarnrc.yml"))?;
    let path = settings.lines().find_map(|line| line.strip_prefix("yarnPath:"))?;
    let name = path.trim().trim_matches(['"', '\'']).rsplit('/').next()?;
    let exact = name.strip_prefix("yarn-")?.strip_suffix(".cjs")?;
    version::parse(exact).map(|_| exact.to_owned())
}

/// The tool and the line of it that write a lockfile of this form.
fn by_format(kind: Pm, text: &str, npm: &str) -> (Pm, String) {
    match kind {
        Pm::Pnpm => (kind, pnpm_for(text)),
        Pm::YarnClassic | Pm::YarnBerry => match text.split_once("\n__metadata:") {
            Some((_, metadata)) => (Pm::YarnBerry, berry_for(metadata)),
            None => (Pm::YarnClassic, "1".to_owned()),
        },
        Pm::Npm => (kind, eras::npm_for(lock_version(text), npm).to_owned()),
    }
}

/// `lockfileVersion` of npm's lockfile, which npm writes among the first fields.
fn lock_version(text: &str) -> u32 {
    let after = text.split_once("\"lockfileVersion\":").map_or("", |(_, after)| after.trim_start());
    after.chars().next().and_then(|digit| digit.to_digit(10)).unwrap_or(1)
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

/// The yarn that writes a version of the lockfile; each major raises it.
fn berry_for(metadata: &str) -> String {
    let stated = metadata.lines().find_map(|line| line.trim().strip_prefix("version:"));
    match stated.map(|version| version.trim().trim_matches(['"', '\''])) {
        Some("4" | "5") => "2",
        Some("6" | "7") => "3",
        _ => "4",
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
        assert_eq!(of(&[], "packages/a"), (Pm::Npm, "10".into(), "packages/a".into()));
    }

    #[test]
    fn the_form_of_a_lockfile_tells_the_tools_line() {
        for (version, line) in [("4", "2"), ("6", "3"), ("8", "4")] {
            let lock = format!("# x\n\n__metadata:\n  version: {version}\n");
            assert_eq!(of(&[("yarn.lock", &lock)], ""), (Pm::YarnBerry, line.into(), String::new()));
        }
        let carried = [
            ("yarn.lock", "#\n\n__metadata:\n"),
            (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-3.2.4.cjs\n"),
        ];
        assert_eq!(of(&carried, "").1, "3.2.4");
        let old = Manager::of(&contents(&[("package-lock.json", "{\"lockfileVersion\": 2}")]), "", "6");
        assert_eq!(old.version, "8");
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

    #[test]
    fn of_two_lockfiles_the_named_tools_counts() {
        let both = [
            ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
            ("package-lock.json", "{\"lockfileVersion\": 3}"),
            ("package.json", "{\"packageManager\": \"npm@10.2.0\"}"),
        ];
        assert_eq!(of(&both, ""), (Pm::Npm, "10.2.0".into(), String::new()));
    }

    #[test]
    fn without_a_lockfile_the_workspace_is_installed() {
        let many = [("package.json", "{\"workspaces\": [\"a\"]}"), ("a/package.json", "{}")];
        assert_eq!(of(&many, "a").2, "");
        let above = [("package.json", "{\"devDependencies\": {}}"), ("a/package.json", "{}")];
        assert_eq!(of(&above, "a").2, "");
        let own =
            [("package.json", "{\"devDependencies\": {}}"), ("a/package.json", "{\"devDependencies\": {}}")];
        assert_eq!(of(&own, "a").2, "a");
    }
}
