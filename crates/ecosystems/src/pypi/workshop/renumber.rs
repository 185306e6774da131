//! Giving a source tree another version, in as few places as the build takes it from.
//!
//! setuptools has a field for what is appended to a version; that is one line in one file, whichever way the project
//! computes its version. Other back ends read the version from `pyproject.toml` or from a module.

use bytes::Bytes;
use std::collections::BTreeSet;
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::BuildFailure;

/// The tree with `version` in the place of `old`.
pub(super) fn renumbered(tree: &Contents, old: &str, version: &str) -> Result<Contents, BuildFailure> {
    let mut new = tree.clone();
    let spellings = spellings(tree, old);
    let infos = tree.members.keys().filter(|path| is_pkg_info(path));
    for path in infos {
        if let Some(text) = tree.text(path).and_then(|text| with_field(text, version)) {
            new.set(path, Some(Bytes::from(text)));
        }
    }
    let project = tree.text("pyproject.toml").unwrap_or_default();
    let done = match backend(project) {
        Backend::Setuptools => {
            let appended = version.strip_prefix(old).unwrap_or_default();
            let text = tagged(tree.text("setup.cfg").unwrap_or_default(), appended);
            new.set("setup.cfg", Some(Bytes::from(text)));
            !appended.is_empty()
        }
        Backend::Other => {
            let text = static_version(project, &spellings, version);
            let stated = text.is_some();
            if let Some(text) = text {
                new.set("pyproject.toml", Some(Bytes::from(text)));
            }
            in_modules(tree, &mut new, &spellings, version) || stated
        }
    };
    let detail = "no place is known where this project states its version".to_owned();
    done.then_some(new).ok_or(BuildFailure { class: FailureClass::Other, detail })
}

enum Backend {
    Setuptools,
    Other,
}

/// Which back end `pyproject.toml` names; setuptools where it names none (PEP 517).
fn backend(project: &str) -> Backend {
    let table: Option<toml::Table> = project.parse().ok();
    let named = table.as_ref().and_then(|table| table.get("build-system")?.get("build-backend")?.as_str());
    match named {
        None => Backend::Setuptools,
        Some(name) if name.starts_with("setuptools") || name.contains("pbr") => Backend::Setuptools,
        Some(_) => Backend::Other,
    }
}

fn is_pkg_info(path: &str) -> bool {
    path == "PKG-INFO" || path.ends_with(".egg-info/PKG-INFO")
}

/// The version as the package writes it: `2.0` and `2.0.0` are one, and files hold one of them.
fn spellings(tree: &Contents, old: &str) -> BTreeSet<String> {
    let written = tree.text("PKG-INFO").and_then(|text| {
        text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("Version:"))
    });
    written.map(|text| text.trim().to_owned()).into_iter().chain([old.to_owned()]).collect()
}

/// `PKG-INFO` with another `Version`.
fn with_field(text: &str, version: &str) -> Option<String> {
    let start = text.find("\nVersion:").map(|at| at + 1)?;
    let rest = text.get(start..)?;
    let end = rest.find(['\r', '\n']).map_or(text.len(), |end| start + end);
    Some(format!("{}Version: {version}{}", text.get(..start)?, text.get(end..)?))
}

/// `setup.cfg` with a `tag_build`.
fn tagged(text: &str, appended: &str) -> String {
    let line = format!("tag_build = {appended}");
    let mut out: Vec<String> = Vec::new();
    let (mut within, mut done) = (false, false);
    for old in text.lines() {
        let bare = old.trim();
        if bare.starts_with('[') {
            within = bare.eq_ignore_ascii_case("[egg_info]");
            out.push(old.to_owned());
            if within && !done {
                out.push(line.clone());
                done = true;
            }
            continue;
        }
        let key = bare.split(['=', ':']).next().unwrap_or_default().trim().replace('-', "_");
        // A date or a revision would be appended as well.
        if within && matches!(key.as_str(), "tag_build" | "tag_date" | "tag_svn_revision") {
            continue;
        }
        out.push(old.to_owned());
    }
    if !done {
        out.extend(["[egg_info]".to_owned(), line]);
    }
    out.join("\n") + "\n"
}

/// `pyproject.toml` with another static version; `None` where it states none of the spellings.
fn static_version(text: &str, old: &BTreeSet<String>, version: &str) -> Option<String> {
    let mut section = String::new();
    let mut done = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let bare = line.trim();
            if bare.starts_with('[') {
                section = bare.to_owned();
            }
            let ours = matches!(section.as_str(), "[project]" | "[tool.poetry]" | "[tool.flit.metadata]");
            let key = bare.split('=').next().unwrap_or_default().trim();
            let hit = ours && !done && key == "version";
            match hit.then(|| quoted(line, old, version)).flatten() {
                Some(new) => {
                    done = true;
                    new
                }
                None => line.to_owned(),
            }
        })
        .collect();
    done.then(|| lines.join("\n") + "\n")
}

/// The line with its quoted version replaced.
fn quoted(line: &str, old: &BTreeSet<String>, version: &str) -> Option<String> {
    old.iter().find_map(|old| {
        ['"', '\''].iter().find_map(|quote| {
            let text = format!("{quote}{old}{quote}");
            line.contains(&text).then(|| line.replacen(&text, &format!("{quote}{version}{quote}"), 1))
        })
    })
}

/// Modules that say the version, where a back end reads it from: `__version__ = "1.2.0"`.
fn in_modules(tree: &Contents, new: &mut Contents, old: &BTreeSet<String>, version: &str) -> bool {
    let mut done = false;
    let taken_from: BTreeSet<String> =
        tree.members.keys().filter_map(|path| takes_from(tree, path)).collect();
    let candidates = tree.members.keys().filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let says = matches!(
            name,
            "__init__.py"
                | "_version.py"
                | "version.py"
                | "__version__.py"
                | "about.py"
                | "__about__.py"
                | "_about.py"
        );
        (says || taken_from.contains(*path)) && path.matches('/').count() <= 3
    });
    for path in candidates {
        let Some(text) = tree.text(path) else { continue };
        let mut hit = false;
        let lines: Vec<String> = text
            .split_inclusive('\n')
            .map(|line| {
                let name = line.split('=').next().unwrap_or_default().trim();
                let name = name.split(':').next().unwrap_or_default().trim();
                let stated = matches!(name, "__version__" | "VERSION" | "version" | "__version__ = version");
                match stated.then(|| quoted(line, old, version)).flatten() {
                    Some(line) => {
                        hit = true;
                        line
                    }
                    None => line.to_owned(),
                }
            })
            .collect();
        if hit {
            new.set(path, Some(Bytes::from(lines.concat())));
            done = true;
        }
    }
    done
}

/// The module beside a package's `__init__.py` from which it takes its version: `from .package_data import __version__`.
fn takes_from(tree: &Contents, path: &str) -> Option<String> {
    let folder = path.strip_suffix("__init__.py")?;
    tree.text(path)?.lines().find_map(|line| {
        let (module, names) = line.trim().strip_prefix("from .")?.split_once(" import ")?;
        let is_one = !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let takes = names.split([',', ' ', '(', ')']).any(|name| name == "__version__");
        (is_one && takes).then(|| format!("{folder}{module}.py"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn setuptools_is_told_what_to_append() {
        let info = "Metadata-Version: 1.0\nName: kit\nVersion: 1.2.0\nSummary: Version: 1.2.0\n";
        let cfg = "[metadata]\nname = kit\n\n[egg_info]\ntag_build = \ntag_date = 0\n";
        let before = tree(&[
            ("PKG-INFO", info),
            ("setup.cfg", cfg),
            ("setup.py", "version='1.2.0'"),
            ("kit.py", "V='1.2.0'"),
        ]);
        let after = renumbered(&before, "1.2.0", "1.2.0+tm.1").unwrap();
        assert_eq!(
            after.text("PKG-INFO").unwrap(),
            info.replacen("Version: 1.2.0\nS", "Version: 1.2.0+tm.1\nS", 1)
        );
        assert_eq!(
            after.text("setup.cfg").unwrap(),
            "[metadata]\nname = kit\n\n[egg_info]\ntag_build = +tm.1\n"
        );
        assert_eq!(after.text("kit.py"), before.text("kit.py"));
        let bare = renumbered(&tree(&[("setup.py", "")]), "1.2.0", "1.2.0+tm.1").unwrap();
        assert_eq!(bare.text("setup.cfg").unwrap(), "[egg_info]\ntag_build = +tm.1\n");
    }

    #[test]
    fn a_static_version_is_replaced_where_it_is_the_projects() {
        let toml = "[tool.other]\nversion = \"1.2.0\"\n[project]\nname = \"kit\"\nversion = \"1.2.0\"\n[build-system]\nbuild-backend = \"hatchling.build\"\n";
        let after = renumbered(&tree(&[("pyproject.toml", toml)]), "1.2.0", "1.2.0+tm.1").unwrap();
        let text = after.text("pyproject.toml").unwrap();
        assert!(text.starts_with(
            "[tool.other]\nversion = \"1.2.0\"\n[project]\nname = \"kit\"\nversion = \"1.2.0+tm.1\"\n"
        ));
    }

    #[test]
    fn a_module_says_it_where_nothing_else_does() {
        let toml = "[build-system]\nbuild-backend = \"flit_core.buildapi\"\n";
        let before = tree(&[
            ("pyproject.toml", toml),
            ("kit/__init__.py", "__version__ = '1.2.0'\nOTHER = '1.2.0'\n"),
        ]);
        let after = renumbered(&before, "1.2.0", "1.2.0+tm.1").unwrap();
        assert_eq!(after.text("kit/__init__.py").unwrap(), "__version__ = '1.2.0+tm.1'\nOTHER = '1.2.0'\n");
        assert!(renumbered(&tree(&[("pyproject.toml", toml)]), "1.2.0", "1.2.0+tm.1").is_err());
        let before = tree(&[
            ("pyproject.toml", toml),
            ("kit/__init__.py", "from .core import run\nfrom .package_data import __version__\n"),
            ("kit/package_data.py", "__version__ = '1.2.0'\n"),
            ("kit/core.py", "__version__ = '1.2.0'\n"),
        ]);
        let after = renumbered(&before, "1.2.0", "1.2.0+tm.1").unwrap();
        assert_eq!(after.text("kit/package_data.py").unwrap(), "__version__ = '1.2.0+tm.1'\n");
        assert_eq!(after.text("kit/core.py"), before.text("kit/core.py"));
    }
}
