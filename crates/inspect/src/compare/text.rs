//! Differences in text that explain themselves: line ends, paths, times and versions that a build wrote.
//!
//! A class is given only if it accounts for every byte that differs, so that one changed line of code among a
//! hundred changed dates is no "build time".

use trustmill_core::comparison::DifferenceClass;

/// Lines that are looked at, at most; a file with more differs in content.
const LINES: usize = 100_000;

/// Replaces what a class is about in one line.
type Mask = fn(&str) -> String;

/// The class of a difference between two texts, where one class accounts for all of it.
pub(super) fn classify(path: &str, published: &[u8], rebuilt: &[u8]) -> Option<(DifferenceClass, String)> {
    let (a, b) = (std::str::from_utf8(published).ok()?, std::str::from_utf8(rebuilt).ok()?);
    if let Some(detail) = line_endings(a, b) {
        return Some((DifferenceClass::LineEndings, detail));
    }
    let pairs = changed(a, b)?;
    let masks: [(DifferenceClass, Mask, &str); 3] = [
        (DifferenceClass::BuildPath, mask_paths, "an absolute path of the build's machine"),
        (DifferenceClass::BuildTime, mask_times, "a date or time that the build wrote"),
        (DifferenceClass::VersionStamp, mask_versions, "a version that source control wrote"),
    ];
    masks.into_iter().find(|(_, mask, _)| pairs.iter().all(|(a, b)| mask(a) == mask(b))).map(
        |(class, _, what)| {
            let lines = pairs.len();
            (
                class,
                format!(
                    "{what} differs, in {lines} {} of {path:?}",
                    if lines == 1 { "line" } else { "lines" }
                ),
            )
        },
    )
}

fn line_endings(a: &str, b: &str) -> Option<String> {
    if a.replace("\r\n", "\n") != b.replace("\r\n", "\n") {
        return None;
    }
    let (theirs, ours) = (a.matches("\r\n").count(), b.matches("\r\n").count());
    Some(format!("the text is the same but for line ends: {theirs} CR LF published, {ours} rebuilt"))
}

/// The lines that differ, pairwise; `None` where lines were added or removed.
fn changed<'a>(a: &'a str, b: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('\n').collect(), b.split('\n').collect());
    let same_shape = a.len() == b.len() && a.len() <= LINES;
    let pairs = a.into_iter().zip(b).filter(|(a, b)| a != b).collect::<Vec<_>>();
    (same_shape && !pairs.is_empty()).then_some(pairs)
}

/// Roots under which builds happen.
const ROOTS: [&str; 10] = [
    "/home/",
    "/tmp/",
    "/Users/",
    "/root/",
    "/build/",
    "/builds/",
    "/var/",
    "/private/",
    "/github/",
    "/work/",
];

fn mask_paths(line: &str) -> String {
    mask(line, |rest, before| {
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | ':' | '.'));
        let unix = ROOTS.iter().any(|root| rest.starts_with(root));
        let mut chars = rest.chars();
        let drive = chars.next().is_some_and(|c| c.is_ascii_uppercase())
            && chars.next() == Some(':')
            && chars.next() == Some('\\');
        if !starts || !(unix || drive) {
            return 0;
        }
        let stop = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '<' | '>' | ')');
        rest.find(stop).unwrap_or(rest.len())
    })
}

/// `2024-05-01`, with or without a time after it.
fn mask_times(line: &str) -> String {
    mask(line, |rest, before| {
        let date = shaped(rest, "dddd-dd-dd").or_else(|| shaped(rest, "dddd/dd/dd"));
        let Some(date) = date.filter(|_| !before.is_some_and(|c| c.is_ascii_alphanumeric())) else {
            return 0;
        };
        let time = rest.get(date..).map_or(0, |rest| {
            let gap = usize::from(rest.starts_with(['T', ' ', '-']));
            let clock =
                rest.get(gap..).and_then(|rest| shaped(rest, "dd:dd:dd").or_else(|| shaped(rest, "dd:dd")));
            clock.map_or(0, |len| gap + len + zone(rest.get(gap + len..).unwrap_or_default()))
        });
        date + time
    })
}

/// Fraction and zone of a time: `.123456+00:00`, `Z`.
fn zone(rest: &str) -> usize {
    let fraction = rest
        .strip_prefix('.')
        .map_or(0, |digits| 1 + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    let rest = rest.get(fraction..).unwrap_or_default();
    let zone = if rest.starts_with('Z') {
        Some(1)
    } else {
        shaped(rest, "+dd:dd").or_else(|| shaped(rest, "-dd:dd"))
    };
    fraction + zone.unwrap_or_default()
}

/// How many bytes of `text` have the shape, where `d` is a digit.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    let fits =
        |want: u8| bytes.next().is_some_and(|b| if want == b'd' { b.is_ascii_digit() } else { b == want });
    shape.bytes().all(fits).then_some(shape.len())
}

/// Version and commit literals, where they are assigned to names that say so.
fn mask_versions(line: &str) -> String {
    let split = line.rsplit_once('=').or_else(|| line.split_once(':'));
    let Some((names, value)) = split.filter(|(names, _)| names.split('=').all(is_version_name)) else {
        return line.to_owned();
    };
    names.to_owned() + &mask_literals(value)
}

/// `__version__`, `version: str`, `"commit"`.
fn is_version_name(name: &str) -> bool {
    let name = name.split_once(':').map_or(name, |(name, _)| name).trim().to_ascii_lowercase();
    let word = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\''));
    word && ["version", "commit", "revision", "git_hash", "__sha"].iter().any(|says| name.contains(says))
}

fn mask_literals(value: &str) -> String {
    mask(value, |rest, before| {
        let opens = before.is_some_and(|c| matches!(c, '"' | '\'' | '(' | ' ' | ','));
        let literal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '!');
        let len = rest.find(|c| !literal(c)).unwrap_or(rest.len());
        let token = rest.get(..len).unwrap_or_default();
        let closes = rest
            .get(len..)
            .is_some_and(|after| after.is_empty() || after.starts_with(['"', '\'', ')', ',', '\r']));
        if opens && closes && is_version(token) { len } else { 0 }
    })
}

/// A version starts with a digit; a commit is hexadecimal, with a letter before it at most (`g1a2b3c4`).
fn is_version(token: &str) -> bool {
    let hex = token.strip_prefix('g').unwrap_or(token);
    let commit = hex.len() >= 7 && hex.chars().all(|c| c.is_ascii_hexdigit());
    commit || token.starts_with(|c: char| c.is_ascii_digit())
}

/// Replaces each piece whose length `found(rest, character before)` gives by one mark.
fn mask(line: &str, found: impl Fn(&str, Option<char>) -> usize) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut rest, mut before) = (line, None);
    while let Some(first) = rest.chars().next() {
        let len = found(rest, before);
        let (mark, step) = if len > 0 { ('\0', len) } else { (first, first.len_utf8()) };
        out.push(mark);
        before = Some(first);
        rest = rest.get(step..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use DifferenceClass::{BuildPath, BuildTime, LineEndings, VersionStamp};

    fn class(a: &str, b: &str) -> Option<DifferenceClass> {
        classify("p", a.as_bytes(), b.as_bytes()).map(|(class, _)| class)
    }

    #[test]
    fn a_class_is_given_where_it_accounts_for_everything() {
        for (a, b, want) in [
            ("a\r\nb\n", "a\nb\n", LineEndings),
            ("p = '/home/x/build/a.py'\n", "p = '/tmp/y/a.py'\n", BuildPath),
            ("p = 'C:\\a\\b'\n", "p = '/build/y'\n", BuildPath),
            ("# built 2024-05-01\n", "# built 2026-11-23\n", BuildTime),
            ("t = 2024-05-01T10:00:00.5+00:00\n", "t = 2026-11-23 09:00\n", BuildTime),
            ("__version__ = '1.2.dev3+g1a2b3c4'\n", "__version__ = '1.2'\n", VersionStamp),
            ("__version__: str = version = '1.2'\n", "__version__: str = version = '1.3'\n", VersionStamp),
            ("\"version\": \"1.2\",\n", "\"version\": \"1.3\",\n", VersionStamp),
            ("version_tuple = (1, 2, 3)\n", "version_tuple = (1, 2, 4)\n", VersionStamp),
            ("commit_id = 'g1a2b3c4d'\n", "commit_id = 'gffffffff'\n", VersionStamp),
        ] {
            assert_eq!(class(a, b), Some(want), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_class_is_refused_where_anything_else_differs() {
        for (a, b) in [
            ("a\r\nb\n", "a\nc\n"),
            ("a\rb\n", "a\nb\n"),
            ("p = '/home/x'; evil()\n", "p = '/tmp/y'\n"),
            ("# 2024-05-01\nimport evil\n", "# 2026-11-23\n"),
            ("# 2024-05-01\nx = 1\n", "# 2026-11-23\nx = 2\n"),
            ("x = '1.2'\n", "x = '1.3'\n"),
            ("version = f('1.2')()\n", "version = f('1.2')\n"),
            ("version = 'a.evil'\n", "version = '1.2'\n"),
            ("if version: x = 1\n", "if version: x = 2\n"),
            ("url = 'https://home/tmp/a'\n", "url = 'https://home/tmp/b'\n"),
        ] {
            assert_eq!(class(a, b), None, "{a:?} {b:?}");
        }
    }
}
