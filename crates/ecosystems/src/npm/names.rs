//! Names of npm packages and of their files.
//!
//! Names follow <https://docs.npmjs.com/cli/configuring-npm/package-json#name>, with what older packages were
//! allowed: upper case and a few marks. A file has two names: what its URL ends with (`core-7.0.0.tgz`), which
//! other scopes use as well, and the one under which the mill remembers it, which nobody else has
//! (`@babel+core-7.0.0.tgz`; a plus cannot be part of a name).

use super::version;

/// Longest name, in bytes.
const MAX_NAME: usize = 214;

/// Whether this is the name of a package: `name`, or `@scope/name`.
pub fn is_valid(name: &str) -> bool {
    let (scope, base) = split(name);
    name.len() <= MAX_NAME && scope.is_none_or(is_part) && is_part(base)
}

/// A scope, without its `@`, or the name inside it. What begins with a dot or an underscore is none: such names
/// are folders (`.bin`), or keys that JavaScript gives a meaning (`__proto__`).
fn is_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*".contains(&byte);
    !part.is_empty() && !part.starts_with(['.', '_']) && part.bytes().all(plain)
}

/// Scope, without its `@`, and name inside it.
pub fn split(name: &str) -> (Option<&str>, &str) {
    match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, base)) => (Some(scope), base),
        None => (None, name),
    }
}

/// What the URL of a release's file ends with: `core-7.0.0.tgz` for `@babel/core`.
pub fn tarball(name: &str, version: &str) -> String {
    format!("{}-{version}.tgz", split(name).1)
}

/// The name under which facts and locks know a release's file: `@babel+core-7.0.0.tgz`.
pub fn filename(name: &str, version: &str) -> String {
    match split(name) {
        (Some(scope), base) => format!("@{scope}+{base}-{version}.tgz"),
        (None, base) => format!("{base}-{version}.tgz"),
    }
}

/// The version in a file's name, whichever of the two it is, given the package.
pub fn version_in<'a>(name: &str, file: &'a str) -> Option<&'a str> {
    let (scope, base) = split(name);
    let plain = file.strip_prefix('@').and_then(|rest| {
        let (of, rest) = rest.split_once('+')?;
        (Some(of) == scope).then_some(rest)
    });
    let version = plain.unwrap_or(file).strip_prefix(base)?.strip_prefix('-')?.strip_suffix(".tgz")?;
    version::is_safe(version).then_some(version)
}

/// Package and version of a file, from its name alone: the first dash after which a version follows parts
/// them.
pub fn release_of(filename: &str) -> Option<(String, &str)> {
    let stem = filename.strip_suffix(".tgz")?;
    let (package, version) = stem.match_indices('-').find_map(|(at, _)| {
        let (package, version) = stem.split_at_checked(at)?;
        let version = version.strip_prefix('-')?;
        version::parse(version).map(|_| (package, version))
    })?;
    let name = if package.starts_with('@') { package.replacen('+', "/", 1) } else { package.to_owned() };
    is_valid(&name).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_what_the_registry_allows() {
        for good in
            ["a", "left-pad", "JSONStream", "@babel/core", "lodash.merge", "-", "@a/b~c", "node!", "3"]
        {
            assert!(is_valid(good), "{good}");
        }
        let long = "a".repeat(215);
        for bad in [
            "",
            ".",
            "..",
            ".bin",
            "_private",
            "__proto__",
            "a/b",
            "@a",
            "@/b",
            "@a/",
            "@a/b/c",
            "@../x",
            "@a/..",
            "a b",
            "a\0",
            "a%2fb",
            "ä",
            "a+b",
            "a\\b",
            "a?b",
            &long,
        ] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }

    #[test]
    fn files_of_different_scopes_have_different_names() {
        assert_eq!(tarball("@babel/core", "7.0.0"), "core-7.0.0.tgz");
        assert_eq!(filename("@babel/core", "7.0.0"), "@babel+core-7.0.0.tgz");
        assert_eq!(filename("left-pad", "1.0.0"), "left-pad-1.0.0.tgz");
        assert_eq!(version_in("@babel/core", "core-7.0.0.tgz"), Some("7.0.0"));
        assert_eq!(version_in("@babel/core", "@babel+core-7.0.0.tgz"), Some("7.0.0"));
        for other in
            ["@other+core-7.0.0.tgz", "cores-7.0.0.tgz", "core-7.0.0.zip", "core-../x.tgz", "core-.tgz"]
        {
            assert_eq!(version_in("@babel/core", other), None, "{other}");
        }
    }

    #[test]
    fn a_file_names_its_release() {
        for (file, name, version) in [
            ("@babel+core-7.0.0-rc.1.tgz", "@babel/core", "7.0.0-rc.1"),
            ("left-pad-1.3.0.tgz", "left-pad", "1.3.0"),
            ("base64-js-1.0.0.tgz", "base64-js", "1.0.0"),
        ] {
            assert_eq!(release_of(file), Some((name.to_owned(), version)));
        }
        for none in
            ["left-pad.tgz", "1.0.0.tgz", "a-1.0.tgz", "a-1.0.0.tar.gz", "../a-1.0.0.tgz", "@a-1.0.0.tgz"]
        {
            assert_eq!(release_of(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_place(text in "\\PC{0,40}") {
            if is_valid(&text) {
                prop_assert!(!text.split('/').any(|part| matches!(part, "" | "." | "..")));
                prop_assert!(!filename(&text, "1.0.0").contains('/'));
            }
            let _ = release_of(&text);
        }

        #[test]
        fn every_file_leads_back(name in "(@[a-z]{1,5}/)?[a-z][a-z.-]{0,8}[a-z]", version in "[0-9]{1,3}\\.[0-9]\\.[0-9](-[a-z]{1,4})?") {
            prop_assume!(version::parse(&version).is_some());
            let file = filename(&name, &version);
            prop_assert_eq!(version_in(&name, &file), Some(version.as_str()));
            prop_assert_eq!(release_of(&file), Some((name, version.as_str())));
        }
    }
}
