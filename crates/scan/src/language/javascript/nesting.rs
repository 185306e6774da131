//! How deep the parser would have to recurse, counted before it does.
//!
//! oxc's parser descends recursively and has no limit of its own. What it recurses for is counted over the tokens:
//! brackets, and within them what nests without brackets (`a=b=c`, `x=>y=>z`, `!!!a`, `if(a)if(b)`, `else if`, tags).
//! The count may be too high, and is then no reason to refuse real code; it is low only where the lexer is wrong about
//! a text, and then the process that scans ends, which is a hold.

use crate::language::tokens::{Kind, Syntax, Token, Tokens};

/// Deeper files are judged by their tokens. Measured on the code of popular packages, the deepest has a few hundred.
const MOST: u32 = 1_500;

/// Levels of what the parser tries as one thing and then reads again as another: `(a = (b = …`, which may be the
/// parameters of an arrow function, and `a<b<c<…`, which may be types. Each level multiplies the work of those in it.
const MOST_TRIES: u32 = 24;

/// Whether a file nests too deep to be parsed.
pub(super) fn is_too_deep(bytes: &[u8]) -> bool {
    let mut nesting = Nesting::default();
    for token in Tokens::new(bytes, Syntax::JavaScript) {
        nesting.token(bytes, token);
        if nesting.depth > MOST || nesting.tries > MOST_TRIES || nesting.angles > MOST_TRIES {
            return true;
        }
    }
    false
}

#[derive(Default)]
struct Nesting {
    open: Vec<Bracket>,
    /// The depth within the innermost bracket.
    depth: u32,
    /// Open brackets within which something is assigned.
    tries: u32,
    /// `<` between names, one after the other.
    angles: u32,
    /// Whether a `<` is open, and whether it is that of a closing tag.
    tag: bool,
    closing: bool,
    /// Whether a statement has just ended: only `else` continues its nesting.
    ended: bool,
    /// Whether the next token is in the place of an operand.
    operand: bool,
    /// The last token, if it was punctuation.
    last: u8,
    /// Whether the last token was `async`.
    is_async: bool,
}

/// An open bracket.
#[derive(Default)]
struct Bracket {
    /// The depth at which it stands.
    depth: u32,
    /// Whether it may be the parameters of an arrow function, or a part of them.
    pattern: bool,
    /// Whether something is assigned within it.
    tried: bool,
}

impl Nesting {
    fn token(&mut self, bytes: &[u8], token: Token) {
        let word = match token.kind {
            Kind::Word => token.of(bytes),
            _ => b"",
        };
        if std::mem::take(&mut self.ended) && word != b"else" {
            self.restart();
        }
        match token.kind {
            Kind::Word | Kind::Mark(b'.' | b',') => {}
            Kind::Mark(b'<') => self.angles += 1,
            _ => self.angles = 0,
        }
        match token.kind {
            Kind::Mark(mark) => self.mark(mark),
            Kind::Word if nests(word) => {
                self.depth += 1;
                self.operand = true;
            }
            _ => self.operand = false,
        }
        self.is_async = word == b"async";
        self.last = match token.kind {
            Kind::Mark(mark) => mark,
            _ => 0,
        };
    }

    fn mark(&mut self, mark: u8) {
        match mark {
            b'(' | b'[' | b'{' => {
                let within = self.open.last().is_some_and(|outer| outer.pattern);
                let pattern = match mark {
                    b'(' => self.operand || self.is_async,
                    // After `=>` it is a block.
                    _ => within && self.operand && self.last != b'>',
                };
                self.open.push(Bracket { depth: self.depth, pattern, tried: false });
                self.depth += 1;
            }
            b')' | b']' | b'}' => {
                let bracket = self.open.pop().unwrap_or_default();
                self.depth = bracket.depth;
                self.tries -= u32::from(bracket.tried);
                self.ended = mark == b'}';
            }
            b';' => self.ended = true,
            b',' => self.restart(),
            b'<' => (self.tag, self.closing) = (true, false),
            b'/' if self.last == b'<' => self.closing = true,
            b'>' if self.tag && self.last != b'=' => self.tag_ends(),
            b'=' if self.last != b'=' => {
                self.depth += 1;
                self.tried();
            }
            b'?' | b':' | b'!' | b'~' | b'*' | b'@' => self.depth += 1,
            b'+' | b'-' if self.operand => self.depth += 1,
            _ => {}
        }
        self.operand = !matches!(mark, b')' | b']' | b'}');
    }

    /// At the `>` of a tag, or of what looks like one.
    fn tag_ends(&mut self) {
        self.tag = false;
        if self.closing {
            let least = self.open.last().map_or(0, |bracket| bracket.depth + 1);
            self.depth = self.depth.saturating_sub(2).max(least);
        } else if self.last != b'/' {
            self.depth += 2;
        }
    }

    /// Something is assigned.
    fn tried(&mut self) {
        if let Some(bracket) = self.open.last_mut().filter(|bracket| bracket.pattern && !bracket.tried) {
            bracket.tried = true;
            self.tries += 1;
        }
    }

    /// Back to the innermost bracket.
    fn restart(&mut self) {
        self.depth = self.open.last().map_or(0, |bracket| bracket.depth + 1);
    }
}

/// Keywords after which the parser recurses without a bracket.
fn nests(word: &[u8]) -> bool {
    matches!(
        word,
        b"if"
            | b"else"
            | b"for"
            | b"while"
            | b"do"
            | b"with"
            | b"typeof"
            | b"void"
            | b"delete"
            | b"new"
            | b"await"
            | b"yield"
            | b"function"
            | b"class"
            | b"keyof"
            | b"infer"
            | b"readonly"
            | b"unique"
            | b"extends"
            | b"import"
            | b"asserts"
            | b"is"
            | b"async"
            | b"case"
            | b"try"
            | b"namespace"
            | b"module"
    )
}
