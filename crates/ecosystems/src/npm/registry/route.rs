//! The path grammar below the mount: packages under their names, everything else under `-/`.

use crate::npm::names;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// Nothing in particular: `npm` asks it whether the registry is there.
    Root,
    /// `{name}`: the packument.
    Packument(&'a str),
    /// `{name}/{version or tag}`: the document of one version.
    Version(&'a str, &'a str),
    /// `{name}/-/{file}`.
    File(&'a str, &'a str),
    /// `{name}/-/{file}.provenance`; the file's name without the ending.
    Provenance(&'a str, &'a str),
    /// `-/package/{name}/dist-tags`.
    Tags(&'a str),
    /// `-/ping`.
    Ping,
    /// `-/whoami`, and whatever else asks who somebody is.
    Login,
    /// `-/v1/search`.
    Search,
    /// A page of the registry above that says something about what it signed: handed on as it is.
    Signed,
    /// None of these.
    Unknown,
}

/// What signed pages begin with.
const KEYS: &str = "-/npm/v1/keys";
const ATTESTATIONS: &str = "-/npm/v1/attestations/";

/// Reads a path, percent-decoded, without a leading slash.
pub(super) fn route(path: &str) -> Route<'_> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        "" => Route::Root,
        "-/ping" => Route::Ping,
        "-/whoami" | "-/npm/v1/user" => Route::Login,
        "-/v1/search" => Route::Search,
        KEYS => Route::Signed,
        _ => match path.strip_prefix("-/") {
            Some(_) if is_attestation(path) => Route::Signed,
            Some(rest) => tags(rest).map_or(Route::Unknown, Route::Tags),
            None => package(path),
        },
    }
}

fn tags(rest: &str) -> Option<&str> {
    let name = rest.strip_prefix("package/")?.strip_suffix("/dist-tags")?;
    names::is_valid(name).then_some(name)
}

/// `{name}@{version}`.
fn is_attestation(path: &str) -> bool {
    let release = path.strip_prefix(ATTESTATIONS).and_then(|release| release.rsplit_once('@'));
    release.is_some_and(|(name, version)| names::is_valid(name) && crate::npm::version::is_safe(version))
}

/// A name has two segments if it begins with an at sign, else one.
fn package(path: &str) -> Route<'_> {
    let end = path.match_indices('/').map(|(at, _)| at).nth(usize::from(path.starts_with('@')));
    let Some((name, rest)) = path.split_at_checked(end.unwrap_or(path.len())) else { return Route::Unknown };
    if !names::is_valid(name) {
        return Route::Unknown;
    }
    match rest.strip_prefix('/') {
        None => Route::Packument(name),
        Some(rest) => match rest.strip_prefix("-/") {
            Some(file) => self::file(name, file),
            None if rest != "-" && !rest.contains('/') => Route::Version(name, rest),
            None => Route::Unknown,
        },
    }
}

/// Old lockfiles name the files of scoped packages with their scope: `@a/b/-/@a/b-1.0.0.tgz`.
fn file<'a>(name: &'a str, file: &'a str) -> Route<'a> {
    let (scope, _) = names::split(name);
    let prefix = scope.and_then(|scope| file.strip_prefix('@')?.strip_prefix(scope)?.strip_prefix('/'));
    let file = prefix.unwrap_or(file);
    let (file, of): (_, fn(&'a str, &'a str) -> Route<'a>) = match file.strip_suffix(".provenance") {
        Some(file) => (file, Route::Provenance),
        None => (file, Route::File),
    };
    if file.contains('/') || names::version_in(name, file).is_none() {
        return Route::Unknown;
    }
    of(name, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_clients_expect() {
        for (path, expected) in [
            ("", Route::Root),
            ("left-pad", Route::Packument("left-pad")),
            ("@babel/core", Route::Packument("@babel/core")),
            ("-", Route::Packument("-")),
            ("left-pad/1.0.0", Route::Version("left-pad", "1.0.0")),
            ("@babel/core/latest", Route::Version("@babel/core", "latest")),
            ("left-pad/-/left-pad-1.0.0.tgz", Route::File("left-pad", "left-pad-1.0.0.tgz")),
            ("@babel/core/-/core-7.0.0.tgz", Route::File("@babel/core", "core-7.0.0.tgz")),
            ("@babel/core/-/@babel/core-7.0.0.tgz", Route::File("@babel/core", "core-7.0.0.tgz")),
            ("a/-/a-1.0.0.tgz.provenance", Route::Provenance("a", "a-1.0.0.tgz")),
            ("-/package/@babel/core/dist-tags", Route::Tags("@babel/core")),
            ("-/ping", Route::Ping),
            ("-/whoami", Route::Login),
            ("-/v1/search", Route::Search),
            ("-/npm/v1/keys", Route::Signed),
            ("-/npm/v1/attestations/@a/b@1.0.0", Route::Signed),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    #[test]
    fn nothing_else_leads_anywhere() {
        for path in [
            "..",
            "../x",
            "@a",
            "@a/..",
            "a/b/c",
            "a/-/b-1.0.0.tgz",
            "a/-/../a-1.0.0.tgz",
            "a/-/a-1.0.0.zip",
            "a/-/",
            "@a/b/-/@c/b-1.0.0.tgz",
            "-/all",
            "-/npm/v1/tokens",
            "-/npm/v1/attestations/../x@1.0.0",
            "__proto__",
            "//a",
            "a/-/a-1.0.0.tgz/x",
            "-/package/../x/dist-tags",
            "a\0",
            ".npmrc",
        ] {
            assert_eq!(route(path), Route::Unknown, "{path:?}");
        }
    }
}
