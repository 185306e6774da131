//! What can still be read of a file that does not parse: names, texts, calls, assignments and imports, in their order.
//!
//! It understands far less than a parser, never fails, and never looks back; so a syntax error, be it an accident or
//! a trick, costs precision and hides nothing.

use super::{Kind, Syntax, Token, Tokens, text};
use crate::language::measure;
use crate::program::{Call, Expr, Function, Import, Look, Name, Pattern, Program, Stmt};
use std::rc::Rc;

/// Tokens that are looked at; a file with more is cut short.
const MAX_TOKENS: usize = 1 << 20;
/// How deep calls and brackets are followed.
const DEPTH: u16 = 60;

/// Reads what can be read.
pub fn salvage(bytes: &[u8], syntax: Syntax) -> Program {
    let tokens: Vec<Token> = Tokens::new(bytes, syntax).take(MAX_TOKENS).collect();
    let cut_short = tokens.len() == MAX_TOKENS;
    let mut reader = Reader { bytes, tokens: &tokens, at: 0, syntax, depth: 0 };
    let mut body = Vec::new();
    while reader.peek().is_some() {
        // A closing brace that opens nothing ends a block; here it is skipped.
        reader.block(&mut body);
        reader.at += 1;
    }
    Program { body, cut_short, look: look(bytes, &tokens) }
}

/// The parts of an object that are assigned to variables, by their key.
type Keys = Vec<(Name, Pattern)>;

/// How the names look.
fn look(bytes: &[u8], tokens: &[Token]) -> Look {
    let words = tokens.iter().filter(|token| token.kind == Kind::Word);
    let mut look = Look::default();
    for name in words.filter_map(|token| std::str::from_utf8(token.of(bytes)).ok()) {
        look.names += 1;
        look.machine_names += u32::from(measure::is_machine_name(name));
    }
    look
}

struct Reader<'a> {
    bytes: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    syntax: Syntax,
    depth: u16,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn is_mark(&self, ahead: usize, mark: u8) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    fn take_mark(&mut self, mark: u8) -> bool {
        let taken = self.is_mark(0, mark);
        self.at += usize::from(taken);
        taken
    }

    fn word(&self, ahead: usize) -> Option<&'a str> {
        let token = self.tokens.get(self.at + ahead)?;
        (token.kind == Kind::Word).then(|| std::str::from_utf8(token.of(self.bytes)).unwrap_or("?"))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = self.word(0) == Some(word);
        self.at += usize::from(taken);
        taken
    }

    fn name(&mut self) -> Option<Name> {
        let word = self.word(0)?;
        self.at += 1;
        Some(word.into())
    }

    fn text(&mut self) -> Option<Rc<str>> {
        let token = self.peek().filter(|token| token.kind == Kind::Text)?;
        self.at += 1;
        Some(text(token.of(self.bytes)).into())
    }

    /// Statements up to a closing brace, which is left.
    fn block(&mut self, out: &mut Vec<Stmt>) {
        while let Some(token) = self.peek() {
            if token.kind == Kind::Mark(b'}') {
                return;
            }
            let before = self.at;
            self.statement(token, out);
            // Every turn takes a token, whatever it is.
            self.at = self.at.max(before + 1);
        }
    }

    fn statement(&mut self, first: Token, out: &mut Vec<Stmt>) {
        match self.word(0) {
            Some("import") if !self.is_mark(1, b'(') && !self.is_mark(1, b'.') => {
                self.at += 1;
                return match self.syntax {
                    Syntax::JavaScript => self.import_module(first, out),
                    Syntax::Python => self.import_python(first, out),
                };
            }
            Some("from") if self.syntax == Syntax::Python => {
                self.at += 1;
                return self.python_from(first, out);
            }
            Some("const" | "let" | "var") => self.at += 1,
            _ => {}
        }
        if let Some(keys) = self.keys() {
            let value = self.value();
            out.push(Stmt::Assign(vec![Pattern::Keys(keys)], value));
            return;
        }
        if self.take_mark(b'{') || self.take_mark(b';') {
            return;
        }
        let value = self.value();
        if self.is_mark(0, b'=') && !self.is_mark(1, b'=') && !self.is_mark(1, b'>') {
            self.at += 1;
            let right = self.value();
            out.push(match value {
                Expr::Name(name, _) => Stmt::Assign(vec![Pattern::Name(name)], right),
                Expr::Member(..) | Expr::Index(..) => Stmt::Assign(vec![Pattern::Place(value)], right),
                _ => Stmt::Expr(right),
            });
        } else if !matches!(value, Expr::Nothing | Expr::Name(..) | Expr::Number(_)) {
            out.push(Stmt::Expr(value));
        }
    }

    /// `{a, b: c} =`, and nothing else.
    fn keys(&mut self) -> Option<Keys> {
        if self.syntax == Syntax::Python || !self.is_mark(0, b'{') {
            return None;
        }
        let start = self.at;
        let keys = self.keys_until_assigned();
        if keys.is_none() {
            self.at = start;
        }
        keys
    }

    fn keys_until_assigned(&mut self) -> Option<Keys> {
        const MOST: usize = 64;
        self.at += 1;
        let mut keys = Vec::new();
        while !self.take_mark(b'}') {
            let key = self.name().filter(|_| keys.len() < MOST)?;
            let name = if self.take_mark(b':') { self.name()? } else { key.clone() };
            keys.push((key, Pattern::Name(name)));
            if !self.take_mark(b',') && !self.is_mark(0, b'}') {
                return None;
            }
        }
        (self.is_mark(0, b'=') && !self.is_mark(1, b'=')).then(|| self.at += 1)?;
        Some(keys)
    }

    fn import_module(&mut self, first: Token, out: &mut Vec<Stmt>) {
        let (mut alias, mut names) = (None, Vec::new());
        while self.peek().is_some_and(|token| token.kind != Kind::Text && token.kind != Kind::Mark(b';')) {
            if self.take_mark(b'*') {
                self.take_word("as");
                alias = self.name();
            } else if self.take_word("from") || self.take_word("as") {
            } else if let Some(name) = self.name() {
                let local = if self.take_word("as") { self.name() } else { None };
                names.push((name.clone(), local.unwrap_or(name)));
            } else {
                self.at += 1;
            }
        }
        if let Some(module) = self.text() {
            out.push(Stmt::Import(Import { module: (*module).into(), alias, names, at: offset(first) }));
        }
    }

    fn dotted(&mut self) -> Name {
        let mut module = String::new();
        loop {
            if self.take_mark(b'.') {
                module.push('.');
            } else if !module.is_empty() && !module.ends_with('.') {
                return module.into();
            } else if let Some(name) = self.word(0).filter(|word| *word != "import") {
                self.at += 1;
                module.push_str(name);
            } else {
                return module.into();
            }
        }
    }

    fn import_python(&mut self, first: Token, out: &mut Vec<Stmt>) {
        loop {
            let module = self.dotted();
            if module.is_empty() {
                return;
            }
            let alias = if self.take_word("as") { self.name() } else { None };
            let alias = alias.or_else(|| module.split('.').next().map(Into::into));
            out.push(Stmt::Import(Import { module, alias, names: Vec::new(), at: offset(first) }));
            if !self.take_mark(b',') {
                return;
            }
        }
    }

    fn python_from(&mut self, first: Token, out: &mut Vec<Stmt>) {
        let module = self.dotted();
        let mut names = Vec::new();
        if self.take_word("import") {
            self.take_mark(b'(');
            while let Some(name) = self.name() {
                let local = if self.take_word("as") { self.name() } else { None };
                names.push((name.clone(), local.unwrap_or(name)));
                if !self.take_mark(b',') {
                    break;
                }
            }
        }
        out.push(Stmt::Import(Import { module, alias: None, names, at: offset(first) }));
    }

    /// A value: operands that are joined by `+`, or one.
    fn value(&mut self) -> Expr {
        if self.depth >= DEPTH {
            return Expr::Nothing;
        }
        self.depth += 1;
        let at = self.peek().map_or(0, offset);
        let first = self.operand();
        let mut parts = vec![first];
        while self.is_mark(0, b'+') && !self.is_mark(1, b'+') && !self.is_mark(1, b'=') {
            self.at += 1;
            parts.push(self.operand());
        }
        self.depth -= 1;
        match parts.len() {
            1 => parts.pop().unwrap_or_default(),
            _ => Expr::Join(parts, at),
        }
    }

    fn operand(&mut self) -> Expr {
        while self.word(0).is_some_and(is_prefix) || self.is_mark(0, b'!') || self.is_mark(0, b'-') {
            self.at += 1;
        }
        let Some(token) = self.peek() else {
            return Expr::Nothing;
        };
        let at = offset(token);
        let operand = match token.kind {
            Kind::Text => self.texts(token),
            Kind::Number => {
                self.at += 1;
                number(token.of(self.bytes)).map_or(Expr::Nothing, Expr::Number)
            }
            Kind::Pattern => {
                self.at += 1;
                Expr::Text(String::from_utf8_lossy(token.of(self.bytes)).into(), at)
            }
            Kind::Word => self.name().map_or(Expr::Nothing, |name| Expr::Name(name, at)),
            Kind::Mark(b'(') => {
                let parts = self.list(b')');
                return self.after_brackets(parts, at);
            }
            Kind::Mark(b'[') => Expr::List(self.list(b']'), at),
            Kind::Mark(b'{') => Expr::Map(self.entries(), at),
            Kind::Mark(_) => return Expr::Nothing,
        };
        self.postfix(operand, at)
    }

    /// `(…)`, which may be the parameters of a function.
    fn after_brackets(&mut self, mut parts: Vec<Expr>, at: u32) -> Expr {
        let arrow = self.is_mark(0, b'=') && self.is_mark(1, b'>');
        if arrow {
            self.at += 2;
        }
        if self.is_mark(0, b'{') || arrow {
            let params = parts.into_iter().map(|part| match part {
                Expr::Name(name, _) => Pattern::Name(name),
                _ => Pattern::Other,
            });
            let (params, mut body) = (params.collect(), Vec::new());
            if self.take_mark(b'{') {
                self.nested_block(&mut body);
            } else {
                body.push(Stmt::Return(self.value()));
            }
            return Expr::Function(Box::new(Function { params, body, at, ..Function::default() }));
        }
        let group = match parts.len() {
            1 => parts.pop().unwrap_or_default(),
            _ => Expr::Group(parts),
        };
        self.postfix(group, at)
    }

    fn nested_block(&mut self, body: &mut Vec<Stmt>) {
        if self.depth < DEPTH {
            self.depth += 1;
            self.block(body);
            self.depth -= 1;
            self.take_mark(b'}');
        }
    }

    /// A text and those that follow it: the pieces of a template, or Python's adjacent literals.
    fn texts(&mut self, first: Token) -> Expr {
        let at = offset(first);
        let mut parts = vec![Expr::Text(self.text().unwrap_or_else(|| "".into()), at)];
        let quoted = matches!(first.of(self.bytes).first(), Some(b'"' | b'\''));
        if quoted && self.syntax == Syntax::Python {
            while let Some(more) = self.text() {
                parts.push(Expr::Text(more, at));
            }
        } else if self.syntax == Syntax::JavaScript && self.bytes.get(first.end) == Some(&b'$') {
            while self.take_mark(b'{') {
                parts.push(self.value());
                while self.peek().is_some_and(|token| token.kind != Kind::Mark(b'}')) {
                    self.at += 1;
                }
                self.at += 1;
                let end = self.peek().map_or(0, |token| token.end);
                parts.extend(self.text().map(|text| Expr::Text(text, at)));
                if self.bytes.get(end) != Some(&b'$') {
                    break;
                }
            }
        }
        match parts.len() {
            1 => parts.pop().unwrap_or_default(),
            _ => Expr::Join(parts, at),
        }
    }

    /// Members, indices and calls of a value.
    fn postfix(&mut self, mut value: Expr, at: u32) -> Expr {
        const MOST: usize = 60;
        for _ in 0..MOST {
            if self.is_mark(0, b'?') && self.is_mark(1, b'.') {
                self.at += 1;
            }
            if self.take_mark(b'.') {
                if let Some(name) = self.name() {
                    value = Expr::Member(Box::new(value), name, at);
                }
            } else if self.is_mark(0, b'[') {
                let mut key = self.list(b']');
                value = match key.pop() {
                    Some(Expr::Text(name, _)) => Expr::Member(Box::new(value), (*name).into(), at),
                    key => Expr::Index(Box::new(value), Box::new(key.unwrap_or_default()), at),
                };
            } else if self.is_mark(0, b'(') {
                let args = self.list(b')');
                value = Expr::Call(Box::new(Call { callee: value, args, named: Vec::new(), at }));
            } else if self.peek().is_some_and(|token| token.kind == Kind::Text)
                && matches!(value, Expr::Name(..) | Expr::Member(..))
                && self.peek().is_some_and(|token| self.bytes.get(token.start.wrapping_sub(1)) == Some(&b'`'))
            {
                let token = self.peek().map_or(0, offset);
                let argument = self.operand_text(token);
                value =
                    Expr::Call(Box::new(Call { callee: value, args: vec![argument], named: Vec::new(), at }));
            } else {
                break;
            }
        }
        value
    }

    fn operand_text(&mut self, at: u32) -> Expr {
        self.text().map_or(Expr::Nothing, |text| Expr::Text(text, at))
    }

    /// Values up to a closing bracket, which is taken.
    fn list(&mut self, close: u8) -> Vec<Expr> {
        self.at += 1;
        let mut items = Vec::new();
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Mark(mark) if mark == close => {
                    self.at += 1;
                    break;
                }
                // Not ours: the bracket was never closed.
                Kind::Mark(b')' | b']' | b'}' | b';') => break,
                Kind::Mark(b'{')
                    if matches!(items.last(), Some(Expr::Group(_) | Expr::Name(..) | Expr::Call(_))) =>
                {
                    self.at += 1;
                    let mut body = Vec::new();
                    self.nested_block(&mut body);
                    items.push(Expr::Function(Box::new(Function {
                        body,
                        at: offset(token),
                        ..Function::default()
                    })));
                }
                _ => {
                    let before = self.at;
                    let value = self.value();
                    // A keyword argument of Python, an assignment in a condition.
                    if self.is_mark(0, b'=') && !self.is_mark(1, b'=') {
                        self.at += 1;
                        let right = self.value();
                        items.push(right);
                    } else if !matches!(value, Expr::Nothing) {
                        items.push(value);
                    }
                    self.at = self.at.max(before + 1);
                }
            }
        }
        items
    }

    /// `{key: value, …}` up to the brace, which is taken.
    fn entries(&mut self) -> Vec<(Expr, Expr)> {
        self.at += 1;
        let mut entries = Vec::new();
        while let Some(token) = self.peek() {
            if token.kind == Kind::Mark(b'}') {
                self.at += 1;
                break;
            }
            let before = self.at;
            let key = match self.value() {
                Expr::Name(name, at) => Expr::Text(name.as_str().into(), at),
                key => key,
            };
            if self.take_mark(b':') {
                let value = self.value();
                entries.push((key, value));
            } else if !matches!(key, Expr::Nothing) {
                entries.push((Expr::Nothing, key));
            }
            self.at = self.at.max(before + 1);
        }
        entries
    }
}

fn offset(token: Token) -> u32 {
    u32::try_from(token.start).unwrap_or(u32::MAX)
}

/// Words that stand before a value and are none.
fn is_prefix(word: &str) -> bool {
    matches!(
        word,
        "await"
            | "new"
            | "async"
            | "function"
            | "return"
            | "typeof"
            | "void"
            | "delete"
            | "yield"
            | "throw"
            | "not"
            | "lambda"
            | "def"
            | "class"
            | "export"
            | "default"
            | "const"
            | "let"
            | "var"
            | "else"
            | "do"
    )
}

fn number(digits: &[u8]) -> Option<f64> {
    let digits = std::str::from_utf8(digits).ok()?.replace('_', "");
    let radix = |prefix: &str, radix| {
        let digits = digits.to_ascii_lowercase();
        // Hexadecimal numbers of programs have at most 16 digits.
        digits.strip_prefix(prefix).map(|rest| u64::from_str_radix(rest, radix).ok().map(|n| n as f64))
    };
    radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .unwrap_or_else(|| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn debug(source: &str, syntax: Syntax) -> String {
        format!("{:?}", salvage(source.as_bytes(), syntax).body)
    }

    #[test]
    fn a_broken_script_still_says_whom_it_calls_with_what() {
        let source = "const {exec: run} = require('child_process'); if (((\n run('curl ' + host, () => { a['b'](`x${y}`) })";
        let read = debug(source, Syntax::JavaScript);
        for part in [
            r#"Keys([("exec", Name("run"))])"#,
            r#"Text("child_process""#,
            r#"Join([Text("curl ""#,
            r#"Member(Name("a""#,
            r#"Join([Text("x""#,
        ] {
            assert!(read.contains(part), "{part} is not in {read}");
        }
    }

    #[test]
    fn broken_python_keeps_its_imports_and_calls() {
        let read =
            debug("import os, socket as s\nfrom a.b import c as d\nx = os.system('id' 'x'", Syntax::Python);
        for part in [r#"module: "socket", alias: Some("s")"#, r#"names: [("c", "d")]"#, r#"Text("id""#] {
            assert!(read.contains(part), "{part} is not in {read}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            salvage(&bytes, Syntax::JavaScript);
            salvage(&bytes, Syntax::Python);
        }

        #[test]
        fn a_jumble_of_brackets_is_read_to_its_end(source in "[a(){}\\[\\]=>.,:;`$'+]{0,300}") {
            salvage(source.as_bytes(), Syntax::JavaScript);
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_are_no_stack_overflow() {
        for bracket in ["(", "[", "{", "a(", "=>", "`${"] {
            salvage(bracket.repeat(100_000).as_bytes(), Syntax::JavaScript);
        }
    }
}
