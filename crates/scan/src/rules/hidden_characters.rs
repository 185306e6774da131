//! Code that its reader does not see: characters that reorder a line ("Trojan Source", CVE-2021-42574), payloads spelled
//! in characters that take no room (variation selectors, tags, zero-width ones), names made of fillers, and code pushed
//! hundreds of spaces to the right.

use super::{Found, Rule};
use crate::package::{Kind, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct HiddenCharacters;

/// Invisible characters in a row that are no part of how an emoji or a word is written: a payload has hundreds, a flag
/// of a region seven, a joined family four.
const PAYLOAD: usize = 16;

/// Spaces after code that nobody scrolls past. Aligned comments have a hundred at most.
const FAR: usize = 150;

/// Findings of one file.
const MOST: usize = 8;

impl Rule for HiddenCharacters {
    fn id(&self) -> &'static str {
        "hidden-characters"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "code has characters that its reader does not see"
    }

    fn look(&self) -> &'static str {
        "the bytes of the line: an editor shows less than there is"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| file.kind.is_code()) {
            for (at, hidden) in look(&file.bytes, file.kind) {
                let (weight, what) = hidden.says();
                // A line of thousands of characters is read by nobody: there such characters are data of a program.
                let unread = hidden == Hidden::Reordered && line_length(&file.bytes, at) > MAX_READ;
                let weight = if unread { weight / 2 } else { weight };
                found.at(weight, file, at, 0, what);
            }
        }
    }
}

/// Bytes of a line that a person may read.
const MAX_READ: usize = 2_000;

/// Bytes of the line at a place.
fn line_length(bytes: &[u8], at: u32) -> usize {
    let (before, after) = bytes.split_at((at as usize).min(bytes.len()));
    let start = memchr::memrchr(b'\n', before).map_or(before.len(), |end| before.len() - end - 1);
    start + memchr::memchr(b'\n', after).unwrap_or(after.len())
}

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hidden {
    Payload,
    Reordered,
    Filler,
    Invisible,
    FarRight,
}

impl Hidden {
    const fn says(self) -> (u8, &'static str) {
        match self {
            Self::Payload => (90, "a run of invisible characters may spell code"),
            Self::Reordered => (75, "a line is shown in another order than it is read in"),
            Self::Filler => (75, "a character that looks like a space is a name"),
            Self::Invisible => (35, "an invisible character stands within a word"),
            Self::FarRight => (82, "code stands far to the right, out of sight"),
        }
    }
}

/// Bytes that the characters in question begin with, in UTF-8.
fn may_hide(bytes: &[u8]) -> bool {
    memchr::memchr3(0xE2, 0xEF, 0xF3, bytes).is_some() || memchr::memchr2(0xE1, 0xE3, bytes).is_some()
}

fn look(bytes: &[u8], kind: Kind) -> Vec<(u32, Hidden)> {
    let mut found: Vec<(u32, Hidden)> = Vec::new();
    // Most files have neither, and are told so at the speed of memory.
    if !may_hide(bytes) && !has_far_run(bytes) {
        return found;
    }
    let mut start = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut say = |at: usize, hidden: Hidden| {
            if found.len() < MOST && !found.iter().any(|(_, known)| *known == hidden) {
                found.push((u32::try_from(start + at).unwrap_or(u32::MAX), hidden));
            }
        };
        if let Some(at) = far_right(line) {
            say(at, Hidden::FarRight);
        }
        if may_hide(line)
            && let Ok(text) = std::str::from_utf8(line)
        {
            characters(text, kind, &mut say);
        }
        start += line.len() + 1;
    }
    found
}

fn characters(line: &str, kind: Kind, say: &mut impl FnMut(usize, Hidden)) {
    let (mut run, mut depth) = (0usize, 0usize);
    let mut opened = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '\u{202A}'..='\u{202B}' | '\u{202D}'..='\u{202E}' | '\u{2066}'..='\u{2068}' => {
                opened = opened.or(Some(at));
                depth += 1;
            }
            '\u{202C}' | '\u{2069}' => depth = depth.saturating_sub(1),
            // Letters by Unicode, so that JavaScript and Python take them as names; no Korean text ends with one.
            '\u{3164}' | '\u{FFA0}' | '\u{115F}' | '\u{1160}'
                if kind != Kind::Shell && !is_hangul(before) && in_code(line, at) =>
            {
                say(at, Hidden::Filler);
            }
            _ => {}
        }
        if is_selector(c) {
            run += 1;
            if run == PAYLOAD {
                say(at, Hidden::Payload);
            }
        } else {
            run = 0;
        }
        let within = before.is_ascii_alphanumeric()
            && matches!(c, '\u{200B}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}')
            && line
                .get(at + c.len_utf8()..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if within && in_code(line, at) {
            say(at, Hidden::Invisible);
        }
        before = c;
    }
    // What is opened and closed in one line is a text in a language that is written so.
    if let (Some(at), true) = (opened, depth > 0) {
        say(at, Hidden::Reordered);
    }
}

/// Whether a place is outside of quotes, as far as its line tells.
fn in_code(line: &str, at: usize) -> bool {
    let before = line.get(..at).unwrap_or_default();
    let comment = before.contains("//") || before.trim_start().starts_with(['#', '*']);
    !comment && ['"', '\'', '`', '/'].iter().all(|quote| before.matches(*quote).count() % 2 == 0)
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}')
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E01EF}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}

/// Whether there is a run of blanks that pushes anything out of sight: one so long covers a multiple of its length.
fn has_far_run(bytes: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    (0..bytes.len()).step_by(FAR).any(|at| {
        let (before, after) = bytes.split_at(at);
        let after = after.iter().take(FAR).take_while(|byte| is_blank(byte)).count();
        let before = before.iter().rev().take(FAR).take_while(|byte| is_blank(byte)).count();
        after > 0 && before + after >= FAR
    })
}

/// Where code goes on after a run of blanks that pushes it out of sight.
fn far_right(line: &[u8]) -> Option<usize> {
    if line.len() <= FAR {
        return None;
    }
    let first = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    let (mut run, mut at) = (0usize, first);
    for byte in line.get(first..)? {
        if matches!(byte, b' ' | b'\t') {
            run += 1;
        } else {
            if run >= FAR && does_something(line.get(at..)?) {
                return Some(at);
            }
            run = 0;
        }
        at += 1;
    }
    // A line that begins that far to the right.
    (first >= 2 * FAR && does_something(line.get(first..)?)).then_some(first)
}

/// Whether the rest of a line runs something, and is no comment.
fn does_something(rest: &[u8]) -> bool {
    const WORDS: [&str; 14] = [
        "exec",
        "eval",
        "import",
        "require",
        "fetch",
        "child_process",
        "Function",
        "subprocess",
        "os.",
        "base64",
        "atob",
        "Command",
        "curl",
        "global",
    ];
    let head = rest.get(..rest.len().min(400)).unwrap_or_default();
    !head.starts_with(b"#")
        && !head.starts_with(b"//")
        && !head.starts_with(b"\\")
        && head.contains(&b'(')
        && WORDS.iter().any(|word| memchr::memmem::find(head, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_told_from_what_is_foreign() {
        let all = |text: &str| {
            look(text.as_bytes(), Kind::JavaScript).into_iter().map(|(_, h)| h).collect::<Vec<_>>()
        };
        let far = format!("x = 1;{}exec(y)", " ".repeat(200));
        let aligned = format!("x = 1{}// exec(y)", " ".repeat(200));
        let payload: String = (0..40).map(|n| char::from_u32(0xE0100 + n).unwrap()).collect();
        assert_eq!(all(&far), [Hidden::FarRight]);
        assert_eq!(all(&aligned), []);
        assert_eq!(all(&format!("eval(f(`{payload}`))")), [Hidden::Payload]);
        assert_eq!(all("if (a) { /*\u{202E} } \u{2066}if (b)\u{2069} \u{2066} */"), [Hidden::Reordered]);
        assert_eq!(all("const { a,\u{3164}} = q"), [Hidden::Filler]);
        assert_eq!(all("a\u{200B}b = 1"), [Hidden::Invisible]);
        for good in [
            "const s = '❤\u{FE0F} 👩\u{200D}👩\u{200D}👧'",
            "x = '\u{202B}שלום\u{202C}'",
            "// a\u{200B}b",
            "s = 'a\u{200B}b'",
            "k = '한\u{3164}글'",
        ] {
            assert_eq!(all(good), [], "{good}");
        }
    }
}
