//! Rules as they were written: read from folders, named, and told to workers.

use crate::YaraError;
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use trustmill_core::Sha256;

/// The most bytes of all rules together; workers are told no more than 64 MiB.
const BYTES: u64 = 32 << 20;
/// The most files.
const FILES: usize = 20_000;
/// The deepest folder.
const DEPTH: usize = 16;

/// The rules that ship.
const SHIPPED: &[(&str, &str)] = &[
    ("trustmill/programs", include_str!("../rules/programs.yar")),
    ("trustmill/stealers", include_str!("../rules/stealers.yar")),
];

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What it is called in errors and findings: its path in the folder.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// Files of rules, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// The rules that ship.
    pub fn shipped() -> Self {
        let named =
            |(name, text): &(&str, &str)| Source { name: (*name).to_owned(), text: (*text).to_owned() };
        Self(SHIPPED.iter().map(named).collect())
    }

    /// These, and those of files and folders: every `.yar` and `.yara` file in them, in the order of their paths.
    ///
    /// # Errors
    /// One cannot be read, is no text, or all of it is too much.
    pub fn with(mut self, paths: &[PathBuf]) -> Result<Self, YaraError> {
        let mut left = BYTES;
        for path in paths {
            let mut files = Vec::new();
            gather(path, DEPTH, &mut files)?;
            files.sort();
            if files.is_empty() {
                return Err(unread(path, "there is no .yar or .yara file"));
            }
            for file in files {
                let text = read(&file, &mut left)?;
                let name =
                    file.strip_prefix(path).ok().filter(|rest| *rest != Path::new("")).unwrap_or(&file);
                self.0.push(Source { name: name.display().to_string(), text });
            }
        }
        Ok(self)
    }

    /// Each of them.
    pub fn all(&self) -> &[Source] {
        &self.0
    }

    /// Names exactly these rules, so that a report by others is known to be out of date; empty for none.
    pub fn version(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let digest = Sha256::of(&self.told()).to_string();
        format!("yara.{}", digest.chars().take(12).collect::<String>())
    }

    /// As a worker is told.
    pub fn told(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As a worker hears it; it is told of no rules by nothing at all.
    ///
    /// # Errors
    /// It is something else.
    pub fn heard(told: &[u8]) -> Result<Self, YaraError> {
        if told.is_empty() {
            return Ok(Self(Vec::new()));
        }
        serde_json::from_slice(told).map_err(|error| unread(Path::new("what was told"), error))
    }
}

fn unread(path: &Path, why: impl ToString) -> YaraError {
    YaraError::Read { path: path.to_owned(), why: why.to_string() }
}

fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), YaraError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Err(unread(path, format!("more than {DEPTH} folders deep")));
    }
    for entry in std::fs::read_dir(path).map_err(|error| unread(path, error))? {
        let entry = entry.map_err(|error| unread(path, error))?;
        // A link out of the folder may be one around it.
        let kind = entry.file_type().map_err(|error| unread(path, error))?;
        let path = entry.path();
        let is_rules = path.extension().is_some_and(|it| it == "yar" || it == "yara");
        if kind.is_dir() {
            gather(&path, depth - 1, files)?;
        } else if is_rules && path.is_file() {
            files.push(path);
        }
        if files.len() > FILES {
            return Err(unread(&entry.path(), format!("more than {FILES} files")));
        }
    }
    Ok(())
}

fn read(path: &Path, left: &mut u64) -> Result<String, YaraError> {
    let file = std::fs::File::open(path).map_err(|error| unread(path, error))?;
    let mut text = String::new();
    file.take(*left + 1).read_to_string(&mut text).map_err(|error| unread(path, error))?;
    *left = left
        .checked_sub(text.len() as u64)
        .ok_or_else(|| unread(path, format!("all rules together have more than {} MiB", BYTES >> 20)))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_read_in_order_and_only_its_rules() {
        let folder =
            folder(&[("b/two.yara", "2"), ("a.yar", "1"), ("notes.md", "no"), ("b/c/three.yar", "3")]);
        let sources = Sources(Vec::new()).with(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = sources.all().iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["a.yar", "b/c/three.yar", "b/two.yara"]);
    }

    #[test]
    fn rules_that_are_not_there_or_no_text_are_an_error() {
        let empty = folder(&[("notes.md", "no")]);
        for path in [empty.path().to_owned(), "/nowhere/at/all.yar".into()] {
            assert!(matches!(Sources::shipped().with(&[path]), Err(YaraError::Read { .. })));
        }
        let bytes = tempfile::tempdir().unwrap();
        std::fs::write(bytes.path().join("a.yar"), [0xFF, 0xFE]).unwrap();
        assert!(matches!(Sources::shipped().with(&[bytes.path().to_owned()]), Err(YaraError::Read { .. })));
    }

    #[test]
    fn the_version_is_that_of_the_text() {
        let one = folder(&[("a.yar", "rule a { condition: true }")]);
        let other = folder(&[("a.yar", "rule a { condition: false }")]);
        let version = |folder: &tempfile::TempDir| {
            Sources::shipped().with(&[folder.path().to_owned()]).unwrap().version()
        };
        assert_ne!(version(&one), version(&other));
        assert_eq!(version(&one), version(&one));
        assert_eq!(Sources(Vec::new()).version(), "");
    }

    #[test]
    fn what_is_told_is_heard() {
        let sources = Sources::shipped();
        assert_eq!(Sources::heard(&sources.told()).unwrap(), sources);
        assert_eq!(Sources::heard(b"").unwrap().all(), []);
        assert!(Sources::heard(b"{]").is_err());
    }
}
