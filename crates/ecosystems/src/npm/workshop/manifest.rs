//! What a package's `package.json` says, with another version, and as far as tests need it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::workshop::Stated;

pub(super) const MANIFEST: &str = "package.json";
/// Fields that say what a package needs.
const DEPENDENCIES: [&str; 6] = [
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundledDependencies",
    "bundleDependencies",
];
/// Programs that start tests, by the package that has them.
const RUNNERS: [&str; 12] = [
    "mocha",
    "jest",
    "tape",
    "tap",
    "lab",
    "@hapi/lab",
    "ava",
    "vows",
    "nodeunit",
    "jasmine",
    "jasmine-node",
    "expresso",
];

/// Beginnings of the names of what scripts name and tests do not need.
const LEFT_OUT: [&str; 22] = [
    "eslint",
    "@ljharb/eslint",
    "jscs",
    "jshint",
    "standard",
    "semistandard",
    "xo",
    "prettier",
    "browserify",
    "uglify",
    "webpack",
    "rollup",
    "karma",
    "covert",
    "nyc",
    "istanbul",
    "c8",
    "coveralls",
    "codecov",
    "parallelshell",
    "husky",
    "safe-publish-latest",
];

/// The object in `package.json`.
pub(super) fn read(tree: &Contents) -> Option<Map<String, Value>> {
    let text = tree.text(MANIFEST)?.trim_start_matches('\u{feff}');
    serde_json::from_str::<Value>(text).ok()?.as_object().cloned()
}

/// The tree with another version in its `package.json`, and not one more byte changed.
pub(super) fn renumbered(tree: &Contents, old: &str, version: &str) -> Result<Contents, BuildFailure> {
    let failed = || {
        let detail = "package.json does not state the version in the usual way".to_owned();
        BuildFailure { class: FailureClass::BadSource, detail }
    };
    let (text, manifest) = tree.text(MANIFEST).zip(read(tree)).ok_or_else(failed)?;
    let mut wanted = manifest;
    wanted.insert("version".to_owned(), version.into());
    let (quoted, new) = (format!("\"{old}\""), format!("\"{version}\""));
    let places = text.match_indices("\"version\"").take(64);
    let found = places.into_iter().find_map(|(at, _)| {
        let (head, rest) = text.split_at_checked(at)?;
        let changed = format!("{head}{}", rest.replacen(&quoted, &new, 1));
        let read: Value = serde_json::from_str(changed.trim_start_matches('\u{feff}')).ok()?;
        (read.as_object() == Some(&wanted)).then_some(changed)
    });
    let mut tree = tree.clone();
    tree.set(MANIFEST, Some(Bytes::from(found.ok_or_else(failed)?)));
    Ok(tree)
}

/// What `package.json` says.
pub(super) fn stated(filename: &str, contents: &Contents) -> Result<Stated, String> {
    let manifest = read(contents).ok_or_else(|| format!("the package.json of {filename} cannot be read"))?;
    let mut stated = Stated::default();
    for (key, value) in &manifest {
        let entry = (key.clone(), value.to_string());
        if key == "version" {
            value.as_str().unwrap_or_default().clone_into(&mut stated.version);
        } else if DEPENDENCIES.contains(&key.as_str()) {
            stated.dependencies.insert(entry.0, entry.1);
        } else {
            stated.other.insert(entry.0, entry.1);
        }
    }
    Ok(stated)
}

/// How much of what a package wants for its development is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::npm) enum Wanted {
    /// What the command of the tests and the tests themselves name.
    Named,
    /// Everything.
    All,
}

/// Whether the package wants another one for its development and for nothing else.
pub(super) fn is_for_development(tree: &Contents, name: &str) -> bool {
    let manifest = read(tree).unwrap_or_default();
    let has = |field: &str| manifest.get(field).is_some_and(|all| all.get(name).is_some());
    has("devDependencies") && !has("dependencies") && !has("optionalDependencies")
}

/// The `package.json` from which the dependencies of tests are resolved, without those that are not to be had.
pub(super) fn for_tests(tree: &Contents, wanted: Wanted, without: &BTreeSet<String>) -> Option<Bytes> {
    let mut manifest = read(tree)?;
    let scripts = commands_of_tests(manifest.get("scripts"));
    for field in ["scripts", "bin", "workspaces", "engines", "os", "cpu", "packageManager"] {
        manifest.remove(field);
    }
    let tests = tree.members.iter().filter(|(path, _)| super::role::of(path) == super::Role::Test);
    let texts: Vec<&str> = tests.filter_map(|(_, member)| member.text()).collect();
    let is_named = |name: &str| {
        RUNNERS.contains(&name)
            || (scripts.contains(name) && !LEFT_OUT.iter().any(|start| name.starts_with(start)))
            || texts.iter().any(|text| {
                ['\'', '"', '`'].iter().any(|quote| {
                    text.contains(&format!("{quote}{name}{quote}"))
                        || text.contains(&format!("{quote}{name}/"))
                })
            })
    };
    // What is fetched from elsewhere than the registry is not reached.
    let is_listed = |range: &Value| range.as_str().is_some_and(|range| !range.contains(['/', ':']));
    for field in ["dependencies", "devDependencies", "optionalDependencies"] {
        let Some(Value::Object(all)) = manifest.get_mut(field) else { continue };
        let is_dev = field == "devDependencies";
        all.retain(|name, range| {
            let is_dropped = is_dev && without.contains(name);
            !is_dropped && is_listed(range) && (!is_dev || wanted == Wanted::All || is_named(name))
        });
    }
    serde_json::to_vec(&Value::Object(manifest)).ok().map(Bytes::from)
}

/// The command of the tests, and every other that it runs; of a package without one, all of them.
fn commands_of_tests(scripts: Option<&Value>) -> String {
    let Some(Value::Object(all)) = scripts else { return String::new() };
    let command = |name: &str| all.get(name).and_then(Value::as_str);
    let (mut names, mut texts) = (vec!["test"], Vec::new());
    let mut at = 0;
    while let Some(text) = names.get(at).and_then(|name| command(name)) {
        at += 1;
        texts.push(text);
        // `npm run --silent NAME`, `yarn NAME`: whatever word of it names another.
        let words = text.split(|c: char| c.is_whitespace() || "&|;\"'".contains(c));
        for word in words.filter(|word| all.contains_key(*word)) {
            if !names.contains(&word) {
                names.push(word);
            }
        }
    }
    match texts.is_empty() {
        true => Value::Object(all.clone()).to_string(),
        false => texts.join("\n"),
    }
}

/// The range in `engines.node`.
pub(super) fn engine(tree: &Contents) -> Option<String> {
    Some(read(tree)?.get("engines")?.get("node")?.as_str()?.to_owned())
}

/// The lines by which a user of each package manager gets a repaired release.
pub(super) fn overrides(name: &str, repaired: &str, mount: &str) -> Vec<String> {
    let entry = |field: &str| serde_json::json!({ field: BTreeMap::from([(name, repaired)]) }).to_string();
    vec![
        format!("npm config set registry {mount}/remediated/ --location=project"),
        format!("package.json, npm:  {}", entry("overrides")),
        format!("package.json, yarn: {}", entry("resolutions")),
        format!("package.json, pnpm: {{\"pnpm\":{}}}", entry("overrides")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Contents {
        let mut tree = Contents::default();
        for (path, text) in files {
            tree.set(path, Some(Bytes::copy_from_slice(text.as_bytes())));
        }
        tree
    }

    #[test]
    fn only_the_packages_own_version_changes() {
        let text = "{\n  \"config\": {\"version\": \"1.2.0\"},\n  \"name\": \"kit\",\n  \"version\" : \"1.2.0\"\n}\n";
        let after = renumbered(&tree(&[(MANIFEST, text)]), "1.2.0", "1.2.0-tm.1").unwrap();
        assert_eq!(
            after.text(MANIFEST).unwrap(),
            text.replace("\"version\" : \"1.2.0\"", "\"version\" : \"1.2.0-tm.1\"")
        );
        assert!(renumbered(&tree(&[(MANIFEST, "{}")]), "1.2.0", "2").is_err());
        assert!(renumbered(&tree(&[]), "1.2.0", "2").is_err());
    }

    #[test]
    fn tests_need_what_they_name() {
        let files = [
            (
                MANIFEST,
                r#"{"name":"kit","scripts":{"test":"nyc mocha"},"dependencies":{"a":"^1","g":"git://h/x"},"devDependencies":{"mocha":"1","nyc":"1","should":"1","eslint":"1","x":"o/r"}}"#,
            ),
            ("test/a.js", "require('should/as-function')"),
        ];
        let names = |wanted, without: &[&str]| {
            let without = without.iter().map(|name| (*name).to_owned()).collect();
            let bytes = for_tests(&tree(&files), wanted, &without).unwrap();
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(value["dependencies"].as_object().unwrap().len(), 1);
            value["devDependencies"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(Wanted::Named, &[]), ["mocha", "should"]);
        assert_eq!(names(Wanted::All, &[]).len(), 4);
        // What it needs when it runs is never left out.
        assert_eq!(names(Wanted::Named, &["should", "a"]), ["mocha"]);
        assert!(is_for_development(&tree(&files), "should") && !is_for_development(&tree(&files), "a"));
    }

    #[test]
    fn only_commands_that_the_tests_run_name_tools() {
        let scripts = serde_json::json!({
            "test": "npm run --silent coverage && npm run unit", "coverage": "covert test", "unit": "node unit",
            "readme": "evalmd README.md", "pretest": "npm run readme",
        });
        assert_eq!(
            commands_of_tests(Some(&scripts)),
            "npm run --silent coverage && npm run unit\ncovert test\nnode unit"
        );
        let other = serde_json::json!({ "check": "tape x" });
        assert!(commands_of_tests(Some(&other)).contains("tape x"));
        assert_eq!(commands_of_tests(None), "");
    }

    #[test]
    fn overrides_are_json() {
        let lines = overrides("@a/kit", "1.2.0-tm.1", "http://m/npm");
        assert_eq!(lines[1], r#"package.json, npm:  {"overrides":{"@a/kit":"1.2.0-tm.1"}}"#);
        assert_eq!(lines[3], r#"package.json, pnpm: {"pnpm":{"overrides":{"@a/kit":"1.2.0-tm.1"}}}"#);
    }
}
