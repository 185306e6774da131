//! Labels: what somebody says a package is, and how a set is halved so that one half stays unseen.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::Sha256;

/// What a package is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// It does harm.
    #[serde(alias = "malware", alias = "bad")]
    Malicious,
    /// It does not.
    #[serde(alias = "good", alias = "clean")]
    Benign,
}

impl Label {
    /// The label that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "malicious" | "malware" | "bad" => Some(Self::Malicious),
            "benign" | "good" | "clean" => Some(Self::Benign),
            _ => None,
        }
    }

    /// The label of a path: its deepest folder that is named after one.
    pub fn of_path(path: &str) -> Option<Self> {
        path.rsplit('/').skip(1).find_map(Self::from_word)
    }
}

/// The labels of a `labels.csv` or `labels.json`: paths in the set, or folders of it.
#[derive(Debug, Clone, Default)]
pub struct Labels(BTreeMap<String, Label>);

/// Why a file of labels is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// A line that is not `path,label`.
    #[error("line {line} is not `path,label` with a label malicious or benign")]
    Line {
        /// From 1.
        line: usize,
    },
    /// Not an object from paths to labels.
    #[error("not a JSON object from paths to labels: {why}")]
    Json {
        /// What the parser says.
        why: String,
    },
}

impl Labels {
    /// Reads lines `path,label`; a first line without a label is taken as the names of the columns.
    ///
    /// # Errors
    /// [`LabelsError::Line`] for any other line.
    pub fn csv(text: &str) -> Result<Self, LabelsError> {
        let mut labels = BTreeMap::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            // A path may have commas; a label has none.
            let parts = line.rsplit_once(',').map(|(path, word)| (unquoted(path), unquoted(word)));
            match parts.and_then(|(path, word)| Some((path, Label::from_word(word)?))) {
                Some((path, label)) => {
                    labels.insert(path.trim_matches('/').to_owned(), label);
                }
                None if at == 0 => {}
                None => return Err(LabelsError::Line { line: at + 1 }),
            }
        }
        Ok(Self(labels))
    }

    /// Reads an object from paths to labels.
    ///
    /// # Errors
    /// [`LabelsError::Json`] for anything else.
    pub fn json(text: &str) -> Result<Self, LabelsError> {
        serde_json::from_str(text).map(Self).map_err(|error| LabelsError::Json { why: error.to_string() })
    }

    /// The label of a path: its own, or the one of the deepest folder above it that has one.
    pub fn of(&self, path: &str) -> Option<Label> {
        std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(above, _)| above))
            .find_map(|path| self.0.get(path).copied())
    }
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
}

/// A part of a set. Rules are written while looking at one, and judged by the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    #[default]
    All,
    /// May be looked at.
    Work,
    /// Is only counted.
    HeldOut,
}

impl Part {
    /// Whether a project belongs to it: by a hash of its name, so that all its releases fall on one side, today and
    /// always.
    pub fn has(self, project: &str) -> bool {
        let work = Sha256::of(project.as_bytes()).to_string().starts_with(|digit: char| digit < '8');
        match self {
            Self::All => true,
            Self::Work => work,
            Self::HeldOut => !work,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_folder_decides() {
        assert_eq!(Label::of_path("malware/npm/x-1.tgz"), Some(Label::Malicious));
        assert_eq!(Label::of_path("malware/clean/x-1.tgz"), Some(Label::Benign));
        assert_eq!(Label::of_path("npm/bad"), None, "the file's own name is no folder");
    }

    #[test]
    fn a_list_of_labels_names_files_and_folders() {
        let labels = Labels::csv("path,verdict\na/b.tgz,malware\n\"a, b\",benign\n").unwrap();
        assert_eq!(labels.of("a/b.tgz"), Some(Label::Malicious));
        assert_eq!(labels.of("a, b/c.whl"), Some(Label::Benign));
        assert_eq!(labels.of("c"), None);
        assert_eq!(Labels::csv("a,bad\nb,perhaps\n").unwrap_err(), LabelsError::Line { line: 2 });
        assert_eq!(Labels::json(r#"{"x": "clean"}"#).unwrap().of("x"), Some(Label::Benign));
    }

    #[test]
    fn every_project_is_in_one_part_for_ever() {
        let work = |name: &str| Part::Work.has(name);
        assert!((0..1000).all(|n| work(&n.to_string()) != Part::HeldOut.has(&n.to_string())));
        let share = (0..1000).filter(|n| work(&format!("project-{n}"))).count();
        assert!((400..600).contains(&share), "{share}");
        // Published figures depend on these.
        assert_eq!(["requests", "left-pad", "serde"].map(work), PINNED);
    }

    const PINNED: [bool; 3] = [false, true, false];
}
