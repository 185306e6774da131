//! What the tests of a project need beside the project: what its metadata and its test tools' configuration name, and
//! what its tests show that they use.

use crate::pypi::environment::requirement;
use std::collections::BTreeSet;
use trustmill_core::content::Contents;
use trustmill_core::repair::Role;

/// Extras and groups that hold what tests need.
const GROUPS: [&str; 12] = [
    "test",
    "tests",
    "testing",
    "dev",
    "develop",
    "development",
    "check",
    "unittest",
    "pytest",
    "test-deps",
    "all-test",
    "tests-require",
];

/// What is recognised in tests by a word, and the distribution that brings it. Only these: a name in a test could be
/// anybody's.
const SIGNS: [(&str, &str); 46] = [
    ("import mock", "mock"),
    ("from mock import", "mock"),
    ("import six", "six"),
    ("from six", "six"),
    ("hypothesis", "hypothesis"),
    ("freezegun", "freezegun"),
    ("requests_mock", "requests-mock"),
    ("import responses", "responses"),
    ("mocker", "pytest-mock"),
    ("mark.asyncio", "pytest-asyncio"),
    ("mark.django_db", "pytest-django"),
    ("DJANGO_SETTINGS_MODULE", "pytest-django"),
    ("httpbin", "pytest-httpbin"),
    ("import nose", "nose"),
    ("from nose", "nose"),
    ("import trustme", "trustme"),
    ("import tornado", "tornado"),
    ("from parameterized", "parameterized"),
    ("from flaky", "flaky"),
    ("import ddt", "ddt"),
    ("import webtest", "webtest"),
    ("from webtest", "webtest"),
    ("benchmark(", "pytest-benchmark"),
    ("import genty", "genty"),
    ("import numpy", "numpy"),
    ("import yaml", "pyyaml"),
    ("import simplejson", "simplejson"),
    ("import lxml", "lxml"),
    ("from lxml", "lxml"),
    ("import pytz", "pytz"),
    ("import trio", "trio"),
    ("import anyio", "anyio"),
    ("import requests", "requests"),
    ("import jinja2", "jinja2"),
    ("import httpx", "httpx"),
    ("from httpx", "httpx"),
    ("TestClient", "httpx"),
    ("UploadFile", "python-multipart"),
    ("itsdangerous", "itsdangerous"),
    ("import pretend", "pretend"),
    ("import iso8601", "iso8601"),
    ("import aiohttp", "aiohttp"),
    ("import flask", "flask"),
    ("from flask", "flask"),
    ("from testfixtures", "testfixtures"),
    ("import html5lib", "html5lib"),
];

/// Never needed to run tests, and often in the way of resolving.
const LEFT_OUT: [&str; 40] = [
    "tox",
    "pre-commit",
    "black",
    "flake8",
    "mypy",
    "sphinx",
    "twine",
    "wheel",
    "coverage",
    "pytest-cov",
    "isort",
    "pylint",
    "ruff",
    "bandit",
    "codecov",
    "coveralls",
    "check-manifest",
    "bumpversion",
    "bump2version",
    "furo",
    "sphinx-rtd-theme",
    "pallets-sphinx-themes",
    "sphinxcontrib-log-cabinet",
    "sphinx-issues",
    "sphinx-tabs",
    "pyflakes",
    "pycodestyle",
    "pep8",
    "pytest-flake8",
    "pytest-black",
    "pytest-mypy",
    "pytest-isort",
    "pytest-pep8",
    "pytest-xdist",
    "nox",
    "build",
    "readme-renderer",
    "towncrier",
    "pyright",
    "pip-tools",
];

/// What an environment for tests holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// What the project itself runs on.
    pub(super) runtime: Vec<String>,
    /// What only its tests ask for.
    pub(super) tests: Vec<String>,
}

/// Whether a distribution is one that words in tests are known to mean.
pub(super) fn is_sign(name: &str) -> bool {
    SIGNS.iter().any(|(_, known)| *known == name)
}

/// Reads what the tests of `tree` need; `declared` is `Requires-Dist` of its metadata.
pub(super) fn of(tree: &Contents, declared: &[String], own: &str) -> Wants {
    let mut wants = Wants::default();
    let mut tests: Vec<String> = Vec::new();
    for text in declared {
        match extra_of(text) {
            None => wants.runtime.push(text.clone()),
            Some((extra, without))
                if GROUPS.contains(&extra.to_ascii_lowercase().replace('_', "-").as_str()) =>
            {
                tests.push(without);
            }
            Some(_) => {}
        }
    }
    if let Some(project) = tree.text("pyproject.toml").and_then(|text| text.parse::<toml::Table>().ok()) {
        tests.extend(from_pyproject(&project));
    }
    for name in ["setup.py", "setup.cfg", "tox.ini"] {
        tests.extend(from_lists(tree.text(name).unwrap_or_default()));
    }
    for (path, member) in &tree.members {
        let lower = path.to_ascii_lowercase();
        let listed = lower.contains("require")
            && (lower.contains("test") || lower.contains("dev"))
            && lower.ends_with(".txt");
        if listed && !lower.contains(".egg-info/") {
            tests.extend(member.text().unwrap_or_default().lines().map(line_of));
        }
    }
    tests.extend(signs(tree));
    let known: BTreeSet<String> = wants.runtime.iter().filter_map(|text| requirement::name(text)).collect();
    let mut seen = BTreeSet::from([own.to_owned(), "pytest".to_owned()]);
    wants.tests.push(pytest(&tests));
    for text in tests {
        let Some(name) = requirement::name(&text) else { continue };
        let wanted =
            requirement::check(&text).is_ok() && !LEFT_OUT.contains(&name.as_str()) && !known.contains(&name);
        if wanted && seen.insert(name) {
            wants.tests.push(text);
        }
    }
    wants
}

/// The project's own bound on pytest, where it has one.
fn pytest(tests: &[String]) -> String {
    let own = |text: &&String| {
        requirement::name(text).as_deref() == Some("pytest") && requirement::check(text).is_ok()
    };
    tests.iter().find(own).cloned().unwrap_or_else(|| "pytest".to_owned())
}

/// `mock; extra == "test"` as the extra and the requirement without it.
fn extra_of(text: &str) -> Option<(String, String)> {
    let (head, marker) = text.split_once(';')?;
    let at = marker.find("extra")?;
    let rest = marker.get(at + "extra".len()..)?.trim_start().strip_prefix("==")?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (extra, after) = rest.strip_prefix(quote)?.split_once(quote)?;
    // What is left of the marker: the parts that `and` joined with it.
    let others = format!("{}{}", marker.get(..at)?, after).replace(['(', ')'], " ");
    let others = others.trim().trim_start_matches("and ").trim_end_matches(" and").trim();
    let alone = others.is_empty() || others == "and" || others.contains(" or ");
    let without = if alone { head.trim().to_owned() } else { format!("{} ; {others}", head.trim()) };
    Some((extra.to_owned(), without))
}

fn from_pyproject(project: &toml::Table) -> Vec<String> {
    let mut out = Vec::new();
    let is_group = |name: &str| GROUPS.contains(&name.to_ascii_lowercase().replace('_', "-").as_str());
    let mut strings = |value: Option<&toml::Value>| {
        let items = value.and_then(toml::Value::as_array).into_iter().flatten();
        out.extend(items.filter_map(toml::Value::as_str).map(str::to_owned));
    };
    let table =
        |value: Option<&toml::Value>| value.and_then(toml::Value::as_table).cloned().unwrap_or_default();
    for (name, items) in table(project.get("dependency-groups")) {
        if is_group(&name) {
            strings(Some(&items));
        }
    }
    let tool = table(project.get("tool"));
    for (name, items) in table(table(tool.get("pdm")).get("dev-dependencies")) {
        if is_group(&name) {
            strings(Some(&items));
        }
    }
    let poetry = table(tool.get("poetry"));
    let mut tables = vec![table(poetry.get("dev-dependencies"))];
    for (name, group) in table(poetry.get("group")) {
        if is_group(&name) {
            tables.push(table(group.as_table().and_then(|group| group.get("dependencies"))));
        }
    }
    // Poetry's bounds have operators of its own; as of the upload the newest is what it took.
    out.extend(tables.iter().flat_map(toml::Table::keys).cloned());
    out
}

/// Lists that tools of setuptools and tox read: `tests_require = […]`, `deps =` with a line for each.
fn from_lists(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        // `setup(name="kit", tests_require=[…])` on one line.
        let line = line.find("tests_require").and_then(|at| line.get(at..)).unwrap_or(line);
        let key = line
            .split(['=', ':'])
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['"', '\''])
            .to_ascii_lowercase();
        let listed = matches!(key.as_str(), "tests_require" | "test_requires" | "deps" | "test_requirements")
            || GROUPS.contains(&key.as_str());
        if !listed {
            continue;
        }
        let rest = line.split_once(['=', ':']).map_or("", |(_, rest)| rest);
        if let Some(open) = rest.find('[') {
            let all = rest.get(open + 1..).unwrap_or_default().to_owned()
                + "\n"
                + &lines.get(number + 1..).unwrap_or_default().join("\n");
            let inside = all.split(']').next().unwrap_or_default();
            let quoted = inside.split(['"', '\'']).skip(1).step_by(2);
            out.extend(quoted.take(40).map(|text| text.trim().to_owned()));
            continue;
        }
        out.push(line_of(rest));
        let below = lines.get(number + 1..).unwrap_or_default().iter();
        let below = below.take_while(|line| line.starts_with([' ', '\t']) || line.trim().is_empty());
        out.extend(below.take(60).map(|line| line_of(line)));
    }
    out.retain(|text| !text.is_empty());
    out
}

/// One line of a list: without comment, option or the condition of tox.
fn line_of(line: &str) -> String {
    let line = line.split(" #").next().unwrap_or_default().trim();
    let line = match line.split_once(": ") {
        Some((condition, rest)) if !condition.contains([' ', ';', '=']) => rest.trim(),
        _ => line,
    };
    if line.starts_with(['#', '-', '{', '.', '/']) { String::new() } else { line.to_owned() }
}

fn signs(tree: &Contents) -> Vec<String> {
    let tests =
        tree.members.iter().filter(|(path, _)| path.ends_with(".py") && super::role::of(path) == Role::Test);
    let texts: Vec<&str> = tests.filter_map(|(_, member)| member.text()).collect();
    let used = |sign: &str| texts.iter().any(|text| text.contains(sign));
    SIGNS.iter().filter(|(sign, _)| used(sign)).map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn every_place_that_projects_use_is_read() {
        let tree = tree(&[
            (
                "setup.py",
                "setup(name='kit', tests_require=['pretend>=1', \"zope.event\"], install_requires=['no'])",
            ),
            (
                "tox.ini",
                "[testenv]\ndeps =\n    py27: ipaddress\n    -rrequirements.txt\n    pytest<5\ncommands = x\n",
            ),
            ("requirements-test.txt", "# no\niso8601==0.1 # yes\n-e .\ngit+https://x/y\n"),
            (
                "pyproject.toml",
                "[dependency-groups]\ntest = ['attrs', {include-group='x'}]\n[tool.poetry.dev-dependencies]\nfaker = '^1'\n",
            ),
            ("tests/test_a.py", "import mock\n"),
        ]);
        let declared = [
            "markupsafe>=0.23",
            "babel>=0.8 ; extra == 'i18n'",
            "pytz ; python_version<'9' and extra == 'test'",
        ];
        let wants = of(&tree, &declared.map(str::to_owned), "kit");
        assert_eq!(wants.runtime, ["markupsafe>=0.23"]);
        let mut names: Vec<_> = wants.tests.iter().filter_map(|text| requirement::name(text)).collect();
        names.sort();
        assert_eq!(
            names,
            ["attrs", "faker", "ipaddress", "iso8601", "mock", "pretend", "pytest", "pytz", "zope-event"]
        );
        assert!(wants.tests.contains(&"pytest<5".to_owned()));
        assert!(wants.tests.contains(&"pytz ; python_version<'9'".to_owned()));
    }
}
