//! Classes of differences in packages of JavaScript and Rust.

use crate::archive_tar_gz::file;
use crate::craft::tar_gz;
use bytes::Bytes;
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, DifferenceClass as C};
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::compare;

fn pack(top: &str, files: &[(&str, &str)]) -> Bytes {
    let entries: Vec<_> =
        files.iter().map(|(path, text)| file(&format!("{top}/{path}"), text.as_bytes())).collect();
    tar_gz(&entries)
}

fn npm(published: &[(&str, &str)], rebuilt: &[(&str, &str)]) -> Comparison {
    let (a, b) = (pack("package", published), pack("package", rebuilt));
    compare("p-1.0.0.tgz", &a, &b, &Limits::default()).unwrap()
}

fn cargo(published: &[(&str, &str)], rebuilt: &[(&str, &str)]) -> Comparison {
    let (a, b) = (pack("p-1.0.0", published), pack("p-1.0.0", rebuilt));
    compare("p-1.0.0.crate", &a, &b, &Limits::default()).unwrap()
}

fn one(found: &Comparison) -> (C, Verdict) {
    assert_eq!(found.differences.len(), 1, "{found:#?}");
    (found.differences[0].class, found.verdict)
}

const EXPLAINED: Verdict = Verdict::Explained;
const UNEXPLAINED: Verdict = Verdict::Unexplained;

#[test]
fn files_of_npm_packages_have_the_class_of_their_kind() {
    let long = |word: &str| format!("{word};{}", "x=1;".repeat(400));
    for (path, a, b, want) in [
        ("index.js", "evil()", "good()", (C::Content, UNEXPLAINED)),
        ("dist/index.js", "evil()", "good()", (C::BuildOutput, UNEXPLAINED)),
        ("index.js", &*long("a"), &*long("b"), (C::BuildOutput, UNEXPLAINED)),
        ("a.min.js", "evil()", "good()", (C::BuildOutput, UNEXPLAINED)),
        ("dist/index.js.map", "{\"a\":1}", "{\"a\":2}", (C::SourceMap, EXPLAINED)),
        ("index.d.ts", "a", "b", (C::Declarations, EXPLAINED)),
        ("index.ts", "a", "b", (C::Content, UNEXPLAINED)),
        ("README.md", "a", "b", (C::Documentation, EXPLAINED)),
        ("LICENSE", "a", "b", (C::Documentation, EXPLAINED)),
        ("LICENSE.js", "a", "b", (C::Content, UNEXPLAINED)),
        ("license", "#!/bin/sh\na", "#!/bin/sh\nb", (C::Content, UNEXPLAINED)),
        ("a.json", "[1]", "[2]", (C::Content, UNEXPLAINED)),
        ("binding.gyp", "a", "b", (C::InstallScript, UNEXPLAINED)),
        ("npm-shrinkwrap.json", "{}", "{\"a\":1}", (C::Dependencies, UNEXPLAINED)),
        ("package.json", "{\"a\":1}\r\n", "{\"a\":1}\n", (C::LineEndings, EXPLAINED)),
        ("node_modules/x/package.json", "{\"main\":\"a\"}", "{}", (C::Dependencies, UNEXPLAINED)),
    ] {
        assert_eq!(one(&npm(&[(path, a)], &[(path, b)])), want, "{path}");
    }
}

#[test]
fn files_of_crates_have_the_class_of_their_kind() {
    let vcs =
        |sha: &str, rest: &str| format!("{{\"git\":{{\"sha1\":\"{sha}\"{rest}}},\"path_in_vcs\":\"\"}}");
    for (path, a, b, want) in [
        ("src/lib.rs", "evil!()", "good!()", (C::Content, UNEXPLAINED)),
        ("build.rs", "evil!()", "good!()", (C::InstallScript, UNEXPLAINED)),
        ("Cargo.lock", "version = 3\n", "version = 4\n", (C::PublishedLock, EXPLAINED)),
        ("Cargo.toml.orig", "a = 1\n", "a = 2\n", (C::Manifest, EXPLAINED)),
        (".cargo_vcs_info.json", &*vcs("a", ""), &*vcs("b", ""), (C::VcsInfo, EXPLAINED)),
        (".cargo_vcs_info.json", &*vcs("a", ",\"dirty\":true"), &*vcs("a", ""), (C::VcsInfo, EXPLAINED)),
        (".cargo_vcs_info.json", "{", &*vcs("b", ""), (C::Content, UNEXPLAINED)),
        ("README.md", "a", "b", (C::Documentation, EXPLAINED)),
        ("dist/a.js", "a", "b", (C::Content, UNEXPLAINED)),
    ] {
        assert_eq!(one(&cargo(&[(path, a)], &[(path, b)])), want, "{path}");
    }
    let found = cargo(
        &[(".cargo_vcs_info.json", &vcs("a", ",\"dirty\":true"))],
        &[(".cargo_vcs_info.json", &vcs("b", ""))],
    );
    let detail = &found.differences[0].detail;
    assert!(detail.contains("the commit") && detail.contains("`dirty`"), "{detail}");
}

#[test]
fn what_only_the_published_package_has_is_told_apart_by_what_it_does() {
    let base = ("package.json", "{}");
    for (path, alarming) in [
        ("evil.cjs", true),
        ("evil.node", true),
        ("evil.ts", true),
        ("sub/package.json", true),
        (".npmrc", true),
        ("binding.gyp", true),
        ("types.d.ts", false),
        ("a.md", false),
        ("index.js.map", false),
    ] {
        let found = npm(&[base, (path, "x")], &[base]);
        assert_eq!(one(&found), (C::OnlyPublished, if alarming { UNEXPLAINED } else { EXPLAINED }), "{path}");
    }
    let base = ("src/lib.rs", "x");
    for (path, class, verdict) in [
        ("src/evil.rs", C::OnlyPublished, UNEXPLAINED),
        ("build.rs", C::OnlyPublished, UNEXPLAINED),
        ("c/evil.c", C::OnlyPublished, UNEXPLAINED),
        ("Cargo.lock", C::PublishedLock, EXPLAINED),
    ] {
        assert_eq!(one(&cargo(&[base, (path, "x")], &[base])), (class, verdict), "{path}");
    }
    assert_eq!(one(&cargo(&[base], &[base, ("Cargo.lock", "x")])), (C::PublishedLock, EXPLAINED));
}

#[test]
fn manifests_that_mean_the_same_are_normalised_and_the_rule_is_named() {
    let found = npm(
        &[("package.json", "{\"name\":\"p\",\"main\":\"a.js\"}")],
        &[("package.json", "{\n  \"main\": \"a.js\",\n  \"name\": \"p\"\n}\n")],
    );
    assert_eq!(found.verdict, Verdict::Normalised, "{found:#?}");
    assert_eq!(found.normalisations[0].id, "package-json-layout");
    let found = cargo(
        &[("Cargo.toml", "# by cargo\n[package]\nname = \"p\"\nversion = \"1.0.0\"\n")],
        &[("Cargo.toml", "[package]\nversion = '1.0.0'\nname = 'p'\n")],
    );
    assert_eq!(found.verdict, Verdict::Normalised, "{found:#?}");
    assert_eq!(found.normalisations[0].id, "cargo-toml-layout");
}
