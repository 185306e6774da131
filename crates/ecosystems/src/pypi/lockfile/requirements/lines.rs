//! From the text of a requirements file to its logical lines, in the order that pip works in: join
//! continued lines, take comments off, expand environment variables.
//!
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>

use super::super::source::Files;

/// Bytes of one joined line: a package of many wheels has hundreds of digests.
const MAX_LINE: usize = 1 << 20;

/// One logical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of its first line in the file, from 1.
    pub(super) number: usize,
    /// As written: what messages show, since variables may hold secrets.
    pub(super) raw: String,
    /// With environment variables expanded.
    pub(super) text: String,
}

/// Why the text has no logical lines: the line and what is wrong with it.
pub(super) type LineError = (usize, String);

/// The logical lines that hold something.
pub(super) fn logical(text: &str, files: &dyn Files) -> Result<Vec<Line>, LineError> {
    let mut lines = Vec::new();
    let mut pending: Option<(usize, String)> = None;
    for (index, line) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
        let number = index + 1;
        if let Some(odd) = line.chars().find(|c| is_hidden_break(*c)) {
            return Err((number, format!("holds {odd:?}, which some installers take for the end of a line")));
        }
        let comment = is_comment(line);
        let (first, mut joined) = pending.take().unwrap_or((number, String::new()));
        if comment && !joined.is_empty() {
            // Keeps the comment a comment once it is joined.
            joined.push(' ');
        }
        let continued = (!comment).then(|| line.strip_suffix('\\')).flatten();
        // pip takes every backslash off both ends of a continued line.
        joined.push_str(continued.map_or(line, |line| line.trim_matches('\\')));
        if joined.len() > MAX_LINE {
            return Err((first, format!("is longer than {} KiB when joined", MAX_LINE >> 10)));
        }
        if continued.is_some() {
            pending = Some((first, joined));
        } else {
            push(&mut lines, first, &joined, files);
        }
    }
    if let Some((first, joined)) = pending {
        push(&mut lines, first, &joined, files);
    }
    Ok(lines)
}

fn push(lines: &mut Vec<Line>, number: usize, joined: &str, files: &dyn Files) {
    let raw = without_comment(joined).trim();
    if !raw.is_empty() {
        lines.push(Line { number, raw: raw.to_owned(), text: expand(raw, files) });
    }
}

/// Characters at which Python's `str.splitlines`, and so pip, ends a line and other readers do not: a
/// requirement behind one would be installed and not seen here.
const fn is_hidden_break(c: char) -> bool {
    matches!(c, '\u{0b}' | '\u{0c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether pip's `(^|\s+)#.*$` matches at the start of the line.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The line up to a `#` at its start or behind white space.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return line.get(..at).unwrap_or(line);
        }
        before = c;
    }
    line
}

/// `${NAME}`, upper-case letters, digits and underscores; a variable that is unset or empty is left as written.
fn expand(text: &str, files: &dyn Files) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        rest = after;
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_variable(name));
        match name.and_then(|name| files.variable(name).filter(|value| !value.is_empty()).map(|v| (name, v)))
        {
            Some((name, value)) => {
                out.push_str(&value);
                rest = after.strip_prefix(name).and_then(|rest| rest.strip_prefix('}')).unwrap_or(after);
            }
            None => out.push_str("${"),
        }
    }
    out.push_str(rest);
    out
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::super::source::MemoryFiles;
    use super::*;

    fn texts(text: &str) -> Vec<(usize, String)> {
        let files = MemoryFiles {
            variables: [("V".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())].into(),
            ..MemoryFiles::default()
        };
        logical(text, &files).unwrap().into_iter().map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn lines_are_joined_and_comments_taken_off_as_pip_does() {
        assert_eq!(
            texts("# a\na==1 \\\n    --hash=x \\\n    # why \\\nb==2  # c\nd==1#e\n\nf \\"),
            [(2, "a==1     --hash=x".into()), (5, "b==2".into()), (6, "d==1#e".into()), (8, "f".into())]
        );
        assert_eq!(texts("a==1\rb==2\r\nc==3"), [(1, "a==1".into()), (2, "b==2".into()), (3, "c==3".into())]);
    }

    #[test]
    fn only_set_upper_case_variables_are_expanded() {
        assert_eq!(texts("a==${V}.${E}.${v}.${NO}.${"), [(1, "a==1.${E}.${v}.${NO}.${".into())]);
    }

    #[test]
    fn a_hidden_line_break_is_refused() {
        for odd in ['\u{2028}', '\u{85}', '\u{0c}', '\u{1d}'] {
            assert_eq!(logical(&format!("x==1\n# y{odd}evil==1"), &MemoryFiles::default()).unwrap_err().0, 2);
        }
    }

    /// `pip-lines.json` holds what pip 26.3 made of random texts.
    #[test]
    fn random_texts_have_the_lines_that_pip_sees() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lockfiles/pip-lines.json");
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(cases.len() > 500);
        let files = MemoryFiles {
            variables: [("V".to_owned(), "1.0".to_owned()), ("EMPTY".to_owned(), String::new())].into(),
            ..MemoryFiles::default()
        };
        for case in &cases {
            let text = case["text"].as_str().unwrap();
            let lines: Vec<serde_json::Value> = logical(text, &files)
                .unwrap()
                .iter()
                .map(|line| {
                    let (entry, options) = super::super::options::split(&line.text);
                    serde_json::json!([line.number, line.text, entry, options.trim()])
                })
                .collect();
            assert_eq!(serde_json::Value::from(lines), case["lines"], "{text:?}");
        }
    }
}
