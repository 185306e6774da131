//! A tolerant lexer for JavaScript and Python: every byte string has tokens, in one pass and without recursion.
//!
//! Three things are made of it: how deep a file nests before a parser recurses into it, how its names and texts look,
//! and, where it does not parse, a [`Program`](crate::program::Program) of what can still be read ([`salvage`]).

pub mod salvage;

/// Whose strings and comments there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Quotes, templates, `//`, `/* */` and regular expressions.
    JavaScript,
    /// Quotes, also three, and `#`.
    Python,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A text, with its quotes; of a template, each piece without them.
    Text,
    /// A regular expression.
    Pattern,
    /// One byte of punctuation. The braces of a template's `${}` are two of them.
    Mark(u8),
}

/// A token, by its byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Token {
    /// Its bytes.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
    /// Whether a `/` would begin a regular expression.
    operand: bool,
    /// For each template that is open: the braces that are open in its `${`.
    templates: Vec<u32>,
    /// Within the text of the innermost template.
    in_template: bool,
}

impl<'a> Tokens<'a> {
    /// Begins at the start of a file.
    pub fn new(bytes: &'a [u8], syntax: Syntax) -> Self {
        let at =
            if bytes.starts_with(b"#!") { memchr::memchr(b'\n', bytes).unwrap_or(bytes.len()) } else { 0 };
        Self { bytes, at, syntax, operand: true, templates: Vec::new(), in_template: false }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn token(&mut self, kind: Kind, end: usize) -> Token {
        let start = self.at;
        self.at = end.min(self.bytes.len());
        Token { kind, start, end: self.at }
    }

    /// Skips spaces and comments.
    fn skip(&mut self) {
        loop {
            match (self.peek(0), self.syntax) {
                (b' ' | b'\t' | b'\r' | b'\n' | 0x0c | 0x0b, _) => {
                    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t'..=b'\r');
                    self.at += self.rest().iter().take_while(blank).count();
                }
                (b'#', Syntax::Python) => self.skip_line(),
                (b'/', Syntax::JavaScript) if self.peek(1) == b'/' => self.skip_line(),
                (b'/', Syntax::JavaScript) if self.peek(1) == b'*' => {
                    let body = self.bytes.get(self.at + 2..).unwrap_or_default();
                    let length = memchr::memmem::find(body, b"*/").map_or(body.len(), |end| end + 2);
                    self.at += 2 + length;
                }
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// A piece of a template, up to its end or the next `${`.
    fn template(&mut self) -> Token {
        let mut end = self.at;
        while let Some((at, byte)) = self.next_of(end, [b'\\', b'`', b'$']) {
            end = at;
            match byte {
                b'\\' => end += 2,
                b'`' => {
                    let token = self.token(Kind::Text, end);
                    self.at += 1;
                    self.templates.pop();
                    self.in_template = false;
                    self.operand = false;
                    return token;
                }
                b'$' if self.bytes.get(end + 1) == Some(&b'{') => {
                    let token = self.token(Kind::Text, end);
                    // The brace is the next token.
                    self.at += 1;
                    self.in_template = false;
                    self.operand = true;
                    return token;
                }
                _ => end += 1,
            }
        }
        self.templates.clear();
        self.in_template = false;
        self.token(Kind::Text, self.bytes.len())
    }

    /// The next of three bytes, and where it is.
    fn next_of(&self, from: usize, [a, b, c]: [u8; 3]) -> Option<(usize, u8)> {
        let at = from + memchr::memchr3(a, b, c, self.bytes.get(from..)?)?;
        self.bytes.get(at).map(|byte| (at, *byte))
    }

    fn quoted(&mut self, quote: u8) -> Token {
        if self.syntax == Syntax::Python && self.peek(1) == quote && self.peek(2) == quote {
            let mut end = self.at + 3;
            while let Some((at, byte)) = self.next_of(end, [b'\\', quote, quote]) {
                end = at;
                match byte {
                    b'\\' => end += 2,
                    _ if self.bytes.get(end..end + 3) == Some(&[quote; 3]) => {
                        return self.token(Kind::Text, end + 3);
                    }
                    _ => end += 1,
                }
            }
            return self.token(Kind::Text, self.bytes.len());
        }
        let mut end = self.at + 1;
        while let Some((at, byte)) = self.next_of(end, [b'\\', b'\n', quote]) {
            match byte {
                b'\\' => end = at + 2,
                b'\n' => return self.token(Kind::Text, at),
                _ => return self.token(Kind::Text, at + 1),
            }
        }
        self.token(Kind::Text, self.bytes.len())
    }

    /// A regular expression, if one ends in this line.
    fn pattern(&self) -> Option<usize> {
        let mut end = self.at + 1;
        let mut class = false;
        loop {
            match self.bytes.get(end)? {
                b'\n' => return None,
                b'\\' => end += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return Some(end + 1),
                _ => {}
            }
            end += 1;
        }
    }

    fn word(&mut self) -> Token {
        let mut end = self.at;
        loop {
            end +=
                self.bytes.get(end..).unwrap_or_default().iter().take_while(|byte| is_word(**byte)).count();
            let Some(byte) = self.bytes.get(end) else { break };
            // An escape in a name, `\u0065val`, is a part of the name.
            let escape = *byte == b'\\' && self.syntax == Syntax::JavaScript;
            let brace = matches!(*byte, b'{' | b'}') && in_escape(self.bytes, self.at, end);
            if !(escape || brace) {
                break;
            }
            end += 1;
        }
        let token = self.token(Kind::Word, end.max(self.at + 1));
        self.operand = operand_follows(token.of(self.bytes));
        token
    }

    fn mark(&mut self, byte: u8) -> Token {
        match byte {
            b'{' => {
                if let Some(open) = self.templates.last_mut() {
                    *open += 1;
                }
            }
            b'}' => {
                if let Some(open) = self.templates.last_mut() {
                    *open = open.saturating_sub(1);
                    self.in_template = *open == 0;
                }
            }
            _ => {}
        }
        self.operand = !matches!(byte, b')' | b']' | b'}');
        self.token(Kind::Mark(byte), self.at + 1)
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if self.in_template {
            return Some(self.template());
        }
        self.skip();
        let first = *self.bytes.get(self.at)?;
        Some(match first {
            b'"' | b'\'' => {
                self.operand = false;
                self.quoted(first)
            }
            b'`' if self.syntax == Syntax::JavaScript => {
                self.at += 1;
                self.templates.push(0);
                self.template()
            }
            b'0'..=b'9' => {
                self.operand = false;
                let digits =
                    self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                self.token(Kind::Number, self.at + digits)
            }
            b'/' if self.syntax == Syntax::JavaScript && self.operand => match self.pattern() {
                Some(end) => {
                    self.operand = false;
                    self.token(Kind::Pattern, end)
                }
                None => self.mark(first),
            },
            b'\\' if self.syntax == Syntax::JavaScript => self.word(),
            first if is_word(first) => self.word(),
            first => self.mark(first),
        })
    }
}

/// Whether a byte can be in a name; every byte outside of ASCII can.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Whether a brace is the one of `\u{…}`.
fn in_escape(bytes: &[u8], start: usize, brace: usize) -> bool {
    let word = bytes.get(start..brace).unwrap_or_default();
    match bytes.get(brace) {
        Some(b'{') => word.ends_with(b"\\u"),
        _ => memchr::memmem::rfind(word, b"\\u{").is_some_and(|at| {
            word.get(at + 3..)
                .is_some_and(|digits| digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit))
        }),
    }
}

/// Whether an operand follows a word: after `return /x/` it does, after `total /x/` it does not.
fn operand_follows(word: &[u8]) -> bool {
    matches!(
        word,
        b"return"
            | b"typeof"
            | b"case"
            | b"in"
            | b"of"
            | b"delete"
            | b"void"
            | b"throw"
            | b"new"
            | b"else"
            | b"do"
            | b"await"
            | b"yield"
            | b"instanceof"
    )
}

/// The text of a token with its quotes and escapes resolved; bytes that are no UTF-8 are replaced.
pub fn text(token: &[u8]) -> String {
    let quote = token.first().filter(|b| matches!(b, b'"' | b'\'')).copied();
    let inner = match quote {
        Some(quote) if token.starts_with(&[quote; 3]) && token.len() >= 6 => {
            token.get(3..token.len().saturating_sub(3))
        }
        Some(quote) if token.len() >= 2 && token.ends_with(&[quote]) => token.get(1..token.len() - 1),
        Some(_) => token.get(1..),
        None => Some(token),
    };
    unescape(inner.unwrap_or_default())
}

/// Resolves the escapes that both languages have, and JavaScript's `\u{…}`.
pub fn unescape(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('\n') | None => {}
            Some('x') => out.extend(code(&mut chars, 2)),
            Some('u') => {
                if chars.as_str().starts_with('{') {
                    chars.next();
                    let digits: String = chars.by_ref().take_while(|c| *c != '}').take(8).collect();
                    out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                } else {
                    out.extend(code(&mut chars, 4));
                }
            }
            Some(other) => out.push(other),
        }
    }
    out
}

fn code(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let digits: String = chars.by_ref().take(digits).collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(source: &str, syntax: Syntax) -> Vec<String> {
        let bytes = source.as_bytes();
        Tokens::new(bytes, syntax).map(|t| String::from_utf8_lossy(t.of(bytes)).into_owned()).collect()
    }

    #[test]
    fn comments_strings_and_patterns_are_not_code() {
        let tokens = words("a('x//y') // b\n/* c( */ d = /[/'(]/g.test(e)", Syntax::JavaScript);
        assert_eq!(tokens.join(" "), "a ( 'x//y' ) d = /[/'(]/ g . test ( e )");
        assert_eq!(words("x = a / b / c", Syntax::JavaScript).len(), 7);
        assert_eq!(words("x = '''a\n'b' ''' # c", Syntax::Python), ["x", "=", "'''a\n'b' '''"]);
    }

    #[test]
    fn the_code_in_a_template_is_code() {
        let tokens = words("`a${ f({b: `c${d}`}) }e` + g", Syntax::JavaScript);
        assert_eq!(tokens.join(" "), "a { f ( { b : c { d }  } ) } e + g");
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(text(br#""\x65v\u0061\u{6c}\n""#), "eval\n");
        assert_eq!(text(b"'open"), "open");
    }

    proptest! {
        #[test]
        fn tokens_are_in_order_and_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for syntax in [Syntax::JavaScript, Syntax::Python] {
                let mut end = 0;
                for token in Tokens::new(&bytes, syntax) {
                    prop_assert!(token.start >= end && token.end >= token.start);
                    text(token.of(&bytes));
                    end = token.end;
                }
            }
        }

        #[test]
        fn a_jumble_of_punctuation_ends(source in "[`${}/\\\\'\"a\\n*#(){}]{0,200}") {
            prop_assert!(Tokens::new(source.as_bytes(), Syntax::JavaScript).count() <= source.len() + 1);
        }
    }
}
