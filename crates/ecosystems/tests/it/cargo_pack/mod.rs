//! What the packer makes of a commit.

mod work_tree;

use bytes::Bytes;
use std::collections::BTreeMap;
use trustmill_core::content::{Contents, Member};
use trustmill_ecosystems::cargo::pack::{LineEnds, Order, PackError, Style, Vcs, pack, style_of};

fn tree(files: &[(&str, &str)]) -> Contents {
    let member = |text: &str| Member { bytes: Bytes::from(text.to_owned()), mode: Some(0o644), mtime: None };
    let members: BTreeMap<_, _> =
        files.iter().map(|(path, text)| ((*path).to_owned(), member(text))).collect();
    Contents { order: members.keys().cloned().collect(), members }
}

fn order<'a>(tree: &'a Contents, directory: &'a str) -> Order<'a> {
    let (style, line_ends) = (Style::all().next().unwrap(), LineEnds::Committed);
    Order { name: "demo", version: "1.0.0", tree, directory, line_ends, style, vcs: None, lock: None }
}

fn packed(files: &[(&str, &str)], directory: &str) -> Result<BTreeMap<String, Member>, PackError> {
    pack(&order(&tree(files), directory)).map(|(_, members)| members)
}

fn names(files: &[(&str, &str)], directory: &str) -> Vec<String> {
    packed(files, directory).unwrap().into_keys().collect()
}

const PLAIN: &str = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n";

#[test]
fn a_nested_package_and_the_neighbours_stay_out_and_hidden_files_come_along() {
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"demo\"]\n"),
        ("other/src/lib.rs", ""),
        ("demo/Cargo.toml", PLAIN),
        ("demo/.gitignore", "x"),
        ("demo/src/lib.rs", ""),
        ("demo/nested/Cargo.toml", PLAIN),
        ("demo/nested/src/lib.rs", ""),
        ("demo2/src/lib.rs", ""),
    ];
    assert_eq!(names(&files, "demo"), [".gitignore", "Cargo.toml", "Cargo.toml.orig", "src/lib.rs"]);
}

#[test]
fn include_and_exclude_are_rules_of_gitignore() {
    let manifest = |rules: &str| format!("{PLAIN}{rules}\n");
    let with = |rules: &str| {
        let manifest = manifest(rules);
        let files = [
            ("Cargo.toml", manifest.as_str()),
            ("src/lib.rs", ""),
            ("src/x.txt", ""),
            ("benches/a.rs", ""),
            ("target/y", ""),
        ];
        names(&files, "")
    };
    assert_eq!(
        with("exclude = [\"/benches\", \"*.txt\"]"),
        ["Cargo.toml", "Cargo.toml.orig", "src/lib.rs", "target/y"]
    );
    assert_eq!(
        with("include = [\"src/**\", \"!*.txt\", \"target/\"]"),
        ["Cargo.toml", "Cargo.toml.orig", "src/lib.rs"]
    );
}

#[test]
fn what_a_member_inherits_is_written_out() {
    let root = "[workspace]\nresolver = \"2\"\n[workspace.package]\nversion = \"1.0.0\"\nedition = \"2018\"\nlicense-file = \"LICENSE\"\n[workspace.dependencies]\na = { version = \"1\", features = [\"x\"] }\n";
    let member = "[package]\nname = \"demo\"\nversion.workspace = true\nedition.workspace = true\nlicense-file.workspace = true\nreadme = \"../README.md\"\n[dependencies]\na = { workspace = true, features = [\"y\"] }\nb = { path = \"../b\", version = \"2\" }\n[dev-dependencies]\nc = { path = \"../c\" }\n[features]\nz = [\"c/full\", \"b/full\"]\n";
    let files = [
        ("Cargo.toml", root),
        ("LICENSE", "MIT"),
        ("README.md", "# Demo"),
        ("crates/README.md", "# Crates"),
        ("crates/demo/Cargo.toml", member),
        ("crates/demo/src/lib.rs", ""),
        ("crates/demo/tests/t.rs", ""),
    ];
    let members = packed(&files, "crates/demo").unwrap();
    assert_eq!(
        members.keys().collect::<Vec<_>>(),
        ["Cargo.toml", "Cargo.toml.orig", "LICENSE", "README.md", "src/lib.rs", "tests/t.rs"]
    );
    assert_eq!(members["README.md"].text(), Some("# Crates"));
    assert_eq!(members["Cargo.toml.orig"].text(), Some(member));
    let manifest: toml::Table = members["Cargo.toml"].text().unwrap().parse().unwrap();
    let package = &manifest["package"];
    assert_eq!(package["license-file"].as_str(), Some("LICENSE"));
    assert_eq!((package["readme"].as_str(), package["resolver"].as_str()), (Some("README.md"), Some("2")));
    assert_eq!(package["autolib"].as_bool(), Some(false));
    assert_eq!(
        manifest["dependencies"].to_string(),
        r#"{ a = { version = "1", features = ["x", "y"] }, b = { version = "2" } }"#
    );
    assert_eq!(manifest["features"]["z"].to_string(), r#"["b/full"]"#);
    assert_eq!(manifest["test"][0]["path"].as_str(), Some("tests/t.rs"));
    assert!(manifest.get("workspace").is_none());
}

#[test]
fn the_same_commit_gives_the_same_bytes_and_its_style_is_found_again() {
    let files = [("Cargo.toml", PLAIN), ("src/lib.rs", ""), ("README.md", "x"), ("Cargo.lock", "own")];
    let tree = tree(&files);
    let commit = "ce013625030ba8dba906f756967f9e9ca394464a".parse().unwrap();
    for style in Style::all() {
        let vcs = Some(Vcs { commit: &commit, path: Some(""), line_end: false });
        let order = Order { style, vcs, lock: Some(Bytes::from_static(b"lock")), ..order(&tree, "") };
        let (bytes, members) = pack(&order).unwrap();
        assert_eq!(pack(&order).unwrap().0, bytes);
        assert_eq!(members["Cargo.lock"].text(), Some("lock"));
        let manifest = members["Cargo.toml"].text().unwrap();
        let found = style_of(&tree, "", manifest).unwrap();
        let again = pack(&Order { style: found, ..order }).unwrap();
        assert_eq!(again.0, bytes, "{style}");
    }
    let contents = trustmill_inspect::archive::published::read(
        "demo-1.0.0.crate",
        &pack(&order(&tree, "")).unwrap().0,
        &trustmill_inspect::archive::Limits::default(),
    );
    assert_eq!(contents.unwrap().members.len(), 4);
}

#[test]
fn a_cargo_that_knew_no_lints_left_them_out() {
    let manifest = format!("{PLAIN}[lints.rust]\nunused = \"warn\"\n");
    let tree = tree(&[("Cargo.toml", &manifest), ("src/lib.rs", "")]);
    let style: Style = "unlinted+old-sections".parse().unwrap();
    let written = |style| pack(&Order { style, ..order(&tree, "") }).unwrap().1["Cargo.toml"].clone();
    let (old, new) = (written(style), written("readme+old-sections".parse().unwrap()));
    assert!(!old.text().unwrap().contains("lints") && new.text().unwrap().contains("[lints.rust]"));
    for (manifest, style) in [(old, "unlinted+old-sections"), (new, "readme+old-sections")] {
        assert_eq!(style_of(&tree, "", manifest.text().unwrap()).unwrap().to_string(), style);
    }
}

#[test]
fn what_cannot_be_packed_says_why() {
    use PackError as E;
    let fail = |files: &[(&str, &str)]| packed(files, "").unwrap_err();
    assert!(matches!(fail(&[("src/lib.rs", "")]), E::NoManifest { .. }));
    assert!(matches!(fail(&[("Cargo.toml", "[package")]), E::Manifest { .. }));
    assert!(matches!(fail(&[("Cargo.toml", "[workspace]\n")]), E::Manifest { .. }));
    let other = PLAIN.replace("1.0.0", "1.0.1");
    assert!(matches!(fail(&[("Cargo.toml", &other), ("src/lib.rs", "")]), E::OtherRelease { .. }));
    assert!(matches!(
        fail(&[("Cargo.toml", "[package]\nname = \"demo\"\nversion.workspace = true\n")]),
        E::Inherit { .. }
    ));
    let lib = format!("{PLAIN}[lib]\nname = \"x\"\n");
    assert!(matches!(fail(&[("Cargo.toml", &lib)]), E::Target { kind: "lib", .. }));
    assert!(matches!(
        fail(&[("Cargo.toml", PLAIN), ("src/lib.rs", ""), (".cargo_vcs_info.json", "{}")]),
        E::Reserved { .. }
    ));
    let deep = format!("{PLAIN}metadata = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(fail(&[("Cargo.toml", &deep)]), E::Manifest { .. }));
}

#[test]
fn a_manifest_s_paths_never_leave_the_commit() {
    let manifest = format!("{PLAIN}readme = \"../../../etc/passwd\"\nlicense-file = \"/etc/shadow\"\n");
    let files = [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")];
    assert_eq!(names(&files, ""), ["Cargo.toml", "Cargo.toml.orig", "src/lib.rs"]);
}
