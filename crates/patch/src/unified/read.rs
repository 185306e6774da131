//! Reading. What is read is foreign: it is bounded, and what is not understood is refused.

use crate::MOST_BYTES;

/// The most files that one difference may change.
const MOST_FILES: usize = 2_000;

/// What a difference says of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChange {
    /// The path before; `None` where the file is new.
    pub before: Option<String>,
    /// The path after; `None` where the file goes.
    pub after: Option<String>,
    /// Whether it is a change of bytes that no line says.
    pub binary: bool,
    /// The runs of lines.
    pub runs: Vec<Run>,
}

/// A run of lines, as `@@` begins it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The first line before, from 1; 0 where there is none.
    pub start: usize,
    /// The lines before.
    pub before: Vec<String>,
    /// The lines after.
    pub after: Vec<String>,
}

/// Why a text is no difference that is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is too large.
    #[error("the difference is larger than {MOST_BYTES} bytes or changes more than {MOST_FILES} files")]
    TooLarge,
    /// A line that has no place where it stands.
    #[error("line {line} of the difference is not understood")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// A run that has fewer or more lines than it says.
    #[error("the run that begins in line {line} of the difference is cut short")]
    Short {
        /// Its number, from 1.
        line: usize,
    },
    /// A path that leads out of the tree, or is none.
    #[error("line {line} of the difference names a path that is refused")]
    Path {
        /// Its number, from 1.
        line: usize,
    },
}

/// Reads a difference as `diff -u` or git writes it.
///
/// # Errors
/// [`ReadError`].
pub fn read(text: &str) -> Result<Vec<FileChange>, ReadError> {
    if text.len() > MOST_BYTES {
        return Err(ReadError::TooLarge);
    }
    let mut files: Vec<FileChange> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, line)).peekable();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("diff --git ") {
            push(&mut files)?;
        } else if let Some(path) = line.strip_prefix("--- ") {
            let next = lines.next().and_then(|(_, line)| line.strip_prefix("+++ "));
            let other = next.ok_or(ReadError::Line { line: number + 1 })?;
            let begun = files
                .last()
                .is_some_and(|file| file.runs.is_empty() && file.before.is_none() && file.after.is_none());
            if !begun || files.is_empty() {
                push(&mut files)?;
            }
            if let Some(file) = files.last_mut() {
                file.before = path_of(path, number)?;
                file.after = path_of(other, number + 1)?;
            }
        } else if let Some(head) = line.strip_prefix("@@ -") {
            let run = run(head, number, &mut lines)?;
            files.last_mut().ok_or(ReadError::Line { line: number })?.runs.push(run);
        } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
            files.last_mut().ok_or(ReadError::Line { line: number })?.binary = true;
        } else if let Some(path) = line.strip_prefix("rename from ") {
            files.last_mut().ok_or(ReadError::Line { line: number })?.before = path_of(path, number)?;
        } else if let Some(path) = line.strip_prefix("rename to ") {
            files.last_mut().ok_or(ReadError::Line { line: number })?.after = path_of(path, number)?;
        }
        // Whatever else stands between files is a mail's text or one of git's headers, and changes nothing.
    }
    Ok(files)
}

fn push(files: &mut Vec<FileChange>) -> Result<(), ReadError> {
    if files.len() >= MOST_FILES {
        return Err(ReadError::TooLarge);
    }
    files.push(FileChange::default());
    Ok(())
}

/// A path below the tree; `None` for `/dev/null`.
fn path_of(text: &str, line: usize) -> Result<Option<String>, ReadError> {
    let path = text.split('\t').next().unwrap_or_default();
    if path == "/dev/null" {
        return Ok(None);
    }
    let path = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/")).unwrap_or(path);
    let clean = !path.is_empty()
        && path.len() <= 4096
        && !path.contains(['\\', '"', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if clean { Ok(Some(path.to_owned())) } else { Err(ReadError::Path { line }) }
}

fn run<'a>(
    head: &str,
    number: usize,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Result<Run, ReadError> {
    let bad = || ReadError::Line { line: number };
    let (old, rest) = head.split_once(" +").ok_or_else(bad)?;
    let (new, _) = rest.split_once(" @@").ok_or_else(bad)?;
    let (start, mut gone) = span(old).ok_or_else(bad)?;
    let (_, mut come) = span(new).ok_or_else(bad)?;
    let mut run = Run { start, ..Run::default() };
    while gone > 0 || come > 0 {
        let (_, line) = lines.next().ok_or(ReadError::Short { line: number })?;
        let (sign, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        let short = ReadError::Short { line: number };
        match sign {
            " " | "\t" => {
                let text = if sign == "\t" { line } else { text };
                gone = gone.checked_sub(1).ok_or_else(|| short.clone())?;
                come = come.checked_sub(1).ok_or(short)?;
                run.before.push(text.to_owned());
                run.after.push(text.to_owned());
            }
            "-" => {
                gone = gone.checked_sub(1).ok_or(short)?;
                run.before.push(text.to_owned());
            }
            "+" => {
                come = come.checked_sub(1).ok_or(short)?;
                run.after.push(text.to_owned());
            }
            "\\" => {}
            _ => return Err(short),
        }
    }
    Ok(run)
}

/// `12,3` or `12`.
fn span(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;
    use crate::lines::Lines;
    use proptest::prelude::*;

    #[test]
    fn what_git_says_is_read() {
        let text = "diff --git a/kit.py b/kit.py\nindex 1..2 100644\n--- a/kit.py\n+++ b/kit.py\n@@ -1,2 +1,3 @@ def f():\n a\n+b\n c\ndiff --git a/logo.png b/logo.png\nBinary files a/logo.png and b/logo.png differ\n";
        let files = read(text).unwrap();
        assert_eq!(files.len(), 2);
        let run = files[0].runs.first().unwrap();
        assert_eq!((run.start, run.before.len(), run.after.len()), (1, 2, 3));
        assert!(files[1].binary);
    }

    #[test]
    fn a_path_out_of_the_tree_is_refused() {
        for path in ["../x", "/etc/passwd", "a/../../x", "a//b"] {
            let text = format!("--- a/x\n+++ b/{path}\n");
            assert_eq!(read(&text), Err(ReadError::Path { line: 2 }), "{path}");
        }
    }

    #[test]
    fn a_run_that_lies_about_its_length_is_refused() {
        assert!(matches!(read("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n"), Err(ReadError::Short { line: 3 })));
        assert!(matches!(
            read("--- a/x\n+++ b/x\n@@ -1,18446744073709551615 +1,3 @@\n a\n"),
            Err(ReadError::Short { .. })
        ));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(a in "([ab ]{0,2}\n){0,16}", b in "([ab ]{0,2}\n){0,16}") {
            let text = write("x/y.py", Some(&a), Some(&b));
            let files = read(&text).unwrap();
            let old = Lines::of(&a);
            for run in files.iter().flat_map(|file| &file.runs) {
                let start = run.start.saturating_sub(usize::from(!run.before.is_empty()));
                prop_assert_eq!(old.range(start..start + run.before.len()), run.before.as_slice());
            }
            prop_assert_eq!(files.is_empty(), a == b);
        }

        #[test]
        fn any_text_is_borne(text in "((---|\\+\\+\\+|@@ -[0-9],[0-9] \\+[0-9],[0-9] @@|[ +-]x|diff --git a b|rename to y)[ a/.]{0,4}\n){0,20}") {
            let _ = read(&text);
        }
    }
}
