//! Differences in `package.json`: what npm and Node.js act on, what runs on installation, and what is for people.

use crate::manifest::json::Json;
use std::collections::BTreeSet;
use trustmill_core::comparison::DifferenceClass;

/// Scripts that a client runs when the package is installed, from a registry, from git or from a folder
/// (npm Docs, scripts: life cycle operation order).
const LIFECYCLE: [&str; 10] = [
    "preinstall",
    "install",
    "postinstall",
    "preprepare",
    "prepare",
    "postprepare",
    "prepublish",
    "prepublishOnly",
    "dependencies",
    "uninstall",
];

/// Fields that an installer, Node.js or a bundler acts on.
const ACTED_ON: [&str; 34] = [
    "name",
    "version",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "bin",
    "directories",
    "man",
    "main",
    "module",
    "browser",
    "exports",
    "imports",
    "type",
    "types",
    "typings",
    "typesVersions",
    "engines",
    "devEngines",
    "os",
    "cpu",
    "libc",
    "config",
    "overrides",
    "resolutions",
    "workspaces",
    "packageManager",
    "sideEffects",
    "react-native",
    "unpkg",
    "jsdelivr",
];

/// Fields that no client acts on in a package that is installed as a dependency.
const FOR_PEOPLE: [&str; 20] = [
    "description",
    "keywords",
    "homepage",
    "bugs",
    "license",
    "licenses",
    "author",
    "contributors",
    "maintainers",
    "funding",
    "repository",
    "readme",
    "readmeFilename",
    "gitHead",
    "devDependencies",
    "private",
    "publishConfig",
    "files",
    "$schema",
    "icon",
];

/// What was found in one file, by how much it matters.
#[derive(Default)]
struct Found {
    scripts: BTreeSet<String>,
    acted_on: BTreeSet<String>,
    unknown: BTreeSet<String>,
    rest: BTreeSet<String>,
}

/// The class of a difference, and whether it alarms; `None` where the values are equal.
pub(super) fn classify(published: &[u8], rebuilt: &[u8]) -> Option<(DifferenceClass, String, bool)> {
    let parsed = |bytes| Json::parse(bytes).filter(|json| json.object().is_some());
    let (Some(a), Some(b)) = (parsed(published), parsed(rebuilt)) else {
        return Some((
            DifferenceClass::Content,
            "one side is no package.json that clients agree on".into(),
            true,
        ));
    };
    let mut found = Found::default();
    for key in keys(&a, &b) {
        let (ours, theirs) = (a.get(key), b.get(key));
        match key {
            "scripts" => scripts(&mut found, ours, theirs),
            "gypfile" => _ = found.scripts.insert(key.to_owned()),
            _ if ACTED_ON.contains(&key) => _ = found.acted_on.insert(key.to_owned()),
            _ if FOR_PEOPLE.contains(&key) || key.starts_with('_') => _ = found.rest.insert(key.to_owned()),
            _ => _ = found.unknown.insert(key.to_owned()),
        }
    }
    found.settle()
}

/// The keys whose values differ.
fn keys<'a>(a: &'a Json, b: &'a Json) -> BTreeSet<&'a str> {
    let all = a.object().into_iter().chain(b.object()).flatten().map(|(key, _)| key.as_str());
    all.filter(|key| a.get(key) != b.get(key)).collect()
}

fn scripts(found: &mut Found, published: Option<&Json>, rebuilt: Option<&Json>) {
    let empty = Json::Object(Vec::new());
    let (a, b) = (published.unwrap_or(&empty), rebuilt.unwrap_or(&empty));
    if a.object().is_none() || b.object().is_none() {
        found.scripts.insert("scripts".to_owned());
    }
    for name in keys(a, b) {
        let set = if LIFECYCLE.contains(&name) { &mut found.scripts } else { &mut found.rest };
        set.insert(format!("scripts.{name}"));
    }
}

impl Found {
    fn settle(self) -> Option<(DifferenceClass, String, bool)> {
        let list = |names: &BTreeSet<String>| super::classify::listed(names);
        Some(if !self.scripts.is_empty() {
            let what = list(&self.scripts);
            (DifferenceClass::InstallScript, format!("what runs on installation differs: {what}"), true)
        } else if !self.acted_on.is_empty() {
            let what = list(&self.acted_on);
            (DifferenceClass::Dependencies, format!("what clients act on differs: {what}"), true)
        } else if !self.unknown.is_empty() {
            let what = list(&self.unknown);
            (DifferenceClass::Manifest, format!("fields that are not known differ: {what}"), true)
        } else if !self.rest.is_empty() {
            let what = list(&self.rest);
            let detail = format!("only fields differ that no client of a dependency acts on: {what}");
            (DifferenceClass::Manifest, detail, false)
        } else {
            return None;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DifferenceClass::{Content, Dependencies, InstallScript, Manifest};

    #[test]
    fn what_installs_and_runs_alarms() {
        for (published, rebuilt, want) in [
            (r#"{"scripts":{"postinstall":"evil"}}"#, "{}", Some((InstallScript, true))),
            (r#"{"scripts":{"install":"a"}}"#, r#"{"scripts":{"install":"b"}}"#, Some((InstallScript, true))),
            ("{}", r#"{"scripts":{"preinstall":"b"}}"#, Some((InstallScript, true))),
            (r#"{"scripts":"x"}"#, "{}", Some((InstallScript, true))),
            (r#"{"gypfile":true}"#, "{}", Some((InstallScript, true))),
            (r#"{"scripts":{"postinstall":"a"},"name":"x"}"#, "{}", Some((InstallScript, true))),
            (r#"{"dependencies":{"evil":"1"}}"#, "{}", Some((Dependencies, true))),
            (r#"{"main":"evil.js","description":"x"}"#, "{}", Some((Dependencies, true))),
            (r#"{"exports":{"a":1,"b":2}}"#, r#"{"exports":{"b":2,"a":1}}"#, Some((Dependencies, true))),
            (r#"{"nobody-knows":1}"#, "{}", Some((Manifest, true))),
            (r#"{"scripts":{"test":"a"},"gitHead":"f00"}"#, r#"{"_id":"x"}"#, Some((Manifest, false))),
            (r#"{"description":"a"}"#, r#"{"description":"b"}"#, Some((Manifest, false))),
            (r#"{"a":1,"a":2}"#, r#"{"a":1}"#, Some((Content, true))),
            ("[]", "{}", Some((Content, true))),
            (r#"{"a":1}"#, r#"{"a": 1}"#, None),
        ] {
            let found = classify(published.as_bytes(), rebuilt.as_bytes());
            assert_eq!(found.map(|(class, _, alarming)| (class, alarming)), want, "{published} {rebuilt}");
        }
    }
}
