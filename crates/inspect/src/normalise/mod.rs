//! Normalisations: rules that make two encodings of the same content equal, each citing what allows it.
//!
//! A rule is one file with one `RULE` and one line in [`RULES`]. A rule never drops what is executed or what
//! a resolver reads, never touches modes, and never line ends: those differences are reported.

mod cargo_toml_layout;
mod entry_points_layout;
mod metadata_field_order;
mod package_json_layout;
mod requirement_spelling;
mod wheel_tag_order;

pub(crate) use package_json_layout::is_package_json;

use crate::archive::published::Family;
use crate::wheel::headers::Headers;
use trustmill_core::comparison::Normalisation;

/// One rule over the bytes of one member.
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// The text that makes it sound.
    pub cites: &'static str,
    /// Whose files it is for.
    family: Family,
    /// Whether it is for the member at this path.
    applies: fn(&str) -> bool,
    /// The member in the one spelling; `None` where it cannot be read.
    canonical: fn(&[u8]) -> Option<Vec<u8>>,
}

/// Every rule over members, in the order in which they are applied.
pub const RULES: &[Rule] = &[
    metadata_field_order::RULE,
    requirement_spelling::RULE,
    wheel_tag_order::RULE,
    entry_points_layout::RULE,
    package_json_layout::RULE,
    cargo_toml_layout::RULE,
];

/// `RECORD` differs where what it describes is equal, or is reported by itself.
pub const WHEEL_RECORD: (&str, &str) = (
    "wheel-record",
    "PyPA, Recording installed projects: RECORD holds the path, digest and size of each file, and nothing else; \
     both RECORD files were checked against their wheels",
);

/// The members are equal, the container is not.
pub const ZIP_CONTAINER: (&str, &str) = (
    "zip-container",
    "PyPA, Binary distribution format: a wheel is installed from the names, bytes and executable bits of its \
     members; order, times, compression and the other mode bits of the zip (PKWARE APPNOTE) are not used",
);

/// The members are equal, the container is not.
pub const TAR_GZ_CONTAINER: (&str, &str) = (
    "tar-gz-container",
    "npm Docs, `npm install`: a package is a folder with a program described by a package.json, or a gzipped \
     tarball that contains it; The Cargo Book, Publishing on crates.io: a `.crate` is the compressed copy of the \
     source; both are installed from the names, bytes and executable bits of the members, not from the order, \
     times, owners and compression of the tar (POSIX pax, RFC 1952)",
);

/// A fired normalisation.
pub(crate) fn fired((id, cites): (&str, &str), members: Vec<String>) -> Normalisation {
    Normalisation { id: id.to_owned(), cites: cites.to_owned(), members }
}

/// The rules that together make the two files at `path` equal; empty if they do not.
pub(crate) fn equalising(family: Family, path: &str, a: &[u8], b: &[u8]) -> Vec<&'static Rule> {
    let rules: Vec<&Rule> =
        RULES.iter().filter(|rule| rule.family == family && (rule.applies)(path)).collect();
    let alone = rules.iter().copied().find(|rule| {
        let (a, b) = ((rule.canonical)(a), (rule.canonical)(b));
        a.is_some() && a == b
    });
    if let Some(rule) = alone {
        return vec![rule];
    }
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    for rule in &rules {
        let (Some(next_a), Some(next_b)) = ((rule.canonical)(&a), (rule.canonical)(&b)) else {
            return Vec::new();
        };
        (a, b) = (next_a, next_b);
    }
    if a == b { rules } else { Vec::new() }
}

/// Writes a header file whose body is left as it is.
fn write_headers(headers: &Headers) -> Vec<u8> {
    let mut out = String::new();
    for field in &headers.fields {
        out.push_str(&field.name);
        out.push_str(": ");
        out.push_str(&field.value);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&headers.body);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(path: &str, a: &str, b: &str) -> Vec<&'static str> {
        ids_of(Family::Python, path, a, b)
    }

    fn ids_of(family: Family, path: &str, a: &str, b: &str) -> Vec<&'static str> {
        equalising(family, path, a.as_bytes(), b.as_bytes()).iter().map(|rule| rule.id).collect()
    }

    #[test]
    fn rules_fire_alone_or_together() {
        let meta = "a-1.dist-info/METADATA";
        assert_eq!(
            ids(meta, "Name: a\nVersion: 1\n\nx", "Version: 1\nName: a\n\nx"),
            ["metadata-field-order"]
        );
        let (a, b) = ("Requires-Dist: b (>=1)\n\nx", "Requires-Dist: b>=1\n\nx");
        assert_eq!(ids(meta, a, b), ["requirement-spelling"]);
        let (a, b) = ("Name: a\nRequires-Dist: b (>=1)\n\nx", "Requires-Dist: b>=1\nName: a\n\nx");
        assert_eq!(ids(meta, a, b), ["metadata-field-order", "requirement-spelling"]);
        assert_eq!(ids("a-1.dist-info/WHEEL", "Tag: a\nTag: b\n", "Tag: b\nTag: a\n"), ["wheel-tag-order"]);
        let (a, b) = ("[g]\nx=y\n", "[g]\nx = y\n\n");
        assert_eq!(ids("a-1.dist-info/entry_points.txt", a, b), ["entry-points-layout"]);
    }

    #[test]
    fn nothing_that_matters_is_normalised() {
        let meta = "a-1.dist-info/METADATA";
        for (path, a, b) in [
            (meta, "Requires-Dist: b>=1\n\n", "Requires-Dist: b>=1\nRequires-Dist: evil\n\n"),
            (meta, "Name: a\n\nx\n", "Name: a\n\nx\r\n"),
            (meta, "Name: a\r\n\nx\n", "Name: b\n\nx\n"),
            (meta, "Classifier: a\nClassifier: b\n\n", "Classifier: b\nClassifier: a\n\n"),
            ("a-1.dist-info/WHEEL", "Generator: a\n", "Generator: b\n"),
            ("a-1.dist-info/WHEEL", "Tag: a\n", "Tag: a\nTag: b\n"),
            ("a-1.dist-info/entry_points.txt", "[g]\nx=y\n", "[g]\nx=z\n"),
            ("a.py", "a\nb\n", "b\na\n"),
            ("pkg/METADATA", "Name: a\nVersion: 1\n\nx", "Version: 1\nName: a\n\nx"),
        ] {
            assert_eq!(ids(path, a, b), [""; 0], "{path} {a:?} {b:?}");
        }
    }

    #[test]
    fn manifests_are_equal_where_their_values_are() {
        let npm = |a, b| ids_of(Family::JavaScript, "package.json", a, b);
        let rule = ["package-json-layout"];
        assert_eq!(
            npm(r#"{"name":"a","version":"1"}"#, "{\n  \"version\": \"1\", \"name\": \"a\"\n}\n"),
            rule
        );
        assert_eq!(npm(r#"{"scripts":{"a":"1","b":"2"}}"#, r#"{"scripts":{"b":"2","a":"1"}}"#), rule);
        for (a, b) in [
            (r#"{"exports":{"a":1,"b":2}}"#, r#"{"exports":{"b":2,"a":1}}"#),
            (r#"{"x":{"scripts":{"a":1,"b":2}}}"#, r#"{"x":{"scripts":{"b":2,"a":1}}}"#),
            (r#"{"a":1,"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":null}"#, "{}"),
            ("{\"a\":1}\r\n", "{\"a\":1}\n"),
            ("{", "{ "),
        ] {
            assert_eq!(npm(a, b), [""; 0], "{a} {b}");
        }
        let cargo = |a, b| ids_of(Family::Rust, "Cargo.toml", a, b);
        let a =
            "# comment\n[package]\nname = \"a\"\nversion = \"1\"\n[dependencies]\nx = { version = \"1\" }\n";
        let b = "[dependencies.x]\nversion = '1'\n[package]\nversion = \"1\"\nname = \"a\"\n";
        assert_eq!(cargo(a, b), ["cargo-toml-layout"]);
        assert_eq!(cargo("a = [1, 2]", "a = [2, 1]"), [""; 0]);
        assert_eq!(cargo("a = 1", "a = \"1\""), [""; 0]);
        assert_eq!(cargo("a = 1", "a = 1.0"), [""; 0]);
        assert_eq!(cargo("a = 1\r\n", "a = 1\n"), [""; 0]);
        assert_eq!(ids_of(Family::Rust, "x/Cargo.toml", a, b), [""; 0]);
        assert_eq!(ids_of(Family::Python, "package.json", "{}", "{ }"), [""; 0]);
    }
}
