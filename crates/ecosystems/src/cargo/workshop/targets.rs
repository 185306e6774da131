//! What of a crate has tests, as cargo names it: everything but the documentation, whose examples are named after lines,
//! which a patch moves.

use super::run::Way;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use trustmill_core::content::Contents;

/// A target with tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cargo) enum Target {
    /// The tests in the library.
    Library,
    /// Those in the programs.
    Programs,
    /// A program of tests.
    Test(String),
}

/// The arguments that name what is to run. A file of the library, or one that is part of a program of tests, is asked for
/// with everything.
pub(super) fn asked(tree: &Contents, way: Way<'_>) -> Vec<String> {
    let integration = |path: &String| {
        let name = path.strip_prefix("tests/")?.strip_suffix(".rs")?;
        (!name.contains('/')).then(|| name.to_owned())
    };
    let test = |name: String| ["--test".to_owned(), name];
    let named: Option<Vec<String>> = way.only.and_then(|only| only.iter().map(integration).collect());
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return named.into_iter().flat_map(test).collect();
    }
    if way.without.is_empty() {
        return ["--lib", "--bins", "--tests"].map(str::to_owned).into();
    }
    let mut all = Vec::new();
    for (target, argument) in [(Target::Library, "--lib"), (Target::Programs, "--bins")] {
        if !way.without.contains(&target) {
            all.push(argument.to_owned());
        }
    }
    let tests = tests(tree).into_iter().filter(|name| !way.without.contains(&Target::Test(name.clone())));
    all.extend(tests.flat_map(test));
    all
}

/// The programs of tests: files and folders below `tests`, and those that the manifest names.
fn tests(tree: &Contents) -> BTreeSet<String> {
    let by_path = |path: &String| {
        let path = path.strip_prefix("tests/")?;
        let name = path.strip_suffix("/main.rs").or_else(|| path.strip_suffix(".rs"))?;
        (!name.contains('/')).then(|| name.to_owned())
    };
    let mut all: BTreeSet<String> = tree.members.keys().filter_map(by_path).collect();
    let manifest = tree.text("Cargo.toml").and_then(|text| text.parse::<toml::Table>().ok());
    let manifest = manifest.unwrap_or_default();
    let package = manifest.get("package").and_then(|package| package.get("autotests"));
    if package.and_then(toml::Value::as_bool) == Some(false) {
        all.clear();
    }
    let named = manifest.get("test").and_then(toml::Value::as_array).into_iter().flatten();
    all.extend(named.filter_map(|test| test.get("name")?.as_str().map(str::to_owned)));
    all
}

/// The target of which a line of cargo's says that it does not compile.
pub(super) fn broken(line: &str) -> Option<Target> {
    let (_, rest) = line.strip_prefix("error: could not compile `")?.split_once("` (")?;
    let (target, _) = rest.split_once(')')?;
    match target.split_once(' ') {
        Some(("lib", "test")) => Some(Target::Library),
        Some(("bin", _)) => Some(Target::Programs),
        Some(("test", name)) => Some(Target::Test(name.trim_matches('"').to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn ask(files: &[&str], only: Option<&[&str]>, without: &[Target]) -> Vec<String> {
        let mut tree = Contents::default();
        for path in files {
            tree.set(path, Some(Bytes::new()));
        }
        let only = only.map(|only| only.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>());
        let without = without.iter().cloned().collect();
        asked(&tree, Way { without: &without, only: only.as_deref(), strict: false })
    }

    #[test]
    fn files_are_asked_for_by_target() {
        assert_eq!(ask(&[], Some(&["tests/a.rs"]), &[]), ["--test", "a"]);
        assert_eq!(ask(&[], Some(&["tests/a.rs", "src/b.rs"]), &[]), ["--lib", "--bins", "--tests"]);
        assert_eq!(ask(&[], Some(&["tests/a/mod.rs"]), &[]), ["--lib", "--bins", "--tests"]);
    }

    #[test]
    fn what_does_not_compile_is_left_out() {
        let files = ["tests/a.rs", "tests/b/main.rs", "tests/b/more.rs", "tests/c.rs"];
        let without = [Target::Test("a".into()), Target::Programs];
        assert_eq!(ask(&files, None, &without), ["--lib", "--test", "b", "--test", "c"]);
        for (line, target) in [
            ("error: could not compile `kit` (lib test) due to 2 previous errors", Some(Target::Library)),
            (
                "error: could not compile `kit` (test \"a\") due to 1 previous error",
                Some(Target::Test("a".into())),
            ),
            ("error: could not compile `kit` (bin \"kit\" test)", Some(Target::Programs)),
            ("error: could not compile `kit` (lib) due to 1 previous error", None),
            ("error: aborting", None),
        ] {
            assert_eq!(broken(line), target, "{line}");
        }
    }
}
