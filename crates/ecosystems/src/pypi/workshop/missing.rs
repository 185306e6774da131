//! What a run of tests shows to be missing, as far as the project's own files name it.
//!
//! A module that cannot be imported, or a fixture that nobody brings, tells a distribution. It is taken only if a file of
//! the project names that distribution as well, or its own code imports the module: what a test imports could be
//! anybody's.

use std::collections::BTreeSet;
use trustmill_core::content::Contents;
use trustmill_core::repair::Role;

/// Modules whose distribution has another name.
const MODULES: [(&str, &str); 30] = [
    ("yaml", "pyyaml"),
    ("PIL", "pillow"),
    ("bs4", "beautifulsoup4"),
    ("dateutil", "python-dateutil"),
    ("attr", "attrs"),
    ("OpenSSL", "pyopenssl"),
    ("jwt", "pyjwt"),
    ("Crypto", "pycryptodome"),
    ("cairo", "pycairo"),
    ("git", "gitpython"),
    ("rest_framework", "djangorestframework"),
    ("debug_toolbar", "django-debug-toolbar"),
    ("psycopg2", "psycopg2-binary"),
    ("MySQLdb", "mysqlclient"),
    ("ldap3", "ldap3"),
    ("pkg_resources", "setuptools"),
    ("multipart", "python-multipart"),
    ("jose", "python-jose"),
    ("dotenv", "python-dotenv"),
    ("slugify", "python-slugify"),
    ("magic", "python-magic"),
    ("docx", "python-docx"),
    ("google.protobuf", "protobuf"),
    ("zmq", "pyzmq"),
    ("serial", "pyserial"),
    ("markdown", "markdown"),
    ("fakeredis", "fakeredis"),
    ("flask_login", "flask-login"),
    ("flask_mail", "flask-mail"),
    ("flask_principal", "flask-principal"),
];

/// Fixtures and marks, and the plugin that brings them.
const FIXTURES: [(&str, &str); 16] = [
    ("mocker", "pytest-mock"),
    ("httpbin", "pytest-httpbin"),
    ("benchmark", "pytest-benchmark"),
    ("aiohttp_client", "pytest-aiohttp"),
    ("test_client", "pytest-aiohttp"),
    ("aiohttp_server", "pytest-aiohttp"),
    ("loop", "pytest-aiohttp"),
    ("event_loop", "pytest-asyncio"),
    ("requests_mock", "requests-mock"),
    ("httpx_mock", "pytest-httpx"),
    ("datadir", "pytest-datadir"),
    ("shared_datadir", "pytest-datadir"),
    ("subtests", "pytest-subtests"),
    ("db", "pytest-django"),
    ("settings", "pytest-django"),
    ("snapshot", "snapshottest"),
];

/// Files in which projects say what their tests need.
const NAMING: [&str; 14] = [
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "tox.ini",
    "noxfile.py",
    "Makefile",
    ".travis.yml",
    "Pipfile",
    "poetry.lock",
    "environment.yml",
    "pytest.ini",
    "CONTRIBUTING.rst",
    "CONTRIBUTING.md",
    "runtests.sh",
];

/// The distributions that a log asks for and that a file of the project, or its metadata, names. `known` are those that
/// the environment has.
pub(super) fn of(log: &str, tree: &Contents, declared: &[String], known: &[String]) -> Vec<String> {
    let named = named(tree, declared);
    let has: BTreeSet<String> = known.iter().filter_map(|text| super::requirement::name(text)).collect();
    // A log names a module once for each test file that wants it; the project's code is searched once for each.
    let modules: BTreeSet<&str> = log.lines().filter_map(module).collect();
    let imported: BTreeSet<String> = modules
        .iter()
        .filter(|module| is_imported(tree, module))
        .map(|module| distribution(module))
        .collect();
    let mut found: BTreeSet<String> = modules.into_iter().map(distribution).collect();
    for line in log.lines() {
        found.extend(fixture(line).map(str::to_owned));
        if line.contains("async def functions are not natively supported") {
            found.insert("pytest-asyncio".to_owned());
        }
    }
    let is_named = |name: &String| {
        let plain = |text: &str| text.replace(['_', '.'], "-").to_ascii_lowercase();
        named.contains(&plain(name)) || imported.contains(name) || super::wants::is_sign(name)
    };
    found.into_iter().filter(|name| !has.contains(name) && is_named(name)).collect()
}

/// The module of `ModuleNotFoundError: No module named 'a.b'`.
fn module(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("No module named ")?;
    let name = rest.trim_start_matches(['\'', '"']).split(['\'', '"', ' ', ';']).next()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    (!name.is_empty() && name.len() < 100 && name.chars().all(is_name)).then_some(name)
}

/// Whether the project's own code imports a module, tests left out.
fn is_imported(tree: &Contents, module: &str) -> bool {
    let top = module.split('.').next().unwrap_or_default();
    let brings = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
        rest.and_then(|rest| rest.split([' ', '.', ',']).next()) == Some(top)
    };
    let code = |path: &str| path.ends_with(".py") && super::role::of(path) == Role::Code;
    let own = tree.members.iter().filter(|(path, _)| code(path));
    own.filter_map(|(_, member)| member.text()).any(|text| text.lines().any(brings))
}

fn distribution(module: &str) -> String {
    let known = MODULES.iter().find(|(name, _)| {
        module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let top = module.split('.').next().unwrap_or_default();
    known.map_or_else(|| top.replace('_', "-").to_ascii_lowercase(), |(_, name)| (*name).to_owned())
}

/// The plugin of `fixture 'mocker' not found`.
fn fixture(line: &str) -> Option<&'static str> {
    let (_, rest) = line.split_once("fixture '")?;
    let (name, _) = rest.split_once("' not found")?;
    FIXTURES.iter().find(|(known, _)| *known == name).map(|(_, plugin)| *plugin)
}

/// Every word of the files in which projects say what they need, as distributions are spelled.
fn named(tree: &Contents, declared: &[String]) -> String {
    let mut text = declared.join("\n");
    for (path, member) in &tree.members {
        let lower = path.to_ascii_lowercase();
        let lists = lower.contains("require") && (lower.ends_with(".txt") || lower.ends_with(".in"));
        if lists || NAMING.contains(&path.as_str()) || lower.starts_with(".github/workflows/") {
            text.push('\n');
            text.push_str(member.text().unwrap_or_default());
        }
    }
    text.replace(['_', '.'], "-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn what_is_missing_and_named_is_taken() {
        let files = tree(&[("tox.ini", "deps = fake_redis\n  PyYAML\n"), ("tests/test_a.py", "import evil")]);
        let log = "E   ModuleNotFoundError: No module named 'fake_redis'\nE  ImportError: No module named yaml\nE   No module named 'evil'\nE       fixture 'mocker' not found\n";
        assert_eq!(of(log, &files, &[], &[]), ["fake-redis", "pytest-mock", "pyyaml"]);
        assert_eq!(of(log, &files, &[], &["pyyaml>=5".to_owned()]), ["fake-redis", "pytest-mock"]);
        let own = tree(&[("kit/core.py", "try:\n    from evil.x import y\nexcept ImportError: pass\n")]);
        assert_eq!(of("No module named 'evil.x'\n", &own, &[], &[]), ["evil"]);
        let declared = ["evil ; extra == 'all'".to_owned()];
        assert!(of(log, &files, &declared, &[]).contains(&"evil".to_owned()));
    }

    #[test]
    fn words_that_are_no_module_are_left() {
        for line in ["No module named ''", "No module named '../x'", "no module", "No module named 'a b'"] {
            assert!(module(line).is_none_or(|name| name == "a"), "{line}");
        }
    }
}
