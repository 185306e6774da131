//! What a PyPI release says of its repository, and which files of an sdist no repository holds.

use super::names;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Published;
use trustmill_core::source::{SourceClaim, clean_address, is_on_forge};

/// Labels of `Project-URL` in PyPI's well-known spelling (lower case, no separators) that name the source.
/// <https://packaging.python.org/en/latest/specifications/well-known-project-urls/>
const SOURCE_LABELS: [&str; 10] = [
    "source",
    "sourcecode",
    "repository",
    "repo",
    "code",
    "github",
    "gitlab",
    "git",
    "githubrepository",
    "githubrepo",
];

/// The claim of the release's own metadata: the wheel's `METADATA`, else the sdist's `PKG-INFO`.
pub fn claim(release: &Published<'_>) -> Option<SourceClaim> {
    let wheel = release.file.and_then(|(_, contents)| metadata_of(contents));
    let sdist = release.archive.and_then(|(_, contents)| contents.text("PKG-INFO"));
    let (text, file) = wheel.map(|text| (text, "METADATA")).or_else(|| Some((sdist?, "PKG-INFO")))?;
    let mut found: Vec<(u8, String, String, String)> = Vec::new();
    for (field, value) in fields(text) {
        let (label, url) = match field {
            "Project-URL" => value.split_once(',').map_or(("", value), |(label, url)| (label, url.trim())),
            "Home-page" | "Download-URL" => (field, value),
            _ => continue,
        };
        let Some((repository, directory)) = clean_address(url).filter(|_| url.contains("://")) else {
            continue;
        };
        let named = SOURCE_LABELS.contains(&well_known(label).as_str());
        // A home page is a repository only where a forge shows one.
        let rank = match (named, is_on_forge(&repository)) {
            (true, true) => 0,
            (false, true) if matches!(well_known(label).as_str(), "homepage" | "home") => 1,
            (false, true) => 2,
            (true, false) => 3,
            (false, false) => continue,
        };
        found.push((rank, repository, directory, format!("{file}: {field} {label}").trim().to_owned()));
    }
    let (_, repository, directory, stated_by) = found.into_iter().min_by_key(|(rank, ..)| *rank)?;
    let version = fields(text).find(|(field, _)| *field == "Version").map(|(_, value)| value.to_owned());
    let tags = tags(&release.purl.name(), release.purl.version().unwrap_or_default(), version.as_deref());
    Some(SourceClaim { repository, directory, commit: None, dirty: false, tags, stated_by })
}

/// Tags that projects use for a version, likeliest first. Names come first: where several packages share a
/// repository, a bare version may be another package's.
fn tags(name: &str, version: &str, written: Option<&str>) -> Vec<String> {
    let mut versions = vec![version.to_owned()];
    versions.extend(written.filter(|written| *written != version).map(str::to_owned));
    // `1.2.0` and `1.2` are one version (PEP 440); tags spell it either way.
    versions.extend(version.strip_suffix(".0").map(str::to_owned));
    versions.push(format!("{version}.0"));
    let mut tags = Vec::new();
    for version in &versions {
        for name in [name.to_owned(), name.replace('-', "_"), name.replace('-', ".")] {
            for pattern in ["-", "-v", "==", "@", "/", "/v", "_", "_v"] {
                tags.push(format!("{name}{pattern}{version}"));
            }
        }
        let underscored = version.replace('.', "_");
        tags.extend([
            format!("v{version}"),
            version.clone(),
            format!("release-{version}"),
            format!("release/{version}"),
            format!("releases/{version}"),
            format!("release_{version}"),
            format!("rel-{version}"),
            format!("r{version}"),
            format!("V{version}"),
            format!("v.{version}"),
            format!("version-{version}"),
            format!("rel_{underscored}"),
            format!("release_{underscored}"),
            format!("REL_{underscored}"),
            underscored,
        ]);
    }
    let mut seen = std::collections::BTreeSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}

/// Which tool writes a file of an sdist. The content must look as that tool writes it: a path alone would let an
/// attacker hide behind a name.
pub fn generated(path: &str, bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let basename = path.rsplit('/').next().unwrap_or(path);
    let in_egg_info = path.split('/').any(|segment| segment.ends_with(".egg-info"));
    match basename {
        "PKG-INFO" if text.starts_with("Metadata-Version:") => Some("the build back end"),
        _ if in_egg_info => match basename {
            "SOURCES.txt"
            | "requires.txt"
            | "top_level.txt"
            | "dependency_links.txt"
            | "entry_points.txt"
            | "not-zip-safe"
            | "zip-safe"
            | "namespace_packages.txt"
            | "pbr.json"
            | "native_libs.txt" => Some("setuptools"),
            _ => None,
        },
        "setup.cfg" if path == basename && text.contains("[egg_info]") => Some("setuptools"),
        "ChangeLog" | "AUTHORS" if path == basename => Some("pbr"),
        "setup.py" if path == basename && is_generated_setup(text) => Some("the build back end"),
        _ if basename.ends_with(".py") && is_version_file(text) => Some("the version plug-in"),
        _ => None,
    }
}

/// The `setup.py` that poetry and flit write for installers without PEP 517: assignments and one call.
fn is_generated_setup(text: &str) -> bool {
    let poetry = text.starts_with("# -*- coding: utf-8 -*-\nfrom setuptools import setup\n");
    let flit = text.starts_with("#!/usr/bin/env python\n# setup.py generated by flit");
    let harmless = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("import ") && (!line.starts_with("from ") || line.ends_with("import setup"))
    };
    (poetry || flit) && text.lines().all(harmless) && !text.contains("exec(") && !text.contains("__import__")
}

/// The version files of setuptools-scm, hatch-vcs, versioneer (rendered), pdm and flit-scm: comments, constants and
/// type annotations, nothing that runs.
fn is_version_file(text: &str) -> bool {
    const HEADERS: [&str; 5] = [
        "# file generated by setuptools",
        "# coding: utf-8\n# file generated by setuptools",
        "# file generated by vcs-versioning",
        "# This file is auto-generated by Hatchling",
        "# This file was generated by 'versioneer.py'",
    ];
    const CALLS: [&str; 8] =
        ["exec(", "eval(", "open(", "__import__", "compile(", "getattr(", "system", "subprocess"];
    text.len() < 4_096
        && (is_one_version(text)
            || HEADERS.iter().any(|header| text.starts_with(header) || text.contains(&format!("\n{header}"))))
        && !CALLS.iter().any(|call| text.contains(call))
        && !text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("import ") && line != "import json" && line != "import typing"
        })
}

/// Nothing but `__version__ = '1.2'`, as version plug-ins write it from a project's own template.
fn is_one_version(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let literal = |value: &str| {
        let value = value.trim();
        let inner = value.strip_prefix(['\'', '"']).and_then(|rest| rest.strip_suffix(['\'', '"']));
        inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+!-".contains(&b)))
    };
    let one = lines.next().and_then(|line| line.split_once('='));
    one.is_some_and(|(name, value)| matches!(name.trim(), "__version__" | "version") && literal(value))
        && lines.next().is_none()
}

/// PyPI's normalisation of labels: letters and digits alone, in lower case.
fn well_known(label: &str) -> String {
    label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn metadata_of(wheel: &Contents) -> Option<&str> {
    let mut paths = wheel.members.keys();
    let path = paths.find(|path| path.ends_with(".dist-info/METADATA") && path.matches('/').count() == 1)?;
    wheel.text(path)
}

/// The header fields, each with its first line.
fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(field, value)| (field, value.trim()))
}

/// Variables that tell version plug-ins what a checkout without history cannot: the published version.
pub fn version_env(
    pyproject: Option<&str>,
    setup: Option<&str>,
    name: &str,
    version: &str,
) -> Vec<(String, String)> {
    let says = |word: &str| [pyproject, setup].into_iter().flatten().any(|text| text.contains(word));
    let mut env = Vec::new();
    let mut add = |key: String| env.push((key, version.to_owned()));
    if ["setuptools_scm", "setuptools-scm", "hatch-vcs", "vcs-versioning", "flit_scm", "flit-scm"]
        .iter()
        .any(|w| says(w))
    {
        add("SETUPTOOLS_SCM_PRETEND_VERSION".into());
        let upper = names::normalise(name).unwrap_or_default().replace('-', "_").to_uppercase();
        add(format!("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{upper}"));
    }
    if says("pbr") {
        add("PBR_VERSION".into());
    }
    if says("pdm") {
        add("PDM_BUILD_SCM_VERSION".into());
    }
    if says("poetry-dynamic-versioning") {
        add("POETRY_DYNAMIC_VERSIONING_BYPASS".into());
    }
    if says("uv-dynamic-versioning") {
        add("UV_DYNAMIC_VERSIONING_BYPASS".into());
    }
    env
}

/// Whether a variable is one of [`version_env`]'s.
pub fn is_version_variable(name: &str) -> bool {
    name.starts_with("SETUPTOOLS_SCM_PRETEND_VERSION")
        || ["PBR_VERSION", "PDM_BUILD_SCM_VERSION"].contains(&name)
        || name.ends_with("_DYNAMIC_VERSIONING_BYPASS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::infer::testing::contents;
    use trustmill_core::Purl;

    fn claimed(metadata: &str) -> Option<SourceClaim> {
        let wheel = contents(&[("demo-1.2.dist-info/METADATA", metadata)]);
        let purl = Purl::release("pypi", "demo-kit", "1.2");
        let artifact = crate::pypi::infer::testing::artifact(
            "demo_kit-1.2-py3-none-any.whl",
            trustmill_core::package::ArtifactKind::Portable,
        );
        claim(&Published { purl: &purl, file: Some((&artifact, &wheel)), archive: None })
    }

    #[test]
    fn the_label_that_names_the_source_wins() {
        let found = claimed(
            "Metadata-Version: 2.1\nName: demo\nVersion: 1.2\nHome-page: https://demo.example/\n\
             Project-URL: Bug Tracker, https://github.com/other/issues/issues\n\
             Project-URL: Source Code, https://github.com/demo/demo/tree/main/kit\n\nProject-URL: Source, https://x.example/a/b\n",
        )
        .unwrap();
        assert_eq!(
            (found.repository.as_str(), found.directory.as_str()),
            ("https://github.com/demo/demo", "kit")
        );
        assert_eq!(found.stated_by, "METADATA: Project-URL Source Code");
        let place = |tag: &str| found.tags.iter().position(|one| one == tag);
        assert!(place("demo_kit-1.2") < place("v1.2") && place("v1.2") < place("1.2"), "{:?}", found.tags);
        assert!(place("rel_1_2").is_some() && place("v1.2.0").is_some());
    }

    #[test]
    fn a_home_page_counts_only_on_a_forge() {
        assert_eq!(claimed("Name: demo\nHome-page: https://demo.example/project\n\n"), None);
        let forge = claimed("Name: demo\nHome-page: https://github.com/demo/demo\n\n").unwrap();
        assert_eq!(forge.repository, "https://github.com/demo/demo");
        assert_eq!(claimed("Name: demo\nProject-URL: Source, ext::sh -c evil\n\n"), None);
        assert_eq!(claimed("Name: demo\nProject-URL: Source, file:///etc/\n\n"), None);
    }

    #[test]
    fn a_file_is_generated_only_if_it_looks_so() {
        let version = b"# file generated by setuptools-scm\nversion = '1'\n";
        assert!(generated("src/demo/_version.py", version).is_some());
        assert!(generated("demo/_dist_ver.py", b"__version__ = '1.2.3'\n").is_some());
        assert_eq!(generated("demo/_dist_ver.py", b"__version__ = exec('1')\n"), None);
        assert_eq!(generated("demo/_dist_ver.py", b"__version__ = '1'\nimport os\n"), None);
        let evil = b"# file generated by setuptools-scm\nimport os\nos.system('x')\n";
        assert_eq!(generated("src/demo/_version.py", evil), None);
        assert!(generated("PKG-INFO", b"Metadata-Version: 2.1\n").is_some());
        assert_eq!(generated("demo.egg-info/evil.py", b"x"), None);
        assert_eq!(generated("pkg/setup.cfg", b"[egg_info]"), None);
        let poetry =
            "# -*- coding: utf-8 -*-\nfrom setuptools import setup\n\npackages = \\\n['a']\nsetup(**x)\n";
        assert!(generated("setup.py", poetry.as_bytes()).is_some());
        assert_eq!(generated("setup.py", poetry.replace("packages", "import os\npackages").as_bytes()), None);
    }
}
