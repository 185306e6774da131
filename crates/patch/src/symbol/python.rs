//! Python by its lines: indentation, and what strings, brackets and comments hide of it. There is no recursion, so no
//! text can exhaust the stack, and what does not parse still has its functions.

use super::{Kind, Symbol};

/// What a line ends in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// The quote of a triple-quoted string that is open.
    triple: Option<u8>,
    /// Brackets that are open.
    depth: usize,
    /// Whether the line ends with a backslash.
    continued: bool,
}

impl State {
    /// Whether the next line begins a statement.
    const fn is_open(self) -> bool {
        self.triple.is_some() || self.depth > 0 || self.continued
    }

    /// The state after a line.
    fn after(mut self, line: &str) -> Self {
        self.continued = false;
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let triple = |quote: u8| bytes.get(at..at + 3) == Some(&[quote; 3]);
            if let Some(quote) = self.triple {
                if byte == b'\\' {
                    at += 1;
                } else if triple(quote) {
                    self.triple = None;
                    at += 2;
                }
            } else {
                match byte {
                    b'#' => break,
                    b'"' | b'\'' if triple(byte) => {
                        self.triple = Some(byte);
                        at += 2;
                    }
                    b'"' | b'\'' => at += string(bytes.get(at + 1..).unwrap_or_default(), byte),
                    b'(' | b'[' | b'{' => self.depth += 1,
                    b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                    b'\\' if at + 1 == bytes.len() => self.continued = true,
                    _ => {}
                }
            }
            at += 1;
        }
        self
    }
}

/// The bytes of a string after its opening quote, the closing one included.
fn string(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            _ if byte == quote => break,
            _ => {}
        }
    }
    at
}

/// A block that is not closed yet.
struct Open {
    indent: usize,
    index: usize,
}

/// The symbols of a text.
pub(super) fn symbols(lines: &[&str]) -> Vec<Symbol> {
    let mut found: Vec<Symbol> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut state = State::default();
    let mut decorated: Option<usize> = None;
    // The statement that a line without a block belongs to: it grows until the next one begins.
    let mut statement: Option<usize> = None;
    let mut last = 0;
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let continues = state.is_open();
        state = state.after(line);
        if !continues && (code.is_empty() || code.starts_with('#')) {
            continue;
        }
        if continues {
            last = number + 1;
            grow(&mut found, statement, last);
            continue;
        }
        let indent = line.len() - code.len();
        close(&mut found, &mut open, indent, last);
        last = number + 1;
        statement = None;
        if code.starts_with('@') {
            decorated.get_or_insert(number);
            continue;
        }
        let start = decorated.take().unwrap_or(number);
        let within = |name: &str| match open.last().and_then(|open| found.get(open.index)) {
            Some(outer) => format!("{}.{name}", outer.name),
            None => name.to_owned(),
        };
        if let Some(name) = block(code) {
            let symbol = Symbol { name: within(name), kind: Kind::Block, lines: start..number + 1 };
            open.push(Open { indent, index: found.len() });
            found.push(symbol);
        } else if code.starts_with("import ") || code.starts_with("from ") {
            statement = Some(found.len());
            found.push(Symbol {
                name: within(code.trim_end()),
                kind: Kind::Import,
                lines: number..number + 1,
            });
        } else if let Some(name) = constant(code) {
            statement = Some(found.len());
            found.push(Symbol { name: within(name), kind: Kind::Constant, lines: number..number + 1 });
        }
    }
    close(&mut found, &mut open, 0, last);
    found
}

/// Whether every statement is indented as far as one before it, or further right behind a line that begins a block: what
/// pieces of two texts laid side by side often are not.
pub(super) fn is_indented(lines: &[&str]) -> bool {
    let mut state = State::default();
    let mut levels: Vec<usize> = vec![0];
    let mut begins = false;
    for line in lines {
        let code = line.trim_start();
        let continues = state.is_open();
        state = state.after(line);
        let is_statement = !continues && !code.is_empty() && !code.starts_with('#');
        if is_statement {
            let indent = width(line);
            let deepest = levels.last().copied().unwrap_or(0);
            if begins != (indent > deepest) {
                return false;
            }
            if indent > deepest {
                levels.push(indent);
            }
            while levels.pop_if(|level| *level > indent).is_some() {}
            if levels.last() != Some(&indent) {
                return false;
            }
        }
        if is_statement || (continues && !code.is_empty()) {
            begins = !state.is_open() && without_comment(line).ends_with(':');
        }
    }
    !begins && !state.is_open()
}

/// How far a line is indented; a tab goes to the next multiple of eight.
fn width(line: &str) -> usize {
    let blank = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c));
    blank.fold(0, |at, byte| if byte == b'\t' { (at / 8 + 1) * 8 } else { at + 1 })
}

/// The code of a line. What is within a string is no comment.
fn without_comment(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => return line.get(..at).unwrap_or(line).trim_end(),
            b'"' | b'\'' => at += string(bytes.get(at + 1..).unwrap_or_default(), byte),
            _ => {}
        }
        at += 1;
    }
    line.trim_end()
}

fn grow(found: &mut [Symbol], statement: Option<usize>, end: usize) {
    if let Some(symbol) = statement.and_then(|index| found.get_mut(index)) {
        symbol.lines.end = end;
    }
}

/// Closes what is indented as far or further.
fn close(found: &mut [Symbol], open: &mut Vec<Open>, indent: usize, end: usize) {
    while let Some(block) = open.pop_if(|block| block.indent >= indent) {
        if let Some(symbol) = found.get_mut(block.index) {
            symbol.lines.end = end.max(symbol.lines.end);
        }
    }
}

/// The name that a function or class begins with.
fn block(code: &str) -> Option<&str> {
    let code = code.strip_prefix("async").map_or(code, str::trim_start);
    let words = ["def ", "def\t", "class ", "class\t", "cdef class ", "cpdef "];
    let rest = words.iter().find_map(|word| code.strip_prefix(word))?.trim_start();
    Some(identifier(rest)).filter(|name| !name.is_empty())
}

/// The name that is given a value.
fn constant(code: &str) -> Option<&str> {
    let name = identifier(code);
    let rest = code.strip_prefix(name)?.trim_start();
    let given = rest.starts_with('=') && !rest.starts_with("==");
    (!name.is_empty() && (given || (rest.starts_with(':') && rest.contains('=')))).then_some(name)
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::enclosing;
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "import os
from a import (
    b,
)

LIMIT = [
    1,
]


class Kit(object):
    '''Text with
def not_one(self):
    inside.'''

    @property
    def size(self):
        return len(\"def x\")  # def y

    async def run(
        self,
    ):
        if self:
            def inner():
                pass
        return 1


def last(): return 2
";

    #[test]
    fn every_symbol_has_its_name_and_its_lines() {
        let lines: Vec<&str> = TEXT.lines().collect();
        let found = symbols(&lines);
        let shown: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.lines.start, one.lines.end)).collect();
        assert_eq!(
            shown,
            [
                ("import os", 0, 1),
                ("from a import (", 1, 4),
                ("LIMIT", 5, 8),
                ("Kit", 10, 26),
                ("Kit.size", 15, 18),
                ("Kit.run", 19, 26),
                ("Kit.run.inner", 23, 25),
                ("last", 28, 29),
            ]
        );
        assert_eq!(enclosing(&found, 17).unwrap().name, "Kit.size");
        assert_eq!(enclosing(&found, 24).unwrap().name, "Kit.run.inner");
        assert_eq!(enclosing(&found, 6), None);
    }

    #[test]
    fn what_no_python_reads_is_told_from_what_it_does() {
        let indented = |text: &str| is_indented(&text.lines().collect::<Vec<_>>());
        assert!(indented(TEXT));
        for good in [
            "if a:  # b\n\tx = [\n1,\n  2]\nelse: pass\n",
            "x = '#:'\ny = {'a': 1,\n   'b': '''\n:'''}\n",
            "def f(\n    a,\n):\n    return a\n\n\nclass A:\n  '''text'''\n",
            "if a and \\\n   b:\n    c\n",
            "# only\n",
            "if x: y = 1\n",
            "",
        ] {
            assert!(indented(good), "{good}");
        }
        for bad in [
            "x = 1\n    y = 2\n",
            "if a:\nx = 1\n",
            "if a:\n    x = 1\n  y = 2\n",
            "def f():\n",
            "x = (\n",
            "  x = 1\n",
        ] {
            assert!(!indented(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_symbols_within_it(text in "([ ]{0,8}(def |class |@|'''|\"|\\(|\\)|x = |#|\\\\)?[a-z:]{0,3}\n){0,30}") {
            let lines: Vec<&str> = text.lines().collect();
            for symbol in symbols(&lines) {
                prop_assert!(symbol.lines.start < symbol.lines.end && symbol.lines.end <= lines.len());
            }
            let _ = is_indented(&lines);
        }
    }
}
