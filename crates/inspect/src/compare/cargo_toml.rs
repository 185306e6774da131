//! Differences in a crate's `Cargo.toml`: what Cargo resolves, builds and runs, and what is for people.

use crate::manifest::toml::{Table, Value, parse};
use std::collections::BTreeSet;
use trustmill_core::comparison::DifferenceClass;

/// Fields of `[package]` that Cargo does not act on when the crate is a dependency.
const FOR_PEOPLE: [&str; 17] = [
    "authors",
    "autobenches",
    "autoexamples",
    "autotests",
    "badges",
    "categories",
    "default-run",
    "description",
    "documentation",
    "exclude",
    "homepage",
    "include",
    "keywords",
    "metadata",
    "publish",
    "readme",
    "repository",
];
/// Tables that Cargo does not read of a dependency.
const UNUSED: [&str; 8] =
    ["badges", "bench", "dev-dependencies", "example", "hints", "lints", "profile", "test"];
/// What `cargo package` writes out or leaves out, depending on its version.
const WRITTEN_OUT: [&str; 2] = ["autobins", "autolib"];

/// What was found in one file, by how much it matters.
#[derive(Default)]
struct Found {
    runs: BTreeSet<String>,
    dependencies: BTreeSet<String>,
    features: BTreeSet<String>,
    other: BTreeSet<String>,
    generated: BTreeSet<String>,
    rest: BTreeSet<String>,
}

/// One side: its manifest, and whether there is a `build.rs` beside it.
pub(super) struct Side<'a> {
    /// The bytes of `Cargo.toml`.
    pub(super) bytes: &'a [u8],
    /// Whether the crate has a `build.rs`.
    pub(super) build_rs: bool,
}

/// The class of a difference, and whether it alarms; `None` where the values are equal.
pub(super) fn classify(published: &Side<'_>, rebuilt: &Side<'_>) -> Option<(DifferenceClass, String, bool)> {
    let (Some(a), Some(b)) = (parse(published.bytes), parse(rebuilt.bytes)) else {
        return Some((DifferenceClass::Content, "one side is no TOML".into(), true));
    };
    let mut found = Found::default();
    for key in differing(&a, &b) {
        match key {
            "package" => package(&mut found, &a, &b, published.build_rs, rebuilt.build_rs),
            "dependencies" | "build-dependencies" | "patch" | "replace" | "workspace" => {
                found.dependencies.insert(key.to_owned());
            }
            "target" => targets(&mut found, table(&a, key), table(&b, key)),
            "features" => _ = found.features.insert(key.to_owned()),
            "lib" if library(&a) == library(&b) => _ = found.generated.insert(key.to_owned()),
            _ if UNUSED.contains(&key) => _ = found.rest.insert(key.to_owned()),
            _ => _ = found.other.insert(key.to_owned()),
        }
    }
    found.settle()
}

/// The keys whose values differ.
fn differing<'a>(a: &'a Table, b: &'a Table) -> BTreeSet<&'a str> {
    a.keys().chain(b.keys()).map(String::as_str).filter(|key| a.get(*key) != b.get(*key)).collect()
}

fn table(of: &Table, key: &str) -> Table {
    of.get(key).and_then(Value::as_table).cloned().unwrap_or_default()
}

fn package(found: &mut Found, a: &Table, b: &Table, build_a: bool, build_b: bool) {
    let (a, b) = (table(a, "package"), table(b, "package"));
    for key in differing(&a, &b) {
        let name = format!("package.{key}");
        let set = match key {
            "build" if build_script(&a, build_a) == build_script(&b, build_b) => &mut found.generated,
            "build" | "links" => &mut found.runs,
            // `false` is what Cargo writes where it lists every target itself.
            _ if WRITTEN_OUT.contains(&key) && is_off_or_absent(&a, key) && is_off_or_absent(&b, key) => {
                &mut found.generated
            }
            _ if FOR_PEOPLE.contains(&key) || key.starts_with("license") => &mut found.rest,
            _ => &mut found.other,
        };
        set.insert(name);
    }
}

/// What Cargo runs before it builds the crate: what `build` says, else `build.rs` if there is one.
fn build_script(package: &Table, build_rs: bool) -> Option<String> {
    match package.get("build") {
        Some(Value::Boolean(false)) => None,
        Some(Value::String(path)) => Some(path.strip_prefix("./").unwrap_or(path).to_owned()),
        None if !build_rs => None,
        _ => Some("build.rs".to_owned()),
    }
}

fn is_off_or_absent(package: &Table, key: &str) -> bool {
    package.get(key).is_none_or(|value| value.as_bool() == Some(false))
}

/// `[lib]` with the name and path that Cargo takes where there are none.
fn library(manifest: &Table) -> Table {
    let mut library = table(manifest, "lib");
    let package = table(manifest, "package");
    let name = package.get("name").and_then(Value::as_str).unwrap_or_default().replace('-', "_");
    library.entry("name").or_insert(Value::String(name));
    library.entry("path").or_insert(Value::String("src/lib.rs".to_owned()));
    library
}

/// `[target.'cfg(...)'.dependencies]` and the like.
fn targets(found: &mut Found, a: Table, b: Table) {
    for platform in differing(&a, &b) {
        let (a, b) = (table(&a, platform), table(&b, platform));
        for key in differing(&a, &b) {
            let set = if key == "dev-dependencies" { &mut found.rest } else { &mut found.dependencies };
            set.insert(format!("target.{platform}.{key}"));
        }
    }
}

impl Found {
    fn settle(self) -> Option<(DifferenceClass, String, bool)> {
        let list = |names: &BTreeSet<String>| super::classify::listed(names);
        let sets = [
            (self.runs, DifferenceClass::InstallScript, "what runs before the crate is built differs", true),
            (self.dependencies, DifferenceClass::Dependencies, "what a resolver acts on differs", true),
            (self.features, DifferenceClass::Features, "features differ", true),
            (self.other, DifferenceClass::Manifest, "what Cargo builds differs", true),
            (self.rest, DifferenceClass::Manifest, "only what Cargo reads of no dependency differs", false),
            (
                self.generated,
                DifferenceClass::GeneratorMetadata,
                "only what Cargo's version writes out differs",
                false,
            ),
        ];
        let (names, class, what, alarming) = sets.into_iter().find(|(names, ..)| !names.is_empty())?;
        Some((class, format!("{what}: {}", list(&names)), alarming))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DifferenceClass as C;

    #[test]
    fn what_is_resolved_built_or_run_alarms() {
        let base = "[package]\nname = \"a-b\"\n";
        for (published, rebuilt, want) in [
            ("build = \"evil.rs\"\n", "", Some((C::InstallScript, true))),
            ("build = false\n", "", Some((C::InstallScript, true))),
            ("build = \"build.rs\"\n", "", Some((C::GeneratorMetadata, false))),
            ("links = \"z\"\n", "", Some((C::InstallScript, true))),
            ("[dependencies]\nevil = \"1\"\n", "", Some((C::Dependencies, true))),
            ("[target.'cfg(unix)'.dependencies]\nevil = \"1\"\n", "", Some((C::Dependencies, true))),
            ("[target.'cfg(unix)'.dev-dependencies]\nx = \"1\"\n", "", Some((C::Manifest, false))),
            ("[features]\ndefault = [\"x\"]\n", "", Some((C::Features, true))),
            ("edition = \"2021\"\n", "", Some((C::Manifest, true))),
            ("[[bin]]\nname = \"x\"\n", "", Some((C::Manifest, true))),
            ("[nobody-knows]\nname = \"x\"\n", "", Some((C::Manifest, true))),
            ("[lib]\nproc-macro = true\n", "", Some((C::Manifest, true))),
            ("[lib]\npath = \"evil.rs\"\n", "", Some((C::Manifest, true))),
            ("[lib]\nname = \"a_b\"\npath = \"src/lib.rs\"\n", "", Some((C::GeneratorMetadata, false))),
            ("autobins = false\nautolib = false\n", "", Some((C::GeneratorMetadata, false))),
            ("autobins = true\n", "", Some((C::Manifest, true))),
            ("description = \"x\"\nlicense = \"MIT\"\n", "", Some((C::Manifest, false))),
            ("[dev-dependencies]\nx = \"1\"\n", "", Some((C::Manifest, false))),
            ("=", "", Some((C::Content, true))),
            ("# x\n", "", None),
        ] {
            for swap in [false, true] {
                let side = |text: &str| format!("{base}{text}").into_bytes();
                let (a, b) = (side(published), side(rebuilt));
                let (a, b) = if swap { (b, a) } else { (a, b) };
                let found =
                    classify(&Side { bytes: &a, build_rs: true }, &Side { bytes: &b, build_rs: true });
                let found = found.map(|(class, _, alarming)| (class, alarming));
                assert_eq!(found, want, "{published} {rebuilt}");
            }
        }
    }

    #[test]
    fn a_build_script_that_is_not_there_is_none() {
        let bytes = |text: &str| format!("[package]\nname = \"a\"\n{text}").into_bytes();
        let (a, b) = (bytes("build = false\n"), bytes(""));
        let found =
            classify(&Side { bytes: &a, build_rs: false }, &Side { bytes: &b, build_rs: false }).unwrap();
        assert_eq!((found.0, found.2), (C::GeneratorMetadata, false));
        let found =
            classify(&Side { bytes: &a, build_rs: false }, &Side { bytes: &b, build_rs: true }).unwrap();
        assert_eq!((found.0, found.2), (C::InstallScript, true));
    }
}
