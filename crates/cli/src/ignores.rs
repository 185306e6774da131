//! The file of accepted problems that `trustmill check --ignores` reads.

use crate::error::Failure;
use crate::exit::Exit;
use crate::when::When;
use serde::Deserialize;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use toml::Spanned;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_factory::ignores::Ignore;

/// Bytes of such a file.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    ignore: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    release: Option<Spanned<String>>,
    reason: Spanned<String>,
    until: Spanned<Day>,
}

/// A day as TOML has it, or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Day {
    Date(toml::value::Datetime),
    Text(String),
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
struct BadIgnores {
    path: PathBuf,
    line: Option<usize>,
    what: String,
}

impl Coded for BadIgnores {
    fn code(&self) -> &'static str {
        "TM0936"
    }

    fn help(&self) -> String {
        "each [[ignore]] has `id`, `reason` and `until` (2026-12-31), and may have `release`, a package URL (docs/check.md)".into()
    }
}

/// Reads the accepted problems of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Ignore>, Failure> {
    let bad = |line, what: String| BadIgnores { path: path.to_owned(), line, what };
    let usage = |error| Failure::new(Exit::Usage, error);
    let mut text = String::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    opened.map_err(|error| usage(bad(None, format!("cannot be read: {error}"))))?;
    parse(&text).map_err(|(line, what)| usage(bad(line, what)))
}

/// The line, where it is known, and what is wrong there.
type Problem = (Option<usize>, String);

fn parse(text: &str) -> Result<Vec<Ignore>, Problem> {
    let line = |at: usize| Some(text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1);
    let file: File = toml::from_str(text).map_err(|error| {
        (error.span().and_then(|span| line(span.start)), error.message().replace('\n', ", "))
    })?;
    file.ignore.into_iter().map(|entry| read_entry(entry, line)).collect()
}

fn read_entry(entry: Entry, line: impl Fn(usize) -> Option<usize>) -> Result<Ignore, Problem> {
    let until = match entry.until.get_ref() {
        Day::Date(date) => date.to_string(),
        Day::Text(text) => text.clone(),
    };
    let Ok(When::At(until)) = until.parse() else {
        return Err((line(entry.until.span().start), format!("{until:?} is no day: write 2026-12-31")));
    };
    for (text, what) in [(&entry.id, "id"), (&entry.reason, "reason")] {
        if text.get_ref().trim().is_empty() {
            return Err((line(text.span().start), format!("the {what} is empty")));
        }
    }
    let read = |text: Spanned<String>| {
        text.get_ref().parse::<Purl>().map_err(|error| (line(text.span().start), error.to_string()))
    };
    let release = entry.release.map(read).transpose()?;
    Ok(Ignore { id: entry.id.into_inner(), release, reason: entry.reason.into_inner(), until: Some(until) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_what_why_and_until_when() {
        let text = "# ours\n[[ignore]]\nid = \"CVE-1\"\nreason = \"only in tests\"\nuntil = 2026-12-31\n\
                    release = \"pkg:pypi/Requests\"\n\n[[ignore]]\nid = \"X\"\nreason = \"y\"\nuntil = \"2026-12-31T08:00:00Z\"\n";
        let ignores = parse(text).unwrap();
        assert_eq!(ignores[0].release, Some(Purl::project("pypi", "requests")));
        assert_eq!(ignores[0].until.unwrap().to_string(), "2026-12-31T00:00:00Z");
        assert_eq!(ignores[1].until.unwrap().to_string(), "2026-12-31T08:00:00Z");
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_cannot_be_meant_is_named_with_its_line() {
        let with = |more: &str| format!("[[ignore]]\nid = \"X\"\n{more}");
        for (text, at, word) in [
            (with("reason = \"y\""), 1, "until"),
            (with("until = 2026-12-31"), 1, "reason"),
            (with("reason = \" \"\nuntil = 2026-12-31"), 3, "empty"),
            (with("reason = \"y\"\nuntil = \"soon\""), 4, "soon"),
            (with("reason = \"y\"\nuntil = \"14d\""), 4, "14d"),
            (with("reason = \"y\"\nuntil = 08:00:00"), 4, "no day"),
            (with("reason = \"y\"\nuntil = 2026-12-31\nrelease = \"requests\""), 5, "requests"),
            (with("reason = \"y\"\nuntil = 2026-12-31\nextra = 1"), 5, "extra"),
            ("[[ignores]]".to_owned(), 1, "ignores"),
            ("[[ignore]\n".to_owned(), 1, ""),
        ] {
            let (line, what) = parse(&text).unwrap_err();
            assert!(line == Some(at) && what.contains(word), "{text}: {line:?} {what}");
        }
    }
}
