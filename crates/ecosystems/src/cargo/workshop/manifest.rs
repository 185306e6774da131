//! What a crate's manifest says, and the manifest with another version.

use bytes::Bytes;
use std::collections::BTreeMap;
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::workshop::Stated;

const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";

/// The tree with another version in its manifest, and in its lock where that names the crate.
pub(super) fn renumbered(
    tree: &Contents,
    name: &str,
    old: &str,
    version: &str,
) -> Result<Contents, BuildFailure> {
    let failed = |detail: &str| BuildFailure { class: FailureClass::BadSource, detail: detail.to_owned() };
    let text = tree.text(MANIFEST).ok_or_else(|| failed("the crate has no Cargo.toml"))?;
    let is_it = |text: &str| {
        let table: Option<toml::Table> = text.parse().ok();
        table.and_then(|table| Some(table.get("package")?.get("version")?.as_str()? == version))
    };
    let found = with_version(text, "[package]", old, version).filter(|text| is_it(text) == Some(true));
    let text = found.ok_or_else(|| failed("Cargo.toml does not state the version in the usual way"))?;
    let mut new = tree.clone();
    new.set(MANIFEST, Some(Bytes::from(text)));
    if let Some(lock) = tree.text(LOCK) {
        let entry = format!("name = \"{name}\"");
        if let Some(lock) = with_version(lock, &entry, old, version) {
            new.set(LOCK, Some(Bytes::from(lock)));
        }
    }
    Ok(new)
}

/// The text with the first `version = "old"` behind `marker` changed.
fn with_version(text: &str, marker: &str, old: &str, version: &str) -> Option<String> {
    let start = text.find(marker)?;
    let (head, rest) = text.split_at_checked(start)?;
    let line = rest.lines().find(|line| {
        let said = line.split_once('=').filter(|(key, _)| key.trim() == "version");
        said.is_some_and(|(_, value)| value.trim().trim_matches(['"', '\'']) == old)
    })?;
    let indent = line.split("version").next().unwrap_or_default();
    Some(format!("{head}{}", rest.replacen(line, &format!("{indent}version = \"{version}\""), 1)))
}

/// What the manifest says.
pub(super) fn stated(filename: &str, contents: &Contents) -> Result<Stated, String> {
    let text = contents.text(MANIFEST).ok_or_else(|| format!("{filename} has no Cargo.toml"))?;
    let table: toml::Table =
        text.parse().map_err(|_| format!("the Cargo.toml of {filename} cannot be read"))?;
    let mut stated = Stated::default();
    for (key, value) in &table {
        let entry = (key.clone(), value.to_string());
        match (key.as_str(), value.as_table()) {
            ("package", Some(package)) => {
                let mut package = package.clone();
                let version = package.remove("version");
                version
                    .as_ref()
                    .and_then(toml::Value::as_str)
                    .unwrap_or_default()
                    .clone_into(&mut stated.version);
                stated.other.insert(entry.0, toml::Value::Table(package).to_string());
            }
            ("dependencies" | "build-dependencies" | "target", _) => {
                stated.dependencies.insert(entry.0, entry.1);
            }
            _ => {
                stated.other.insert(entry.0, entry.1);
            }
        }
    }
    let build = contents.get("build.rs").map(|member| member.digest().to_hex());
    stated.other.extend(build.map(|digest| ("build.rs".to_owned(), digest)));
    Ok(stated)
}

/// The file that holds a unit test, by the test's path: the longest part of it that is a module with a file of its own.
pub(super) fn file_of(
    tree: &BTreeMap<String, trustmill_core::content::Member>,
    root: &str,
    test: &str,
) -> String {
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let parts: Vec<&str> = test.split("::").collect();
    for count in (1..parts.len()).rev() {
        let module = parts.get(..count).unwrap_or_default().join("/");
        for path in [format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")] {
            if tree.contains_key(&path) {
                return path;
            }
        }
    }
    root.to_owned()
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
    fn only_the_version_of_the_package_changes() {
        let manifest =
            "[package]\nname = \"kit\"\nversion = \"1.2.0\"\n[dependencies.other]\nversion = \"1.2.0\"\n";
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n\n[[package]]\nname = \"kit\"\nversion = \"1.2.0\"\n";
        let before = tree(&[("Cargo.toml", manifest), ("Cargo.lock", lock)]);
        let after = renumbered(&before, "kit", "1.2.0", "1.2.0+tm.1").unwrap();
        assert_eq!(after.text("Cargo.toml").unwrap(), manifest.replacen("1.2.0", "1.2.0+tm.1", 1));
        assert!(after.text("Cargo.lock").unwrap().ends_with("name = \"kit\"\nversion = \"1.2.0+tm.1\"\n"));
        assert_eq!(after.text("Cargo.lock").unwrap().matches("\"1.2.0\"").count(), 1);
        let (old, new) = (stated("k", &before).unwrap(), stated("k", &after).unwrap());
        assert_eq!((old.version.as_str(), new.version.as_str()), ("1.2.0", "1.2.0+tm.1"));
        assert_eq!((old.dependencies, old.other), (new.dependencies, new.other));
    }

    #[test]
    fn a_unit_test_is_in_the_file_of_its_module() {
        let tree =
            tree(&[("src/lib.rs", ""), ("src/a/mod.rs", ""), ("src/a/b.rs", ""), ("src/c/tests.rs", "")]);
        let of = |test: &str| file_of(&tree.members, "src/lib.rs", test);
        assert_eq!(of("a::b::tests::x"), "src/a/b.rs");
        assert_eq!(of("a::tests::x"), "src/a/mod.rs");
        assert_eq!(of("c::tests::x"), "src/c/tests.rs");
        assert_eq!(of("tests::x"), "src/lib.rs");
    }
}
