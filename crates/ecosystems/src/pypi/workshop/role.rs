//! What a file of a Python project is to a repair, by its path.

use trustmill_core::repair::Role;

/// Folders of tests. `testing` is not among them: projects offer helpers to others under that name.
const TESTS: [&str; 7] =
    ["test", "tests", "testsuite", "unittests", "functional_tests", "tests_functional", "t"];

/// Folders of texts, and of what only people look at.
const DOCS: [&str; 14] = [
    "doc",
    "docs",
    "documentation",
    "examples",
    "example",
    "changes",
    "changelog.d",
    "changelog",
    "news",
    "newsfragments",
    "releasenotes",
    "demo",
    "demos",
    "artwork",
];

/// Folders whose files come from elsewhere.
const VENDORED: [&str; 7] =
    ["_vendor", "vendor", "vendored", "_vendored", "extern", "externals", "node_modules"];

/// Beginnings of the names of texts for people.
const TEXTS: [&str; 14] = [
    "change",
    "history",
    "readme",
    "license",
    "licence",
    "copying",
    "authors",
    "news",
    "notice",
    "contributing",
    "contributors",
    "release_notes",
    "security",
    "todo",
];

/// What the project's own workshop is made of.
const WORKSHOP: [&str; 16] = [
    "tox.ini",
    "noxfile.py",
    "makefile",
    "dockerfile",
    "azure-pipelines.yml",
    "appveyor.yml",
    "codecov.yml",
    "tasks.py",
    "fabfile.py",
    "pytest.ini",
    "justfile",
    "mypy.ini",
    "jenkinsfile",
    "docker-compose.yml",
    "sonar-project.properties",
    "renovate.json",
];

/// Folders, at the top of the tree, of what builds, measures or maintains the project.
const TOOLS: [&str; 9] =
    ["tools", "benchmark", "benchmarks", "bench", "perf", "ci", "maint", "devtools", "build_tools"];

/// Words by which a test is left out.
pub(super) const LEAVING_OUT: [&str; 10] = [
    "skip",
    "xfail",
    "collect_ignore",
    "pytest_ignore_collect",
    "pytestmark",
    "expectedfailure",
    "deselect",
    "__test__",
    "pytest_collection",
    "exit(",
];

/// What the file at `path` is.
pub(super) fn of(path: &str) -> Role {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let folders: Vec<&str> = lower.split('/').rev().skip(1).collect();
    let below = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
    let ending = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if lower.starts_with('.') || lower.contains("/.") || (folders.is_empty() && WORKSHOP.contains(&name)) {
        return Role::Workshop;
    }
    if is_metadata(&lower, name, &folders) {
        return Role::Metadata;
    }
    if folders.last().is_some_and(|first| TOOLS.contains(first)) {
        return Role::Workshop;
    }
    let is_test = name.starts_with("test_")
        || ending(&["_test.py", "_tests.py", "-test.py", "-tests.py"])
        || name.starts_with("tests-")
        || matches!(name, "conftest.py" | "tests.py");
    if is_test || below(&TESTS) {
        return Role::Test;
    }
    if below(&DOCS)
        || (folders.len() < 2 && TEXTS.iter().any(|text| name.starts_with(text)) && !ending(&[".py"]))
    {
        return Role::Docs;
    }
    if below(&VENDORED) {
        return Role::Vendored;
    }
    if ending(&[".min.js", ".min.css", ".map", ".mo", ".pyc", "_pb2.py", ".po", ".pot"]) {
        return Role::Generated;
    }
    if ending(&[".rst", ".md", ".adoc"]) { Role::Docs } else { Role::Code }
}

/// Whether a file names what is needed to run the tests: lists for pip and its relatives, not what builds.
pub(super) fn lists_needs(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let list = name.contains("requirements") || name.contains("constraints") || name.starts_with("pipfile");
    of(path) == Role::Metadata && (list || lower.starts_with("requirements/"))
}

fn is_metadata(path: &str, name: &str, folders: &[&str]) -> bool {
    let top = folders.is_empty();
    let requirements = name.contains("requirements") && (name.ends_with(".txt") || name.ends_with(".in"));
    let of_build = matches!(
        name,
        "setup.py"
            | "setup.cfg"
            | "pyproject.toml"
            | "pkg-info"
            | "manifest.in"
            | "pipfile"
            | "pipfile.lock"
            | "poetry.lock"
            | "uv.lock"
            | "environment.yml"
            | "constraints.txt"
    );
    (top && of_build)
        || name == "pkg-info"
        || requirements
        || folders.iter().any(|folder| folder.ends_with(".egg-info"))
        || path.starts_with("requirements/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_has_its_role() {
        for (path, role) in [
            ("src/kit/core.py", Role::Code),
            ("kit/templates/a.html", Role::Code),
            ("kit/testing/__init__.py", Role::Code),
            ("tests/data/in.txt", Role::Test),
            ("kit/tests/test_core.py", Role::Test),
            ("kit/testsuite/core.py", Role::Test),
            ("conftest.py", Role::Test),
            ("docs/conf.py", Role::Docs),
            ("CHANGES.rst", Role::Docs),
            ("kit/README.md", Role::Docs),
            ("setup.cfg", Role::Metadata),
            ("Kit.egg-info/requires.txt", Role::Metadata),
            ("requirements-test.txt", Role::Metadata),
            ("kit/_vendor/urllib3/util.py", Role::Vendored),
            ("kit/static/a.min.js", Role::Generated),
            (".github/workflows/ci.yml", Role::Workshop),
            ("tox.ini", Role::Workshop),
            ("kit/history.py", Role::Code),
            ("tools/kit-data", Role::Workshop),
            ("kit/tools/data.py", Role::Code),
        ] {
            assert_eq!(of(path), role, "{path}");
        }
    }

    #[test]
    fn lists_of_needs_are_no_build_files() {
        for path in ["requirements-dev.txt", "requirements/test.in", "Pipfile", "ci/test-requirements.txt"] {
            assert!(lists_needs(path), "{path}");
        }
        for path in
            ["setup.py", "pyproject.toml", "Kit.egg-info/requires.txt", "kit/requirements.py", "tox.ini"]
        {
            assert!(!lists_needs(path), "{path}");
        }
    }
}
