//! `entry_points.txt` (PyPA "Entry points specification"): an INI file of groups, names and object references.

use std::collections::BTreeMap;
use trustmill_core::port::Coded;

/// Why the file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryPointsError {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A line is neither a group, an entry, a comment nor empty, or repeats one.
    #[error("line {line} is no group and no entry, or repeats one")]
    Line {
        /// Counted from one.
        line: usize,
    },
}

impl Coded for EntryPointsError {
    fn code(&self) -> &'static str {
        "TM0354"
    }

    fn help(&self) -> String {
        "read the file by hand: two installers may take two commands from it".into()
    }
}

/// Group to name to object reference.
pub type EntryPoints = BTreeMap<String, BTreeMap<String, String>>;

/// Parses the file.
///
/// # Errors
/// [`EntryPointsError`] for what is not in the specification's subset of INI.
pub fn parse(bytes: &[u8]) -> Result<EntryPoints, EntryPointsError> {
    let text = std::str::from_utf8(bytes).map_err(|_| EntryPointsError::NotUtf8)?;
    let mut groups = EntryPoints::new();
    let mut group: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let refused = EntryPointsError::Line { line: index + 1 };
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim().to_owned();
            if groups.insert(name.clone(), BTreeMap::new()).is_some() {
                return Err(refused);
            }
            group = Some(name);
            continue;
        }
        let entries = group.as_ref().and_then(|name| groups.get_mut(name));
        // The delimiter is `=` alone: names may hold a colon.
        let (Some(entries), Some((name, object))) = (entries, line.split_once('=')) else {
            return Err(refused);
        };
        if entries.insert(name.trim().to_owned(), object.split_whitespace().collect()).is_some() {
            return Err(refused);
        }
    }
    // A group without entries says nothing.
    groups.retain(|_, entries| !entries.is_empty());
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_says_nothing_and_entries_do() {
        let a = parse(b"[console_scripts]\nb = m:f\na = m:g [x]\n\n").unwrap();
        let b = parse(b"\n  [console_scripts]\r\n# c\n  a=m:g[x]\n  b  =  m : f\n[empty]\n").unwrap();
        assert_eq!(a, b);
        assert_ne!(a, parse(b"[console_scripts]\nb = m:f\na = m:h [x]\n").unwrap());
        assert_ne!(a, parse(b"[gui_scripts]\nb = m:f\na = m:g [x]\n").unwrap());
    }

    #[test]
    fn what_is_no_entry_point_file_is_refused() {
        for text in ["a = b", "[g]\nx", "[g]\na=b\na=c", "[g]\n[g]", "[g\n"] {
            assert!(matches!(parse(text.as_bytes()), Err(EntryPointsError::Line { .. })), "{text}");
        }
        assert_eq!(parse(b"\xff"), Err(EntryPointsError::NotUtf8));
    }
}
