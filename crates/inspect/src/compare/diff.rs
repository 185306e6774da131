//! Unified diffs for people: bounded, and with control characters made visible.

use similar::TextDiff;

/// Lines of a diff at most.
const LINES: usize = 200;
/// Bytes of a diff at most.
const BYTES: usize = 16 << 10;
/// Lines on a side that are compared at most: the algorithm's time grows with their product.
const INPUT_LINES: usize = 4_000;
/// Bytes on a side that are compared at most.
const INPUT_BYTES: usize = 4 << 20;
/// Characters of one line at most.
const LINE_CHARS: usize = 500;

/// A unified diff of published against rebuilt; `None` if either is no text.
pub(super) fn unified(published: &[u8], rebuilt: &[u8]) -> Option<String> {
    if published.len().max(rebuilt.len()) > INPUT_BYTES {
        return None;
    }
    let (a, b) = (text(published)?, text(rebuilt)?);
    let (mut a, mut b): (Vec<&str>, Vec<&str>) =
        (a.split_inclusive('\n').collect(), b.split_inclusive('\n').collect());
    let skipped = trim(&mut a, &mut b);
    if a.len().max(b.len()) > INPUT_LINES {
        return Some("(too many lines differ to show)\n".into());
    }
    let mut out = String::new();
    if skipped > 0 {
        out.push_str(&format!("(the first {skipped} lines are equal; lines are counted from there)\n"));
    }
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&a, &b);
    let hunks = diff.unified_diff().context_radius(3).header("published", "rebuilt").to_string();
    for (index, line) in hunks.split_inclusive('\n').enumerate() {
        let line = escaped(line);
        if index == LINES || out.len() + line.len() > BYTES {
            out.push_str("(cut here; the rest is not shown)\n");
            break;
        }
        out.push_str(&line);
    }
    Some(out)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Drops equal lines at both ends, but for some context; how many went at the start.
fn trim(a: &mut Vec<&str>, b: &mut Vec<&str>) -> usize {
    let pairs = |a: &[&str], b: &[&str]| a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let start = pairs(a, b).saturating_sub(3);
    a.drain(..start);
    b.drain(..start);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count().saturating_sub(3);
    a.truncate(a.len() - tail);
    b.truncate(b.len() - tail);
    start
}

/// Control characters as escapes, so that a diff cannot drive a terminal; long lines are cut.
fn escaped(line: &str) -> String {
    let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
    let mut out = String::with_capacity(line.len());
    for (count, c) in body.chars().enumerate() {
        if count == LINE_CHARS {
            out.push('…');
            break;
        }
        if c == '\t' {
            out.push(c);
        } else if c.is_control() || is_bidi(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out + end
}

/// Characters that turn the reading direction around: what is shown would not be what is there.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_readable_and_cannot_drive_a_terminal() {
        let diff = unified(b"a\nb\x1b[2J\r\n\xe2\x80\xae\n", b"a\nb\n").unwrap();
        assert!(diff.contains("--- published\n+++ rebuilt\n"), "{diff}");
        assert!(diff.contains("-b\\u{1b}[2J\\r\n"), "{diff}");
        assert!(diff.contains("-\\u{202e}\n+b\n"), "{diff}");
    }

    #[test]
    fn a_long_diff_is_cut_and_says_so() {
        let many: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let diff = unified(many.as_bytes(), b"").unwrap();
        assert_eq!(diff.lines().count(), LINES + 1);
        assert!(diff.ends_with("(cut here; the rest is not shown)\n"));
        let wide = "x".repeat(100_000);
        assert!(unified(wide.as_bytes(), b"y").unwrap().len() < 2 * BYTES);
        let huge = "x\n".repeat(INPUT_LINES + 10);
        assert_eq!(unified(huge.as_bytes(), b"y").unwrap(), "(too many lines differ to show)\n");
    }

    #[test]
    fn a_line_appended_to_a_large_file_is_shown() {
        let many: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        let diff = unified(format!("{many}evil\n").as_bytes(), many.as_bytes()).unwrap();
        assert!(diff.contains("\n-evil\n"), "{diff}");
        assert!(diff.starts_with("(the first 19997 lines are equal"), "{diff}");
    }

    #[test]
    fn what_is_no_text_has_no_diff() {
        assert_eq!(unified(b"\xff", b"a"), None);
        assert_eq!(unified(b"a\0", b"a"), None);
    }
}
