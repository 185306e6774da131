//! What the path of a file says of it: whose conventions it follows, its project and its version.

/// What a file's name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The purl type; empty where it is not told.
    pub ecosystem: String,
    /// The project.
    pub name: String,
    /// The version; empty where it is not told.
    pub version: String,
}

const ARCHIVES: [&str; 8] = [".tar.gz", ".tar.bz2", ".tgz", ".whl", ".crate", ".zip", ".egg", ".tar"];
const CODE: [&str; 9] = [".py", ".js", ".mjs", ".cjs", ".ts", ".rs", ".sh", ".ps1", ".pth"];

/// The name of an archive without its ending; `None` for what is none.
pub(super) fn archive_stem(file: &str) -> Option<&str> {
    ending(file, &ARCHIVES)
}

/// Whether a file that lies about alone is code.
pub(super) fn is_code(file: &str) -> bool {
    ending(file, &CODE).is_some()
}

fn ending<'a>(file: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        let cut = file.len().checked_sub(ending.len())?;
        file.get(cut..).filter(|end| end.eq_ignore_ascii_case(ending)).and_then(|_| file.get(..cut))
    })
}

/// What the path of an archive, a folder or a file of code says.
pub fn named(path: &str) -> Named {
    let file = path.rsplit('/').next().unwrap_or(path);
    let above = path.rsplit('/').skip(1);
    let told = above.clone().find_map(ecosystem_word);
    let ecosystem = told.or_else(|| by_ending(file)).unwrap_or_default();
    let stem = archive_stem(file).unwrap_or(file);
    // `NAME@VERSION/current.tgz`, or `NAME/current.tgz`.
    let stem =
        if matches!(stem, "current" | "previous") { above.clone().next().unwrap_or(stem) } else { stem };
    let (name, version) = split(undated(stem), file.to_ascii_lowercase().ends_with(".whl"));
    Named { ecosystem: ecosystem.into(), name: name.into(), version: version.into() }
}

fn ecosystem_word(folder: &str) -> Option<&'static str> {
    match folder.to_ascii_lowercase().as_str() {
        "pypi" | "python" | "pip" => Some("pypi"),
        "npm" | "javascript" | "typescript" | "node" => Some("npm"),
        "cargo" | "crates" | "crates.io" | "rust" => Some("cargo"),
        _ => None,
    }
}

fn by_ending(file: &str) -> Option<&'static str> {
    let lower = file.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if ends(&[".whl", ".egg", ".tar.gz", ".tar.bz2", ".py", ".pth"]) {
        Some("pypi")
    } else if ends(&[".tgz", ".js", ".mjs", ".cjs", ".ts"]) {
        Some("npm")
    } else {
        ends(&[".crate", ".rs"]).then_some("cargo")
    }
}

/// Project and version: at the last `@`, or at the first hyphen before a digit.
fn split(stem: &str, wheel: bool) -> (&str, &str) {
    if let Some((name, version)) = stem.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
        return (name, version);
    }
    if wheel {
        // PEP 427: name-version-…, and the name has no hyphen.
        let mut parts = stem.splitn(3, '-');
        return (parts.next().unwrap_or(stem), parts.next().unwrap_or(""));
    }
    let version_at = |at: usize| {
        let rest = stem.get(at + 1..)?;
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest)
    };
    let cut = stem.match_indices('-').find_map(|(at, _)| Some((stem.get(..at)?, version_at(at)?)));
    cut.unwrap_or((stem, ""))
}

/// Without the day of discovery that collections of malware put in front.
fn undated(stem: &str) -> &str {
    let day = |head: &str| {
        let shape = |(at, c): (usize, char)| if at == 4 || at == 7 { c == '-' } else { c.is_ascii_digit() };
        head.len() == 11 && head.chars().take(10).enumerate().all(shape) && head.ends_with('-')
    };
    stem.get(..11).filter(|head| day(head)).and_then(|_| stem.get(11..)).unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(path: &str) -> (String, String, String) {
        let Named { ecosystem, name, version } = named(path);
        (ecosystem, name, version)
    }

    #[test]
    fn paths_tell_project_version_and_registry() {
        let is = |path, ecosystem: &str, name: &str, version: &str| {
            assert_eq!(told(path), (ecosystem.into(), name.into(), version.into()), "{path}");
        };
        is("bad/left-pad-1.3.0.tgz", "npm", "left-pad", "1.3.0");
        is("good/requests-2.32.5-py3-none-any.whl", "pypi", "requests", "2.32.5");
        is("good/python-dateutil-2.9.0.tar.gz", "pypi", "python-dateutil", "2.9.0");
        is("good/serde-1.0.228.crate", "cargo", "serde", "1.0.228");
        is("good/npm/@scope+x@1.2.3/current.tar.gz", "npm", "@scope+x", "1.2.3");
        is("good/npm/@scope+x/current.tgz", "npm", "@scope+x", "");
        is("samples/npm/malicious/2024-01-02-x-v1.zip", "npm", "x", "1");
    }

    proptest! {
        #[test]
        fn no_path_breaks_it(path in "\\PC{0,40}") {
            named(&path);
        }
    }
}
