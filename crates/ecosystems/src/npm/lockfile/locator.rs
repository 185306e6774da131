//! Where an entry's bytes come from, by the address that the lockfile gives.

use super::error;
use super::text::shown;
use percent_encoding::percent_decode_str;
use trustmill_core::lockfile::LockfileError;

/// What an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Locator {
    /// The tarball of this very release, in the layout that registries share.
    Registry,
    /// Something else, and why it is not secured.
    Elsewhere(String),
}

/// Reads the address of the tarball of `name` at `version`.
///
/// # Errors
/// `TM0204` where it has the layout of a registry and leads to another release: what is installed would not
/// be what the entry says.
pub(super) fn locate(
    address: &str,
    name: &str,
    version: &str,
    origin: &str,
) -> Result<Locator, LockfileError> {
    if let Some(why) = elsewhere(address) {
        return Ok(Locator::Elsewhere(why));
    }
    let Ok(parsed) = url::Url::parse(address) else {
        return Err(error::syntax(origin, format!("{:?} is no address", shown(address))));
    };
    let path = percent_decode_str(parsed.path()).decode_utf8_lossy().into_owned();
    let bare = version.split('+').next().unwrap_or(version);
    if let Some((package, file)) = path.rsplit_once("/-/") {
        let base = name.rsplit('/').next().unwrap_or(name);
        let named = package.ends_with(&format!("/{name}"));
        let fits = |stem: &str, version: &str| file == format!("{stem}-{version}.tgz");
        if named && [base, name].iter().any(|stem| fits(stem, bare) || fits(stem, version)) {
            return Ok(Locator::Registry);
        }
        let what = format!("{name} {version} is to come from {:?}, which is another release", shown(address));
        return Err(error::contradiction(origin, what));
    }
    // The forge's own package registry: /download/@scope/name/1.0.0/DIGEST.
    if path.contains(&format!("/download/{name}/{bare}/")) {
        return Ok(Locator::Registry);
    }
    Ok(Locator::Elsewhere("a tarball at an address of its own, which no registry vouches for".to_owned()))
}

/// Why an address, or the range of a dependency, is of no registry; `None` where it may be.
pub(super) fn elsewhere(address: &str) -> Option<String> {
    let starts = |all: &[&str]| all.iter().any(|one| address.starts_with(one));
    let why = if starts(&["git+", "git:", "git@", "ssh:", "github:", "gitlab:", "bitbucket:", "gist:"]) {
        "comes from version control, not from a registry"
    } else if starts(&["link:", "portal:", "workspace:"]) {
        "a folder beside the project, not from a registry"
    } else if starts(&["file:", "./", "../", "/"]) {
        "a local file or folder, not from a registry"
    } else if starts(&["patch:"]) {
        "patched after the download: the patch is the project's own and is not secured"
    } else if starts(&["exec:"]) {
        "made by a script of the project, not from a registry"
    } else if starts(&["runtime:"]) {
        "a runtime that the package manager brings itself"
    } else {
        return None;
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Result<Locator, LockfileError> {
        locate(address, "@a/b", "1.2.3", "f:1")
    }

    #[test]
    fn a_registry_is_known_by_its_layout() {
        for address in [
            "https://registry.example/@a/b/-/b-1.2.3.tgz",
            "https://registry.example/npm/%40a%2fb/-/b-1.2.3.tgz?x=y#sha1",
            "https://forge.example/api/v4/packages/npm/@a/b/-/@a/b-1.2.3.tgz",
            "https://forge.example/download/@a/b/1.2.3/0123abcd",
        ] {
            assert_eq!(of(address).unwrap(), Locator::Registry, "{address}");
        }
    }

    #[test]
    fn another_release_under_this_name_is_an_error() {
        for address in [
            "https://registry.example/@a/c/-/c-1.2.3.tgz",
            "https://registry.example/@a/b/-/b-1.2.4.tgz",
            "https://registry.example/evil/-/b-1.2.3.tgz",
            "https://registry.example/x/-/@a/b/-/evil-1.2.3.tgz",
        ] {
            assert_eq!(of(address).unwrap_err().code, "TM0204", "{address}");
        }
    }

    #[test]
    fn everything_else_has_a_reason() {
        for address in
            ["git+ssh://git@host.example/a.git#abc", "file:a.tgz", "https://host.example/b.tgz", "link:../b"]
        {
            assert!(matches!(of(address).unwrap(), Locator::Elsewhere(_)), "{address}");
        }
    }
}
