//! Rust's tokens to a [`Program`]. Types, patterns and precedence matter little for where data goes, so that they are
//! read roughly: operators join what is around them, blocks and closures are taken to run where they stand, and what
//! hands its object on (`unwrap`, `?`, `as_str`) is left out.

use super::lex::{Tok, Token};
use crate::program::{At, Function, Import, MAX_DEPTH, Name, Pattern, Program, Stmt};

pub(super) struct Lower<'t> {
    pub(super) tokens: &'t [Token],
    pub(super) at: usize,
    pub(super) depth: u16,
    pub(super) cut: bool,
    pub(super) temporaries: u32,
}

/// The program of a file.
pub(super) fn program(tokens: &[Token]) -> Program {
    let mut lower = Lower { tokens, at: 0, depth: 0, cut: false, temporaries: 0 };
    let body = lower.statements(tokens.len());
    Program { body, cut_short: lower.cut, ..Program::default() }
}

impl Lower<'_> {
    pub(super) fn tok(&self, at: usize) -> Option<&Tok> {
        self.tokens.get(at).map(|token| &token.tok)
    }

    pub(super) fn place(&self) -> At {
        self.tokens.get(self.at).map_or(0, |token| token.at)
    }

    pub(super) fn ident(&self, at: usize) -> Option<&str> {
        match self.tok(at) {
            Some(Tok::Ident(name)) => Some(name),
            _ => None,
        }
    }

    pub(super) fn is(&self, at: usize, c: char) -> bool {
        self.tok(at) == Some(&Tok::Punct(c))
    }

    pub(super) fn word(&self, word: &str) -> bool {
        self.ident(self.at) == Some(word)
    }

    /// Two characters of punctuation in a row, with nothing between.
    pub(super) fn pair(&self, a: char, b: char) -> bool {
        let place = |at: usize| self.tokens.get(at).map_or(0, |token| token.at);
        self.is(self.at, a) && self.is(self.at + 1, b) && place(self.at + 1) == place(self.at) + 1
    }

    /// Where the bracket closes that opens at `at`, if one does.
    pub(super) fn opens(&self, at: usize, bracket: char) -> Option<usize> {
        match self.tok(at) {
            Some(Tok::Open(c, close)) if *c == bracket => Some(*close),
            _ => None,
        }
    }

    /// Goes on to the next of `stops` outside of brackets, or to `end`.
    pub(super) fn skip_to(&mut self, end: usize, stops: &[char]) {
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Punct(c) | Tok::Open(c, _)) if stops.contains(c) => return,
                Some(Tok::Open(_, close)) => self.at = (*close).max(self.at) + 1,
                _ => self.at += 1,
            }
        }
    }

    /// Skips `<…>` of types, where one begins.
    pub(super) fn skip_generics(&mut self, end: usize) {
        if !self.is(self.at, '<') {
            return;
        }
        let mut depth = 0usize;
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Punct('<')) => depth += 1,
                // The arrow of a function's type closes nothing.
                Some(Tok::Punct('>')) if !self.is(self.at.wrapping_sub(1), '-') => {
                    depth = depth.saturating_sub(1);
                }
                Some(Tok::Open('{', _) | Tok::Punct(';')) => return,
                Some(Tok::Open(_, close)) => self.at = *close,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// The statements and items up to `end`.
    pub(super) fn statements(&mut self, end: usize) -> Vec<Stmt> {
        let end = end.min(self.tokens.len());
        let mut out = Vec::new();
        if self.depth >= MAX_DEPTH {
            (self.at, self.cut) = (end, true);
            return out;
        }
        self.depth += 1;
        while self.at < end {
            let before = self.at;
            self.statement(end, &mut out);
            // Whatever it was: what is not understood is passed over.
            self.at = self.at.max(before + 1);
        }
        self.depth -= 1;
        out
    }

    pub(super) fn statement(&mut self, end: usize, out: &mut Vec<Stmt>) {
        if self.is(self.at, '#') {
            return self.attribute(end);
        }
        if self.is(self.at, ';') || self.is(self.at, ',') {
            self.at += 1;
            return;
        }
        match self.ident(self.at).unwrap_or_default() {
            "pub" => {
                self.at += 1;
                if let Some(close) = self.opens(self.at, '(') {
                    self.at = close + 1;
                }
            }
            "default" | "extern" if !self.is(self.at + 1, '!') => {
                self.at += 1;
                if self.word("crate") {
                    self.at += 1;
                    self.use_tree(end, String::new(), out);
                } else if matches!(self.tok(self.at), Some(Tok::Text(_))) {
                    self.at += 1;
                }
            }
            "use" => {
                self.at += 1;
                self.use_tree(end, String::new(), out);
                self.skip_to(end, &[';']);
            }
            "mod" | "impl" | "trait" => self.container(end, out),
            "fn" => self.function(end, out),
            "struct" | "enum" | "union" | "type" if self.ident(self.at + 1).is_some() => {
                self.skip_to(end, &[';', '{']);
                if let Some(close) = self.opens(self.at, '{') {
                    self.at = close + 1;
                }
            }
            "const" | "static" | "let"
                if self.opens(self.at + 1, '{').is_none() && self.ident(self.at + 1) != Some("fn") =>
            {
                self.binding(end, out);
            }
            "macro_rules" if self.is(self.at + 1, '!') => {
                self.at += 3;
                if let Some(Tok::Open(_, close)) = self.tok(self.at) {
                    let close = *close;
                    self.at += 1;
                    let body = self.statements(close);
                    self.at = close + 1;
                    out.push(Stmt::Block { guard: None, body });
                }
            }
            _ => {
                let value = self.expr(end, &[';'], true, out);
                out.push(Stmt::Expr(value));
            }
        }
    }

    /// `#[…]`; with `cfg(test)` and `test` it goes with what it is about.
    pub(super) fn attribute(&mut self, end: usize) {
        self.at += 1 + usize::from(self.is(self.at + 1, '!'));
        let Some(close) = self.opens(self.at, '[') else { return };
        let test = match (self.ident(self.at + 1), self.ident(self.at + 3), self.ident(self.at + 4)) {
            (Some("cfg"), Some("test"), _) => true,
            (Some("test"), _, _) => close == self.at + 2,
            _ => false,
        };
        self.at = close + 1;
        if test {
            self.skip_to(end, &[';', '{']);
            if let Some(close) = self.opens(self.at, '{') {
                self.at = close + 1;
            }
        }
    }

    /// `path::{a, b as c, d::*}` after what has been read of it.
    pub(super) fn use_tree(&mut self, end: usize, prefix: String, out: &mut Vec<Stmt>) {
        if self.depth >= MAX_DEPTH {
            self.cut = true;
            return;
        }
        let at = self.place();
        let mut path = prefix;
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Punct(':')) => self.at += 1,
                Some(Tok::Ident(name)) if &**name != "as" => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                    self.at += 1;
                }
                Some(Tok::Punct('*')) => {
                    self.at += 1;
                    out.push(import(&path, "*", "*", at));
                    return;
                }
                Some(Tok::Open('{', close)) => {
                    let close = (*close).min(end);
                    self.at += 1;
                    self.depth += 1;
                    while self.at < close {
                        let before = self.at;
                        self.use_tree(close, path.clone(), out);
                        self.skip_to(close, &[',']);
                        self.at = (self.at + usize::from(self.is(self.at, ','))).max(before + 1);
                    }
                    self.depth -= 1;
                    self.at = close + 1;
                    return;
                }
                _ => break,
            }
        }
        let path = path.strip_suffix(".self").unwrap_or(&path);
        let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
        let alias = if self.word("as") { self.ident(self.at + 1).unwrap_or(name) } else { name };
        if !name.is_empty() {
            out.push(import(module, name, alias, at));
        }
    }

    /// `mod`, `impl` and `trait`: what is in their braces.
    pub(super) fn container(&mut self, end: usize, out: &mut Vec<Stmt>) {
        let is_mod = self.word("mod");
        self.at += 1;
        self.skip_generics(end);
        let mut name: Name = "".into();
        while self.at < end && self.opens(self.at, '{').is_none() && !self.is(self.at, ';') {
            match self.ident(self.at) {
                Some("where") => break,
                Some(ident) => name = ident.into(),
                None => {}
            }
            if self.is(self.at, '<') { self.skip_generics(end) } else { self.at += 1 }
        }
        self.skip_to(end, &[';', '{']);
        if let Some(close) = self.opens(self.at, '{') {
            self.at += 1;
            let body = self.statements(close);
            self.at = close + 1;
            out.push(if is_mod {
                Stmt::Block { guard: None, body }
            } else {
                Stmt::Class { name, bases: Vec::new(), body }
            });
        }
    }

    pub(super) fn function(&mut self, end: usize, out: &mut Vec<Stmt>) {
        let at = self.place();
        self.at += 1;
        let name = self.ident(self.at).map(Into::into);
        self.at += 1;
        self.skip_generics(end);
        let mut params = Vec::new();
        if let Some(close) = self.opens(self.at, '(') {
            self.at += 1;
            while self.at < close {
                params.push(self.pattern(close, &[':', ',']));
                self.skip_to(close, &[',']);
                self.at += 1;
            }
            self.at = close + 1;
        }
        self.skip_to(end, &[';', '{']);
        let Some(close) = self.opens(self.at, '{') else { return };
        self.at += 1;
        let body = self.body(close);
        self.at = close + 1;
        out.push(Stmt::Function(Function { name, params, body, at, ..Function::default() }));
    }

    /// The body of a function: what its last expression gives, it returns.
    pub(super) fn body(&mut self, close: usize) -> Vec<Stmt> {
        let mut body = self.statements(close);
        if let Some(Stmt::Expr(_)) = body.last()
            && let Some(Stmt::Expr(value)) = body.pop()
        {
            body.push(Stmt::Return(value));
        }
        body
    }

    /// The names that a pattern binds, roughly: those in lower case that are no paths.
    pub(super) fn pattern(&mut self, end: usize, stops: &[char]) -> Pattern {
        let mut names: Vec<Name> = Vec::new();
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Punct(c)) if stops.contains(c) && !self.pair(':', ':') => break,
                Some(Tok::Punct(':')) if self.pair(':', ':') => self.at += 2,
                Some(Tok::Ident(name)) => {
                    let keyword = matches!(&**name, "ref" | "mut" | "box" | "if" | "in");
                    if &**name == "in" && stops.contains(&'i') {
                        break;
                    }
                    let binds = !keyword && !name.starts_with(char::is_uppercase) && names.len() < 16;
                    if binds && (stops.contains(&':') || !self.is(self.at + 1, ':')) {
                        names.push(name.clone());
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        match names.len() {
            0 => Pattern::Other,
            1 => names.pop().map_or(Pattern::Other, Pattern::Name),
            _ => Pattern::Items(names.into_iter().map(Pattern::Name).collect()),
        }
    }

    /// `let`, `const` and `static`.
    pub(super) fn binding(&mut self, end: usize, out: &mut Vec<Stmt>) {
        let names_only = !self.word("let");
        self.at += 1;
        let mut pattern = self.pattern(end, &[':', '=', ';']);
        if let (true, Some(name)) = (names_only, self.ident(self.at.wrapping_sub(1))) {
            pattern = Pattern::Name(name.into());
        }
        self.skip_to(end, &['=', ';']);
        if !self.is(self.at, '=') {
            return;
        }
        self.at += 1;
        let value = self.expr(end, &[';'], true, out);
        out.push(Stmt::Assign(spread(pattern), value));
    }
}

/// Several names that each may hold the one value.
pub(super) fn spread(pattern: Pattern) -> Vec<Pattern> {
    match pattern {
        Pattern::Items(items) => items,
        other => vec![other],
    }
}

fn import(module: &str, name: &str, alias: &str, at: At) -> Stmt {
    let whole = module.is_empty();
    Stmt::Import(Import {
        module: if whole { name.into() } else { module.into() },
        alias: whole.then(|| alias.into()),
        names: if whole { Vec::new() } else { vec![(name.into(), alias.into())] },
        at,
    })
}
