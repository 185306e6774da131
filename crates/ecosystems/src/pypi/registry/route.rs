//! The path grammar below the mount: pages under `simple/`, files under `files/`.

use crate::pypi::names;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `simple/`: the list of projects.
    Root,
    /// `simple/{name}/` with a normalised name.
    Project(&'a str),
    /// The same page under its one canonical path, relative to the mount.
    Moved(String),
    /// `files/{name}/{filename}`.
    File(&'a str, &'a str),
    /// `files/{name}/{filename}.metadata` (PEP 658); the name without the ending.
    Metadata(&'a str, &'a str),
    /// `files/{name}/{filename}.provenance`; the name without the ending.
    Provenance(&'a str, &'a str),
    /// None of these.
    Unknown,
}

/// Reads a path, percent-decoded, without a leading slash.
pub(super) fn route(path: &str) -> Route<'_> {
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    match *parts.as_slice() {
        ["" | "simple"] => Route::Moved("simple/".into()),
        ["simple", ""] => Route::Root,
        ["simple", name] => {
            names::normalise(name).map_or(Route::Unknown, |name| Route::Moved(format!("simple/{name}/")))
        }
        ["simple", name, ""] => match names::normalise(name) {
            Some(normal) if normal == name => Route::Project(name),
            Some(normal) => Route::Moved(format!("simple/{normal}/")),
            None => Route::Unknown,
        },
        ["files", name, filename] => file(name, filename),
        _ => Route::Unknown,
    }
}

fn file<'a>(name: &'a str, filename: &'a str) -> Route<'a> {
    if names::normalise(name).as_deref() != Some(name) || !names::is_safe_filename(filename) {
        return Route::Unknown;
    }
    if let Some(base) = filename.strip_suffix(".metadata") {
        Route::Metadata(name, base)
    } else if let Some(base) = filename.strip_suffix(".provenance") {
        Route::Provenance(name, base)
    } else {
        Route::File(name, filename)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_clients_expect() {
        assert_eq!(route(""), Route::Moved("simple/".into()));
        assert_eq!(route("simple/"), Route::Root);
        assert_eq!(route("simple/a-b/"), Route::Project("a-b"));
        assert_eq!(route("simple/A_b/"), Route::Moved("simple/a-b/".into()));
        assert_eq!(route("simple/A.B"), Route::Moved("simple/a-b/".into()));
        assert_eq!(route("files/a/a-1.tar.gz"), Route::File("a", "a-1.tar.gz"));
        assert_eq!(route("files/a/a-1.whl.metadata"), Route::Metadata("a", "a-1.whl"));
        assert_eq!(route("files/a/a-1.whl.provenance"), Route::Provenance("a", "a-1.whl"));
    }

    #[test]
    fn nothing_else_leads_anywhere() {
        for path in [
            "simple/a/b/",
            "simple//",
            "simple/../",
            "files/a/",
            "files/A/a-1.zip",
            "files/a/../x",
            "files/../x/y",
            "files/a/..",
            "files/a/x/y",
            "other",
            "/simple/",
            "simple/a/\0",
            "files/a/a-1.zip/",
            "simple/é/",
        ] {
            assert_eq!(route(path), Route::Unknown, "{path:?}");
        }
    }
}
