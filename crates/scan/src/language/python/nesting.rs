//! Whether a text is nested so deeply that a recursive parser would run out of stack.

/// Brackets within brackets. What people and their tools write has a few dozen.
const MAX_BRACKETS: u32 = 400;

/// Prefix operators and keywords in a row: `- - - x`, `not not x`, `!!!!x`, `lambda: lambda: x`.
const MAX_PREFIXES: u32 = 400;

/// Operators in one expression: each is a level of the tree, though the parser need not recurse for it.
const MAX_LINKS: u32 = 50_000;

/// Steps of indentation.
const MAX_INDENT: u32 = 800;

/// Words after which an operand is still to come.
const PREFIX_WORDS: &[&[u8]] =
    &[b"not", b"await", b"lambda", b"yield", b"typeof", b"void", b"delete", b"new", b"async", b"else"];

/// The length of the comment or text that begins a rest; 0 where neither does. It is told apart roughly: whoever tricks
/// this into missing a nesting ends the scanner's process, and his file is held for it.
fn skipped(rest: &[u8]) -> usize {
    let to = |end: &[u8], from: usize| {
        let body = rest.get(from..).unwrap_or_default();
        memchr::memmem::find(body, end).map_or(rest.len(), |at| from + at + end.len())
    };
    match rest {
        [b'#', ..] => to(b"\n", 1) - 1,
        [b'"', b'"', b'"', ..] => to(b"\"\"\"", 3),
        [b'\'', b'\'', b'\'', ..] => to(b"'''", 3),
        [quote @ (b'"' | b'\''), body @ ..] => {
            let mut escaped = false;
            let end = body.iter().position(|c| {
                let ends = !escaped && (c == quote || *c == b'\n');
                escaped = *c == b'\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        }
        _ => 0,
    }
}

const fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// Whether it is.
pub(super) fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut prefixes, mut links, mut indent) = (0u32, 0u32, 0u32, 0u32);
    let mut at_start = true;
    let mut rest = text;
    while let Some((c, after)) = rest.split_first() {
        if is_word(*c) {
            // Most of a file is words: they are passed over whole.
            let length = 1 + after.iter().take_while(|c| is_word(**c)).count();
            let (word, more) = rest.split_at(length);
            prefixes = if PREFIX_WORDS.contains(&word) { prefixes + 1 } else { 0 };
            (rest, at_start) = (more, false);
        } else if matches!(c, b'#' | b'"' | b'\'') {
            rest = rest.get(skipped(rest)..).unwrap_or_default();
            continue;
        } else {
            rest = after;
            match c {
                b'\n' => {
                    (at_start, indent) = (true, 0);
                    links = if depth == 0 { 0 } else { links };
                    continue;
                }
                b' ' | b'\t' => {
                    indent += u32::from(at_start);
                    if indent > MAX_INDENT && rest.first().is_some_and(|next| !next.is_ascii_whitespace()) {
                        return true;
                    }
                    continue;
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b'-' | b'~' | b'+' | b'!' | b'*' | b'@' => (prefixes, links) = (prefixes + 1, links + 1),
                b'.' | b'/' | b'%' | b'&' | b'|' | b'^' | b'?' | b'<' | b'>' => links += 1,
                b',' | b';' => links = 0,
                _ => {}
            }
            at_start = false;
        }
        if depth > MAX_BRACKETS || prefixes > MAX_PREFIXES || links > MAX_LINKS {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_texts_are_known_before_they_are_parsed() {
        assert!(is_too_deep(&b"(".repeat(100_000)));
        assert!(is_too_deep(&b"not ".repeat(100_000)));
        assert!(is_too_deep(&b"-".repeat(100_000)));
        assert!(is_too_deep(&b"lambda: ".repeat(100_000)));
        assert!(is_too_deep(&b"a+".repeat(100_000)));
        assert!(is_too_deep(&b"a.".repeat(100_000)));
        assert!(!is_too_deep(b"def f(a, b):\n    return [g(x) for x in (a, b)]\n".repeat(10_000).as_slice()));
        assert!(!is_too_deep(&[b"# ".as_slice(), &b"-".repeat(9_000)].concat()));
        assert!(!is_too_deep(&[b"'''".as_slice(), &b"(".repeat(9_000), b"'''"].concat()));
    }
}
