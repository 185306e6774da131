//! Wheel file names (PyPA "Binary distribution format", "File name convention", and PEP 425 for the tags).

use super::requirement::canonical_name;
use crate::archive::path::shown;
use std::collections::BTreeSet;
use trustmill_core::port::Coded;

/// Bytes of a name at most: what file systems take.
const BYTES: usize = 255;
/// Tags that a compressed tag set may stand for, at most.
const TAGS: usize = 256;

/// A name that is not that of a wheel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not the file name of a wheel: {why}")]
pub struct FilenameError {
    /// The name, escaped.
    pub name: String,
    /// What is wrong.
    pub why: &'static str,
}

impl Coded for FilenameError {
    fn code(&self) -> &'static str {
        "TM0350"
    }

    fn help(&self) -> String {
        "a wheel is named NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl; the index or the lockfile is wrong"
            .into()
    }
}

/// A parsed file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The project, normalised.
    pub name: String,
    /// The version as the file name spells it.
    pub version: String,
    /// The build tag, if there is one.
    pub build: Option<String>,
    /// `py3-none-any` and so on, compressed sets expanded.
    pub tags: BTreeSet<String>,
}

impl WheelName {
    /// Parses `filename`.
    ///
    /// # Errors
    /// [`FilenameError`] for whatever the convention does not allow.
    pub fn parse(filename: &str) -> Result<Self, FilenameError> {
        Self::split(filename).map_err(|why| FilenameError { name: shown(filename), why })
    }

    fn split(filename: &str) -> Result<Self, &'static str> {
        if filename.len() > BYTES {
            return Err("it is too long");
        }
        let stem = filename.strip_suffix(".whl").ok_or("it does not end in .whl")?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
            [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(*build), tags),
            _ => return Err("it has neither five nor six parts"),
        };
        let alphanumeric = |c: char| c.is_ascii_alphanumeric();
        if !(name.starts_with(alphanumeric) && name.ends_with(alphanumeric) && is_made_of(name, "._")) {
            return Err("the project's name is malformed");
        }
        if version.is_empty() || !is_made_of(version, "._!+") {
            return Err("the version is malformed");
        }
        if build
            .is_some_and(|build| !build.starts_with(|c: char| c.is_ascii_digit()) || !is_made_of(build, "._"))
        {
            return Err("the build tag is malformed");
        }
        if tags.iter().any(|tag| tag.split('.').any(str::is_empty) || !is_made_of(tag, "._")) {
            return Err("a tag is malformed");
        }
        Ok(Self {
            name: canonical_name(name),
            version: (*version).to_owned(),
            build: build.map(str::to_owned),
            tags: expand(tags).ok_or("it stands for too many tags")?,
        })
    }

    /// Whether a file of this name installs anywhere: `none-any` and nothing else.
    pub fn is_portable(&self) -> bool {
        self.tags.iter().all(|tag| tag.ends_with("-none-any"))
    }
}

fn is_made_of(text: &str, also: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

/// `py2.py3-none-any` is `py2-none-any` and `py3-none-any` (PEP 425, "Compressed Tag Sets").
fn expand(tags: &[&str]) -> Option<BTreeSet<String>> {
    let mut out = BTreeSet::from([String::new()]);
    for part in tags {
        let longer = |prefix: &String| {
            let prefix = prefix.clone();
            part.split('.')
                .map(move |tag| if prefix.is_empty() { tag.to_owned() } else { format!("{prefix}-{tag}") })
        };
        out = out.iter().flat_map(longer).take(TAGS + 1).collect();
        if out.len() > TAGS {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_and_tags_expanded() {
        let wheel = WheelName::parse("Foo.Bar_x-1.0+local-2a-py2.py3-none-any.whl").unwrap();
        assert_eq!((wheel.name.as_str(), wheel.version.as_str()), ("foo-bar-x", "1.0+local"));
        assert_eq!(wheel.build.as_deref(), Some("2a"));
        assert_eq!(Vec::from_iter(&wheel.tags), ["py2-none-any", "py3-none-any"]);
        assert!(wheel.is_portable());
        let native =
            WheelName::parse("a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl").unwrap();
        assert!(!native.is_portable() && native.tags.len() == 2 && native.build.is_none());
    }

    #[test]
    fn other_names_are_refused() {
        let many =
            format!("a-1-{}-none-any.whl", (0..70).map(|n| n.to_string()).collect::<Vec<_>>().join("."));
        for name in [
            "a-1-py3-none-any.zip",
            "a-1-none-any.whl",
            "a-1-x-py3-none-any.whl",
            "a-1-2-3-py3-none-any.whl",
            "../a-1-py3-none-any.whl",
            "-1-py3-none-any.whl",
            "_a-1-py3-none-any.whl",
            "a--py3-none-any.whl",
            "a-1-py3..py2-none-any.whl",
            "a-1-py3-none-a/y.whl",
            "ä-1-py3-none-any.whl",
            &"a".repeat(300),
        ] {
            assert_eq!(WheelName::parse(name).unwrap_err().code(), "TM0350", "{name}");
        }
        assert_eq!(WheelName::parse(&many).unwrap().tags.len(), 70);
        let product = ["0.1.2.3.4.5.6.7.8.9", "a.b.c.d.e.f", "v.w.x.y.z"].join("-");
        assert!(WheelName::parse(&format!("a-1-{product}.whl")).is_err());
    }
}
