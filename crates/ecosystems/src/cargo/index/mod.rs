//! The files of a sparse index (<https://doc.rust-lang.org/cargo/reference/registry-index.html>): one JSON
//! document per line and release, read with limits, each line kept as upstream wrote it.

mod config;

pub use config::{BadConfig, IndexConfig};

use super::names;
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::release::Project;
use trustmill_core::{Sha256, Timestamp};

/// Lines of one file. The crates with the most releases have some thousands.
const MAX_LINES: usize = 50_000;
/// Bytes of one line. The largest on crates.io, crates with thousands of features, are near 200 KB.
const MAX_LINE: usize = 4 << 20;

/// The releases of a crate, in the index's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// The name in the publisher's own case.
    pub name: String,
    /// What can be served.
    pub releases: Vec<Release>,
    /// Lines that were left out: what cannot be read cannot be judged.
    pub left_out: usize,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The line as it came, without its end.
    pub line: Bytes,
    /// `vers`.
    pub version: String,
    /// `cksum`: of the `.crate`.
    pub sha256: Sha256,
    /// `yanked`.
    pub yanked: bool,
    /// `pubtime`.
    pub published: Option<Timestamp>,
    /// `rust_version`.
    pub rust_version: Option<String>,
}

/// What is read of a line. Other fields (`deps`, `features`, `features2`, `links`, `v`) are cargo's own business
/// and pass through; a `v` that a cargo does not know makes it skip the line, as it should.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    vers: Cow<'a, str>,
    cksum: Sha256,
    #[serde(default)]
    yanked: Option<bool>,
    #[serde(default, borrow)]
    pubtime: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    rust_version: Option<Cow<'a, str>>,
}

/// Why a body is no index file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// No line describes a release of the crate.
    #[error("none of its {lines} lines is a release of {wanted:?}")]
    Nothing {
        /// The crate, as the path spells it.
        wanted: String,
        /// Lines that were looked at.
        lines: usize,
    },
    /// More lines than any crate has.
    #[error("more than {MAX_LINES} lines")]
    TooManyLines,
}

impl IndexFile {
    /// Reads the index file of `wanted`, which is spelled in lower case.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn parse(wanted: &str, body: &Bytes) -> Result<Self, IndexError> {
        let mut file = Self { name: String::new(), releases: Vec::new(), left_out: 0 };
        let mut seen = HashSet::new();
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        for (count, line) in lines.enumerate() {
            if count >= MAX_LINES {
                return Err(IndexError::TooManyLines);
            }
            match Release::parse(wanted, &body.slice_ref(line)) {
                Some((name, release))
                    if (file.name.is_empty() || file.name == name)
                        && seen.insert(release.version.clone()) =>
                {
                    file.name = name;
                    file.releases.push(release);
                }
                _ => file.left_out += 1,
            }
        }
        if file.releases.is_empty() {
            return Err(IndexError::Nothing { wanted: wanted.to_owned(), lines: file.left_out });
        }
        Ok(file)
    }

    /// The release of that version, exactly as it is spelled.
    pub fn release(&self, version: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == version)
    }

    /// The releases in the words of the domain; files are where `config` says.
    pub fn project(&self, config: &IndexConfig) -> Project {
        let mut versions: Vec<(semver::Version, &String)> = self
            .releases
            .iter()
            .filter_map(|release| Some((names::parse_version(&release.version)?, &release.version)))
            .collect();
        versions.sort();
        Project {
            name: self.name.clone(),
            files: self.releases.iter().map(|release| release.artifact(&self.name, config)).collect(),
            versions: versions.into_iter().map(|(_, version)| version.clone()).collect(),
        }
    }

    /// Rough bytes in memory.
    pub fn weight(&self) -> usize {
        1024 + self.releases.iter().map(|release| release.line.len() + 256).sum::<usize>()
    }
}

impl Release {
    fn parse(wanted: &str, line: &Bytes) -> Option<(String, Self)> {
        if line.len() > MAX_LINE {
            return None;
        }
        let read: Line<'_> = serde_json::from_slice(line).ok()?;
        let ours = names::is_name(&read.name) && read.name.eq_ignore_ascii_case(wanted);
        names::parse_version(&read.vers).filter(|_| ours)?;
        let published = match read.pubtime {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        let release = Self {
            line: line.clone(),
            version: read.vers.into_owned(),
            sha256: read.cksum,
            yanked: read.yanked.unwrap_or(false),
            published,
            rust_version: read.rust_version.map(Cow::into_owned),
        };
        Some((read.name.into_owned(), release))
    }

    /// The `.crate` in the words of the domain.
    pub fn artifact(&self, name: &str, config: &IndexConfig) -> Artifact {
        Artifact {
            filename: names::filename(name, &self.version),
            kind: ArtifactKind::Source,
            version: self.version.clone(),
            sha256: Some(self.sha256),
            integrity: None,
            size: None,
            upload_time: self.published,
            url: config.download(name, self),
            yanked: self.yanked.then(String::new),
            requires_runtime: self.rust_version.clone(),
            metadata_sha256: None,
            hints: BTreeMap::new(),
        }
    }

    /// The release that repairs this one: the same line with another version and digest, and not yanked.
    pub fn repaired(&self, version: &str, sha256: Sha256) -> Option<Self> {
        let mut value: serde_json::Value = serde_json::from_slice(&self.line).ok()?;
        let object = value.as_object_mut()?;
        object.insert("vers".to_owned(), version.into());
        object.insert("cksum".to_owned(), sha256.to_hex().into());
        object.insert("yanked".to_owned(), false.into());
        let line = Bytes::from(value.to_string());
        Some(Self { line, version: version.to_owned(), sha256, yanked: false, ..self.clone() })
    }

    /// The line with `yanked` set: so an open requirement passes the release over, and a lock still finds it.
    pub fn yanked_line(&self) -> Bytes {
        if self.yanked {
            return self.line.clone();
        }
        let mut value: serde_json::Value = serde_json::from_slice(&self.line).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("yanked".to_owned(), true.into());
        }
        Bytes::from(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(name: &str, version: &str, more: &str) -> String {
        let sum = Sha256::of(version.as_bytes());
        format!(r#"{{"name":"{name}","vers":"{version}","deps":[],"cksum":"{sum}","features":{{}}{more}}}"#)
    }

    fn parse(lines: &[String]) -> Result<IndexFile, IndexError> {
        IndexFile::parse("demo", &Bytes::from(lines.join("\n")))
    }

    #[test]
    fn lines_are_kept_as_they_came() {
        let first = line(
            "Demo",
            "1.0.0",
            r#","yanked":false,"v":2,"features2":{"x":["dep:y"]},"pubtime":"2024-05-01T00:00:00Z","rust_version":"1.60""#,
        );
        let second = line("Demo", "1.1.0-rc.1", r#","yanked":true,"links":"z""#);
        let file = parse(&[first.clone(), String::new(), second.clone()]).unwrap();
        assert_eq!(file.name, "Demo");
        let kept: Vec<_> = file.releases.iter().map(|release| release.line.clone()).collect();
        assert_eq!(kept, [first.clone(), second]);
        assert_eq!(file.releases[0].published.unwrap().to_string(), "2024-05-01T00:00:00Z");
        assert_eq!(file.releases[0].rust_version.as_deref(), Some("1.60"));
        let yanked: serde_json::Value = serde_json::from_slice(&file.releases[0].yanked_line()).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&first).unwrap();
        expected["yanked"] = true.into();
        assert_eq!(yanked, expected);
        assert_eq!(file.releases[1].yanked_line(), file.releases[1].line);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_counted() {
        let good = line("demo", "1.0.0", "");
        let bad = [
            good.clone(),
            line("other", "1.0.0", ""),
            line("DEMO", "2.0.0", ""),
            line("demo", "1.0", ""),
            line("demo", "../1.0.0", ""),
            line("demo", "1.0.1", r#","pubtime":"yesterday""#),
            good.replace("1.0.0", "1.0.2").replace("cksum\":\"", "cksum\":\"x"),
            "{".repeat(100_000),
            "not json".to_owned(),
        ];
        let file = parse(&[&[good.clone()][..], &bad[..]].concat()).unwrap();
        assert_eq!((file.releases.len(), file.left_out), (1, bad.len()));
        assert_eq!(
            parse(&["<html>".to_owned()]),
            Err(IndexError::Nothing { wanted: "demo".into(), lines: 1 })
        );
        assert_eq!(parse(&vec![good; MAX_LINES + 1]), Err(IndexError::TooManyLines));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = IndexFile::parse("demo", &Bytes::from(body));
        }
    }
}
