//! Names of projects (PEP 503) and of distribution files (the wheel and sdist specifications).
//!
//! A file name comes from a foreign page and becomes a key of records and a path of URLs, so only what
//! parses strictly, and as a file of the project that lists it, goes any further.

use super::version;
use trustmill_core::package::ArtifactKind;

/// Longest name of a project. The public index allows far less.
const MAX_NAME: usize = 200;
/// Longest file name: what file systems bear.
const MAX_FILENAME: usize = 255;
/// Endings of source archives that installers still take.
const SDIST: [&str; 5] = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"];
/// Endings of what registries still carry and no installer of today takes.
const LEGACY: [&str; 6] = [".egg", ".exe", ".msi", ".rpm", ".dmg", ".deb"];

/// The name as PEP 503 normalises it: lower case, runs of `-`, `_` and `.` one `-`; `None` if it is no
/// name (PEP 508: ASCII letters and digits, at both ends too).
pub fn normalise(name: &str) -> Option<String> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = name.len() <= MAX_NAME
        && ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.chars().all(inner);
    if !is_name {
        return None;
    }
    Some(trustmill_core::package::normalise("pypi", name))
}

/// What the name of a distribution file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedFilename {
    /// What it is.
    pub kind: ArtifactKind,
    /// The version, normalised.
    pub version: String,
    /// The tags, if it is a wheel.
    pub wheel: Option<WheelTags>,
}

/// The compatibility tags of a wheel, as written: `py2.py3`, `none`, `any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelTags {
    /// The build tag, if there is one.
    pub build: Option<String>,
    /// Interpreters, `.`-separated.
    pub python: String,
    /// ABIs, `.`-separated.
    pub abi: String,
    /// Platforms, `.`-separated.
    pub platform: String,
}

/// Why a file name is not one of a project's distributions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilenameError {
    /// It is not one path component of plain characters.
    #[error("is not a safe file name")]
    Unsafe,
    /// Its ending is none that registries use.
    #[error("has an unknown ending")]
    UnknownKind,
    /// Its parts do not follow the specification, or name another project.
    #[error("is not the name of a distribution of {project}")]
    Foreign {
        /// The project whose page lists it.
        project: String,
    },
    /// Its version is not one of PEP 440.
    #[error("has no version that PEP 440 knows")]
    Version,
}

/// Whether the text can stand as one component of a path and of a URL, on every system.
pub fn is_safe_filename(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'!');
    !name.is_empty() && name.len() <= MAX_FILENAME && !name.starts_with('.') && name.bytes().all(plain)
}

/// Reads the name of a distribution file that the page of `project` (normalised) lists.
///
/// # Errors
/// Every name that does not follow the specifications, or is a file of another project.
pub fn parse_filename(project: &str, filename: &str) -> Result<ParsedFilename, FilenameError> {
    if !is_safe_filename(filename) {
        return Err(FilenameError::Unsafe);
    }
    if let Some(stem) = filename.strip_suffix(".whl") {
        return parse_wheel(project, stem);
    }
    if let Some(stem) = SDIST.iter().find_map(|ending| filename.strip_suffix(ending)) {
        let rest = after_name(project, stem).ok_or_else(|| foreign(project))?;
        let version = version::normalise(rest).ok_or(FilenameError::Version)?;
        return Ok(ParsedFilename { kind: ArtifactKind::Source, version, wheel: None });
    }
    let stem = LEGACY.iter().find_map(|ending| filename.strip_suffix(ending));
    let rest =
        after_name(project, stem.ok_or(FilenameError::UnknownKind)?).ok_or_else(|| foreign(project))?;
    let version = legacy_version(rest).ok_or(FilenameError::Version)?;
    Ok(ParsedFilename { kind: ArtifactKind::Other, version, wheel: None })
}

fn foreign(project: &str) -> FilenameError {
    FilenameError::Foreign { project: project.to_owned() }
}

/// `{name}-{version}(-{build})?-{python}-{abi}-{platform}`, no part of which contains `-`.
fn parse_wheel(project: &str, stem: &str) -> Result<ParsedFilename, FilenameError> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, build, python, abi, platform) = match *parts.as_slice() {
        [name, version, python, abi, platform] => (name, version, None, python, abi, platform),
        [name, version, build, python, abi, platform] => (name, version, Some(build), python, abi, platform),
        _ => return Err(foreign(project)),
    };
    let build_is_tag = build.is_none_or(|tag| tag.starts_with(|c: char| c.is_ascii_digit()));
    let has_tags = [python, abi, platform].iter().all(|tag| tag.split('.').all(|part| !part.is_empty()));
    if normalise(name).as_deref() != Some(project) || !build_is_tag || !has_tags {
        return Err(foreign(project));
    }
    let version = version::normalise(version).ok_or(FilenameError::Version)?;
    let kind = if abi == "none" && platform == "any" { ArtifactKind::Portable } else { ArtifactKind::Native };
    let wheel = WheelTags {
        build: build.map(str::to_owned),
        python: python.to_owned(),
        abi: abi.to_owned(),
        platform: platform.to_owned(),
    };
    Ok(ParsedFilename { kind, version, wheel: Some(wheel) })
}

/// What follows the project's name and a `-`, whatever way the name is written.
fn after_name<'a>(project: &str, stem: &'a str) -> Option<&'a str> {
    stem.match_indices('-').find_map(|(at, _)| {
        let (name, rest) = stem.split_at_checked(at)?;
        (normalise(name).as_deref() == Some(project)).then(|| rest.strip_prefix('-'))?
    })
}

/// The version at the head of `1.0-py2.7`, `1.0.win32-py2.7`, `1.0-1.noarch`.
fn legacy_version(rest: &str) -> Option<String> {
    let head = rest.split('-').next()?;
    let head = [".win", ".macosx", ".linux", ".noarch"]
        .iter()
        .find_map(|mark| head.split_once(mark).map(|(before, _)| before))
        .unwrap_or(head);
    version::normalise(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_normalised_and_checked() {
        assert_eq!(normalise("Typing__Extensions.-x").as_deref(), Some("typing-extensions-x"));
        for bad in ["", "-a", "a-", "a/b", "a b", "é", ".", "..", &"a".repeat(300)] {
            assert_eq!(normalise(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn distribution_files_are_read() {
        let kind = |project, name| parse_filename(project, name).map(|parsed| (parsed.kind, parsed.version));
        let ok = |kind, version: &str| Ok((kind, version.to_owned()));
        use ArtifactKind::{Native, Other, Portable, Source};
        assert_eq!(kind("six", "six-1.16.0-py2.py3-none-any.whl"), ok(Portable, "1.16.0"));
        assert_eq!(kind("a-b", "A_b-1.0_rc1-1-cp311-abi3-linux_x86_64.whl"), ok(Native, "1.0rc1"));
        assert_eq!(kind("x", "x-1-py3-none-win32.whl"), ok(Native, "1"));
        assert_eq!(kind("ruamel-yaml", "ruamel.yaml-0.17.tar.gz"), ok(Source, "0.17"));
        assert_eq!(kind("a-1", "a-1-2.0.zip"), ok(Source, "2.0"));
        assert_eq!(kind("a", "a-1.0-rc.1.tar.bz2"), ok(Source, "1.0rc1"));
        assert_eq!(kind("a", "a-1.0-py2.7.egg"), ok(Other, "1.0"));
        assert_eq!(kind("a", "a-1.0.win-amd64-py2.7.exe"), ok(Other, "1.0"));
        assert_eq!(kind("a", "a-1.0-1.noarch.rpm"), ok(Other, "1.0"));
    }

    #[test]
    fn what_is_not_a_file_of_the_project_is_refused() {
        let refused = |project, name: &str| parse_filename(project, name).unwrap_err();
        for name in ["../a-1.tar.gz", "a-1/..", "", ".a-1.tar.gz", "a-1.tar.gz\n", "a 1.zip", "ä-1.zip"] {
            assert_eq!(refused("a", name), FilenameError::Unsafe, "{name:?}");
        }
        assert_eq!(refused("a", "a-1.txt"), FilenameError::UnknownKind);
        assert_eq!(refused("a", "b-1.tar.gz"), foreign("a"));
        assert_eq!(refused("a", "b-1-py3-none-any.whl"), foreign("a"));
        assert_eq!(refused("a", "a-1-x-py3-none-any.whl"), foreign("a"));
        assert_eq!(refused("a", "a-1-py3-none-.whl"), foreign("a"));
        assert_eq!(refused("pytz", "pytz-2004d.tar.gz"), FilenameError::Version);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_safe(project in "[a-z]{1,3}(-[a-z0-9]{1,3})?", name in ".{0,80}") {
            if parse_filename(&project, &name).is_ok() {
                prop_assert!(is_safe_filename(&name));
            }
        }

        #[test]
        fn a_wheel_of_the_project_is_read(project in "[a-z][a-z0-9]{0,5}", major in 0u32..99, minor in 0u32..99) {
            let name = format!("{project}-{major}.{minor}-py3-none-any.whl");
            let parsed = parse_filename(&project, &name).unwrap();
            prop_assert_eq!(parsed.version, format!("{major}.{minor}"));
            prop_assert_eq!(parsed.kind, ArtifactKind::Portable);
        }

        #[test]
        fn normalising_twice_is_normalising_once(name in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]") {
            let once = normalise(&name).unwrap();
            let twice = normalise(&once).unwrap();
            prop_assert_eq!(twice, once);
        }
    }
}
