//! Rust's tokens, by a reader that never fails: a lexer of our own, since a parser that recurses would have to be kept
//! from hostile nesting, needs the file to be Rust from end to end, and gives no cheap places.

use crate::program::Name;
use std::rc::Rc;
/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tok {
    /// A name or keyword; `r#` is left off.
    Ident(Name),
    /// A text, bytes or a character, unescaped; bytes are read as Latin-1.
    Text(Rc<str>),
    Number(f64),
    /// One character of punctuation.
    Punct(char),
    /// A bracket, and the token that closes it (or the number of tokens).
    Open(char, usize),
    Close(char),
    Lifetime,
}

/// A token and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) tok: Tok,
    pub(super) at: u32,
}

/// Tokens of one file.
const MAX_TOKENS: usize = 2_000_000;

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        // Nearly all of it is ASCII, which needs no decoding.
        let plain = rest.bytes().take_while(|byte| byte.is_ascii() && keep(char::from(*byte))).count();
        let len = match rest.as_bytes().get(plain) {
            Some(byte) if !byte.is_ascii() => rest.find(|c| !keep(c)).unwrap_or(rest.len()),
            _ => plain,
        };
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn skip_past(&mut self, end: &str) {
        let rest = self.rest();
        let found = memchr::memmem::find(rest.as_bytes(), end.as_bytes());
        self.at += found.map_or(rest.len(), |at| at + end.len());
    }

    /// White space and comments; those of `/* */` nest.
    fn skip(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.skip_past("\n");
            } else if self.rest().starts_with("/*") {
                let mut depth = 0usize;
                loop {
                    let rest = self.rest();
                    match memchr::memchr2(b'/', b'*', rest.as_bytes()) {
                        None => {
                            self.at = self.text.len();
                            return;
                        }
                        Some(at) => self.at += at,
                    }
                    let rest = self.rest();
                    let step = match rest.get(..2) {
                        Some("/*") => {
                            depth += 1;
                            2
                        }
                        Some("*/") => {
                            depth = depth.saturating_sub(1);
                            2
                        }
                        _ => 1,
                    };
                    self.at = (self.at + step).min(self.text.len());
                    if depth == 0 {
                        break;
                    }
                }
            } else {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.skip();
        let at = u32::try_from(self.at).ok()?;
        let c = self.rest().chars().next()?;
        let tok = match c {
            '"' => self.quoted(1),
            '0'..='9' => self.number(),
            '\'' => self.quote(),
            '(' | '[' | '{' => self.one(c, Tok::Open(c, usize::MAX)),
            ')' | ']' | '}' => self.one(c, Tok::Close(c)),
            c if c == '_' || c.is_alphabetic() => self.word(),
            c => self.one(c, Tok::Punct(c)),
        };
        Some(Token { tok, at })
    }

    fn one(&mut self, c: char, tok: Tok) -> Tok {
        self.at += c.len_utf8();
        tok
    }

    /// A name, or a text with a prefix: `b"…"`, `r#"…"#`, `br"…"`, `c"…"`, `b'…'`.
    fn word(&mut self) -> Tok {
        let start = self.at;
        let word = self.take_while(|c| c == '_' || c.is_alphanumeric());
        let rest = self.rest();
        match word {
            "b" | "c" if rest.starts_with('"') => return self.quoted(1),
            "b" if rest.starts_with('\'') => return self.quote(),
            "r" | "br" | "cr" => {
                let hashes = rest.len() - rest.trim_start_matches('#').len();
                if rest.get(hashes..).is_some_and(|rest| rest.starts_with('"')) {
                    self.at += hashes + 1;
                    let body = self.at;
                    let end = format!("\"{}", "#".repeat(hashes));
                    self.skip_past(&end);
                    let text = self.text.get(body..self.at).unwrap_or_default();
                    return Tok::Text(text.strip_suffix(&end).unwrap_or(text).into());
                }
                if word == "r" && rest.starts_with('#') {
                    self.at += 1;
                    return Tok::Ident(self.take_while(|c| c == '_' || c.is_alphanumeric()).into());
                }
            }
            _ => {}
        }
        Tok::Ident(self.text.get(start..self.at).unwrap_or_default().into())
    }

    /// A text after `skip` bytes.
    fn quoted(&mut self, skip: usize) -> Tok {
        self.at += skip;
        let rest = self.rest();
        let plain = memchr::memchr2(b'"', b'\\', rest.as_bytes()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        if tail.starts_with('"') {
            self.at += plain + 1;
            return Tok::Text(head.into());
        }
        let mut out = head.to_owned();
        let mut chars = tail.char_indices();
        let mut len = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    len = plain + at + 1;
                    break;
                }
                '\\' => escape(&mut chars, &mut out),
                c => out.push(c),
            }
        }
        self.at += len;
        Tok::Text(out.into())
    }

    /// A character, or a lifetime.
    fn quote(&mut self) -> Tok {
        self.at += 1;
        let rest = self.rest();
        let mut chars = rest.char_indices();
        let mut out = String::new();
        match chars.next() {
            Some((_, '\\')) => escape(&mut chars, &mut out),
            Some((_, c)) => out.push(c),
            None => return Tok::Lifetime,
        }
        match chars.next() {
            Some((end, '\'')) => {
                self.at += end + 1;
                Tok::Text(out.into())
            }
            _ => {
                self.take_while(|c| c == '_' || c.is_alphanumeric());
                Tok::Lifetime
            }
        }
    }

    fn number(&mut self) -> Tok {
        let digits = self.take_while(|c| c == '_' || c.is_alphanumeric());
        let plain: String = digits.chars().filter(|c| *c != '_').collect();
        let unsuffixed = |radix: u32| {
            let body = plain.get(2..).unwrap_or_default();
            let end = body.find(|c: char| !c.is_digit(radix)).unwrap_or(body.len());
            u32::from_str_radix(body.get(..end).unwrap_or_default(), radix).map_or(f64::NAN, f64::from)
        };
        let value = match plain.get(..2) {
            Some("0x") => unsuffixed(16),
            Some("0o") => unsuffixed(8),
            Some("0b") => unsuffixed(2),
            _ => {
                let end = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
                plain.get(..end).unwrap_or_default().parse().unwrap_or(f64::NAN)
            }
        };
        Tok::Number(value)
    }
}

/// An escape of a text, after its backslash.
fn escape(chars: &mut std::str::CharIndices<'_>, out: &mut String) {
    let hex = |text: &str| u32::from_str_radix(text, 16).ok().and_then(char::from_u32);
    match chars.next().map(|(_, c)| c) {
        Some('n') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('r') => out.push('\r'),
        Some('0') => out.push('\0'),
        Some('x') => {
            let digits: String = chars.by_ref().take(2).map(|(_, c)| c).collect();
            out.extend(hex(&digits));
        }
        Some('u') => {
            let digits: String = chars
                .by_ref()
                .take(12)
                .map(|(_, c)| c)
                .take_while(|c| *c != '}')
                .filter(|c| *c != '{')
                .collect();
            out.extend(hex(&digits));
        }
        Some('\n') => {
            let rest = chars.as_str();
            let skip = rest.len() - rest.trim_start().len();
            let blanks = rest.get(..skip).unwrap_or_default().chars().count();
            chars.by_ref().take(blanks).for_each(drop);
        }
        Some(c) => out.push(c),
        None => {}
    }
}

/// The tokens of a text, brackets matched; `false` where there are too many, or brackets that do not match.
pub(super) fn tokens(text: &str) -> (Vec<Token>, bool) {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens: Vec<Token> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut sound = true;
    while let Some(token) = lexer.next() {
        if tokens.len() >= MAX_TOKENS {
            sound = false;
            break;
        }
        match token.tok {
            Tok::Open(..) => open.push(tokens.len()),
            Tok::Close(_) => {
                let here = tokens.len();
                match open.pop().and_then(|at| tokens.get_mut(at)) {
                    Some(Token { tok: Tok::Open(_, close), .. }) => *close = here,
                    _ => sound = false,
                }
            }
            _ => {}
        }
        tokens.push(token);
    }
    let end = tokens.len();
    for at in open {
        sound = false;
        if let Some(Token { tok: Tok::Open(_, close), .. }) = tokens.get_mut(at) {
            *close = end;
        }
    }
    (tokens, sound)
}
