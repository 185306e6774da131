//! A text as lines that remember how each ends, so that an edit leaves every other line as it was, byte for byte.

use std::ops::Range;

/// The lines of a text, without their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines<'a> {
    /// Each line.
    pub text: Vec<&'a str>,
    /// How each ends: `\n`, `\r\n`, or, for the last one, perhaps nothing.
    ends: Vec<&'a str>,
}

/// One change: the lines that go, by their numbers from 0, and those that come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The lines that go; empty where nothing does.
    pub at: Range<usize>,
    /// The lines that come, without ends.
    pub with: Vec<String>,
}

impl<'a> Lines<'a> {
    /// Splits a text.
    pub fn of(text: &'a str) -> Self {
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for line in text.split_inclusive('\n') {
            let (body, end) = match line.strip_suffix('\n') {
                None => (line, ""),
                Some(body) => match body.strip_suffix('\r') {
                    Some(body) => (body, "\r\n"),
                    None => (body, "\n"),
                },
            };
            lines.push(body);
            ends.push(end);
        }
        Self { text: lines, ends }
    }

    /// The end that most lines have.
    pub fn end(&self) -> &'a str {
        let crlf = self.ends.iter().filter(|end| **end == "\r\n").count();
        if crlf * 2 > self.ends.len() { "\r\n" } else { "\n" }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The lines of a range, cut to what there is.
    pub fn range(&self, range: Range<usize>) -> &[&'a str] {
        let end = range.end.min(self.text.len());
        self.text.get(range.start.min(end)..end).unwrap_or_default()
    }

    /// The text with changes made; they are in order and do not overlap. New lines end as most of the others do, and
    /// the text ends with a line end if it did before.
    pub fn splice(&self, splices: &[Splice]) -> String {
        let end = self.end();
        let mut out: Vec<(&str, &str)> = Vec::with_capacity(self.len());
        let mut next = 0;
        let old = |range: Range<usize>| {
            let ends = self.ends.get(range.clone()).unwrap_or_default();
            self.range(range).iter().copied().zip(ends.iter().copied())
        };
        for splice in splices {
            out.extend(old(next..splice.at.start.min(self.len())));
            out.extend(splice.with.iter().map(|line| (line.as_str(), end)));
            next = splice.at.end;
        }
        out.extend(old(next.min(self.len())..self.len()));
        // Only the last line may be without an end: one that is no longer the last gets one.
        let last = out.len().saturating_sub(1);
        let closed = self.ends.last().is_none_or(|end| !end.is_empty());
        let mut text = String::new();
        for (number, (line, kept)) in out.into_iter().enumerate() {
            text.push_str(line);
            let is_open = number == last && !closed;
            text.push_str(if is_open {
                ""
            } else if kept.is_empty() {
                end
            } else {
                kept
            });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn splice(at: Range<usize>, with: &[&str]) -> Splice {
        Splice { at, with: with.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn other_lines_keep_their_ends() {
        let lines = Lines::of("a\r\nb\nc\r\nd\r\n");
        assert_eq!(lines.splice(&[splice(1..2, &["B", "B2"])]), "a\r\nB\r\nB2\r\nc\r\nd\r\n");
    }

    #[test]
    fn a_text_without_a_last_line_end_stays_one() {
        assert_eq!(Lines::of("a\nb").splice(&[splice(2..2, &["c"])]), "a\nb\nc");
        assert_eq!(Lines::of("a\nb").splice(&[splice(0..1, &[])]), "b");
        assert_eq!(Lines::of("").splice(&[splice(0..0, &["c"])]), "c\n");
    }

    proptest! {
        #[test]
        fn nothing_changed_is_the_same_text(text in "[ab\r\n]{0,60}") {
            prop_assert_eq!(Lines::of(&text).splice(&[]), text);
        }

        #[test]
        fn any_range_is_taken(text in "[ab\n]{0,40}", start in 0usize..60, more in 0usize..60) {
            Lines::of(&text).splice(&[splice(start..start + more, &["x"])]);
        }
    }
}
