//! Which path below the mount leads where.

use crate::cargo::names;

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `config.json`.
    Config,
    /// An index file; the crate's name in lower case.
    Index(&'a str),
    /// `files/{crate}/{crate}-{version}.crate`: crate and version.
    File(&'a str, &'a str),
    /// The same with `.provenance`.
    Provenance(&'a str, &'a str),
    /// The web interface of registries: search, publishing, owners.
    Api,
    /// None of these.
    Unknown,
}

/// Reads a path, percent-decoded, without a leading slash.
pub(super) fn route(path: &str) -> Route<'_> {
    if path == "config.json" {
        return Route::Config;
    }
    if path.starts_with("api/") {
        return Route::Api;
    }
    let Some((folders, last)) = path.rsplit_once('/') else { return Route::Unknown };
    match folders.strip_prefix("files/") {
        Some(name) => file(name, last),
        // Index files have one spelling, so that no crate has two.
        None if names::is_name(last) && names::index_path(last) == path => Route::Index(last),
        None => Route::Unknown,
    }
}

fn file<'a>(name: &'a str, filename: &'a str) -> Route<'a> {
    let (crate_file, about) = match filename.strip_suffix(".provenance") {
        Some(base) => (base, true),
        None => (filename, false),
    };
    // The folder says where the name ends: `a-1.0.0` could otherwise be read in two ways.
    let version = crate_file
        .strip_suffix(".crate")
        .and_then(|stem| stem.strip_prefix(name)?.strip_prefix('-'))
        .filter(|version| names::is_name(name) && names::parse_version(version).is_some());
    match version {
        Some(version) if about => Route::Provenance(name, version),
        Some(version) => Route::File(name, version),
        None => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_cargo_expects() {
        assert_eq!(route("config.json"), Route::Config);
        assert_eq!(route("1/a"), Route::Index("a"));
        assert_eq!(route("se/rd/serde"), Route::Index("serde"));
        assert_eq!(route("files/Inflector/Inflector-0.1.0.crate"), Route::File("Inflector", "0.1.0"));
        assert_eq!(route("files/md-5/md-5-0.1.0+x.crate"), Route::File("md-5", "0.1.0+x"));
        assert_eq!(route("files/a/a-1.0.0.crate.provenance"), Route::Provenance("a", "1.0.0"));
        assert_eq!(route("api/v1/crates"), Route::Api);
    }

    #[test]
    fn nothing_else_leads_anywhere() {
        for path in [
            "",
            "a",
            "2/a",
            "se/rd/Serde",
            "se/rd/../serde",
            "1/..",
            "/1/a",
            "1/a/",
            "files/a/b-1.0.0.crate",
            "files/a/a-1.0.crate",
            "files/a/a-../x.crate",
            "files/../a-1.0.0.crate",
            "files/a/b/a-1.0.0.crate",
            "files/a-1.0.0.crate",
            "files/a/a-1.0.0.crate.provenance.provenance",
            "config.json/",
            "1/\0",
        ] {
            assert_eq!(route(path), Route::Unknown, "{path:?}");
        }
    }
}
