//! The files of the project: those that git tracks, and new ones that it does not ignore.

use crate::report::Failure;
use crate::run::program;
use crate::workspace;
use std::fs;

/// Paths from the top of the workspace, `/`-separated, sorted.
pub(crate) fn files() -> Result<Vec<String>, Failure> {
    let list = program("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
    let there = |path: &&str| !path.is_empty() && workspace::root().join(path).is_file();
    let mut files: Vec<String> = list.split('\0').filter(there).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The text of a file of the project.
pub(crate) fn read(path: &str) -> Result<String, Failure> {
    fs::read_to_string(workspace::root().join(path)).map_err(|source| Failure::File {
        path: path.to_owned(),
        what: "read",
        source,
    })
}

/// Writes a file of the project.
pub(crate) fn write(path: &str, text: &str) -> Result<(), Failure> {
    fs::write(workspace::root().join(path), text).map_err(|source| Failure::File {
        path: path.to_owned(),
        what: "written",
        source,
    })
}

/// Reads a TOML file of the project.
pub(crate) fn toml<T: serde::de::DeserializeOwned>(path: &str) -> Result<T, Failure> {
    toml::from_str(&read(path)?)
        .map_err(|error| Failure::Shape { path: path.to_owned(), source: error.into() })
}

/// The lines of a source file before its tests, with their numbers; comment lines are left out.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `word` stands in `line` with nothing of a name on either side.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_part_of_another() {
        assert!(has_word("use std::fs;", "std::fs"));
        assert!(!has_word("use std::fsync;", "std::fs"));
        assert!(!has_word("my_Unverified", "Unverified"));
    }

    #[test]
    fn tests_and_comments_are_not_code() {
        let text = "//! doc\nuse a;\n    // why\nfn f() {}\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), [(2, "use a;"), (4, "fn f() {}")]);
    }
}
