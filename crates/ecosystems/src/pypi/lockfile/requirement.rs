//! One dependency specifier: `name[extra,…] specifiers ; marker`, or `name @ URL`.
//!
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use super::marker::Marker;
use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// Bytes of one specifier. Real ones stay below 2 KiB.
const MAX_BYTES: usize = 32 << 10;

/// A parsed dependency specifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The project as written.
    pub name: String,
    /// The extras as written.
    pub extras: Vec<String>,
    /// Which versions, or where instead.
    pub wanted: Wanted,
    /// When it applies.
    pub marker: Option<Marker>,
}

/// Which versions a requirement accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Versions of a registry; an empty list accepts all.
    Versions(VersionSpecifiers),
    /// This URL or path.
    Url(String),
}

impl Requirement {
    /// Parses one specifier.
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the requirement is longer than {} KiB", MAX_BYTES >> 10));
        }
        let text = text.trim();
        let end = text.find(|c: char| !is_name_char(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        check_name(name)?;
        let (extras, rest) = extras(rest.trim_start())?;
        if let Some(url) = rest.trim_start().strip_prefix('@') {
            // In a URL requirement only a semicolon behind white space begins the marker.
            let (url, marker) =
                url.trim().split_once(" ;").map_or((url.trim(), None), |(u, m)| (u.trim(), Some(m)));
            let marker = marker.map(str::parse).transpose()?;
            return Ok(Self { name: name.into(), extras, wanted: Wanted::Url(url.into()), marker });
        }
        let (versions, marker) = rest.split_once(';').map_or((rest, None), |(v, m)| (v, Some(m)));
        let versions = specifiers(versions.trim())?;
        let marker = marker.map(str::parse).transpose()?;
        Ok(Self { name: name.into(), extras, wanted: Wanted::Versions(versions), marker })
    }

    /// The version specifiers; none for a URL.
    pub fn specifiers(&self) -> &[VersionSpecifier] {
        match &self.wanted {
            Wanted::Versions(specifiers) => specifiers,
            Wanted::Url(_) => &[],
        }
    }
}

/// The version that `specifier` pins: `==1.2` and `===1.2` do, `==1.*` does not.
pub fn pinned(specifier: &VersionSpecifier) -> Option<&Version> {
    matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual).then(|| specifier.version())
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A project name: ASCII letters and digits at both ends.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let ends = [name.chars().next(), name.chars().next_back()];
    let good = ends.into_iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()));
    if good && name.len() <= 200 && name.chars().all(is_name_char) {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    Err(format!("{shown:?} is not a project name"))
}

fn extras(rest: &str) -> Result<(Vec<String>, &str), String> {
    let Some(inner) = rest.strip_prefix('[') else { return Ok((Vec::new(), rest)) };
    let (list, rest) = inner.split_once(']').ok_or("`[` is not closed")?;
    let names: Vec<String> = match list.trim() {
        "" => Vec::new(),
        list => list.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    names.iter().try_for_each(|name| check_name(name))?;
    Ok((names, rest))
}

fn specifiers(text: &str) -> Result<VersionSpecifiers, String> {
    let bare = text.strip_prefix('(').map_or(Some(text), |inner| inner.strip_suffix(')'));
    let bare = bare.ok_or("`(` is not closed")?.trim();
    let bare = bare.strip_suffix(',').unwrap_or(bare);
    if bare.is_empty() {
        return Ok(VersionSpecifiers::empty());
    }
    bare.parse().map_err(|_| {
        let shown: String = bare.chars().take(60).collect();
        format!("{shown:?} is not a version specifier (PEP 440)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read() {
        let it =
            Requirement::parse("Requests [socks, use_chardet] (==2.32.5,>=2) ; os_name == 'posix'").unwrap();
        assert_eq!((it.name.as_str(), it.extras.len(), it.specifiers().len()), ("Requests", 2, 2));
        assert!(it.marker.is_some());
        let url = Requirement::parse("a @ https://files.example/a;b.whl ; os_name == 'nt'").unwrap();
        assert_eq!(url.wanted, Wanted::Url("https://files.example/a;b.whl".into()));
    }

    #[test]
    fn only_one_version_is_a_pin() {
        for (text, is_pin) in [("a==1", true), ("a===1.0", true), ("a==1.*", false), ("a~=1.0", false)] {
            let requirement = Requirement::parse(text).unwrap();
            assert_eq!(requirement.specifiers().iter().any(|one| pinned(one).is_some()), is_pin, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_specifier_is_refused() {
        for text in
            ["", "-a==1", "a-==1", "a=1", "a==", "a[x", "a[é]", "a==1; os_name", "a (==1", "ä==1", "a b"]
        {
            assert!(Requirement::parse(text).is_err(), "{text:?}");
        }
    }
}
