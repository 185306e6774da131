//! Rust's expressions: operands with what follows them, blocks and closures where they stand.

use super::lex::Tok;
use super::lower::{Lower, spread};
use crate::program::{At, Call, Expr, MAX_DEPTH, Name, Pattern, Stmt};

/// Methods that give their object, or a form of it.
const SAME: &[&str] = &[
    "unwrap",
    "expect",
    "unwrap_or_default",
    "unwrap_or_else",
    "unwrap_or",
    "ok",
    "as_str",
    "as_bytes",
    "as_ref",
    "as_mut",
    "to_string",
    "to_owned",
    "into",
    "clone",
    "cloned",
    "copied",
    "await",
    "trim",
    "to_vec",
    "into_bytes",
    "into_string",
    "to_string_lossy",
    "into_owned",
    "as_deref",
    "borrow",
    "borrow_mut",
    "by_ref",
    "iter",
    "into_iter",
    "error_for_status",
    "map_err",
    "context",
    "with_context",
    "ok_or",
    "ok_or_else",
    "lock",
    "as_slice",
    "display",
    "as_path",
    "to_path_buf",
    "as_os_str",
    "into_boxed_str",
    "to_str",
    "collect",
    "filter",
    "map",
    "filter_map",
    "flat_map",
    "flatten",
    "chain",
    "take",
    "skip",
    "rev",
    "enumerate",
    "and_then",
    "or_else",
    "for_each",
];

/// Methods that add to what their object will do: their arguments are those of the call that made it.
const BUILD: &[&str] = &[
    "arg",
    "args",
    "env",
    "envs",
    "current_dir",
    "stdin",
    "stdout",
    "stderr",
    "env_clear",
    "header",
    "headers",
    "body",
    "json",
    "form",
    "multipart",
    "query",
    "bearer_auth",
    "basic_auth",
    "timeout",
    "set",
    "append",
    "write",
    "create",
    "truncate",
    "create_new",
    "mode",
    "read",
    "creation_flags",
    "header_str",
    "text",
    "file",
    "part",
    "with_body",
    "with_json",
    "with_header",
    "body_string",
    "body_json",
    "body_bytes",
    "bytes",
    "content",
];

/// Methods that read into their argument.
const READ: &[&str] = &["read_to_string", "read_to_end", "read_line", "read_exact", "recv", "recv_from"];

/// Members in a row: `a.b.c`; each is a level of the tree.
const MAX_LINKS: usize = 200;

impl Lower<'_> {
    /// An expression, up to one of `stops`, or what begins the next statement.
    pub(super) fn expr(&mut self, end: usize, stops: &[char], structs: bool, out: &mut Vec<Stmt>) -> Expr {
        if self.depth >= MAX_DEPTH {
            self.cut = true;
            self.skip_to(end, stops);
            return Expr::Nothing;
        }
        self.depth += 1;
        let at = self.place();
        let mut operands: Vec<Expr> = Vec::new();
        // Operands that were read; keywords and types are some, and no part of the value.
        let mut seen = 0usize;
        let mut only_plus = true;
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Punct(c)) if stops.contains(c) => break,
                Some(Tok::Open('{', _)) if !structs && seen > 0 => break,
                Some(Tok::Punct('=')) if self.pair('=', '>') => break,
                Some(Tok::Punct('=')) if !self.pair('=', '=') && operands.len() == 1 => {
                    self.at += 1;
                    let value = self.expr(end, stops, structs, out);
                    self.depth -= 1;
                    let target = operands.pop().unwrap_or_default();
                    return assign(target, value);
                }
                // An item after a macro's braces, which need no semicolon.
                Some(Tok::Ident(word)) if seen > 0 && stops == [';'] && is_item(word) => break,
                Some(Tok::Punct('#')) => self.attribute(end),
                Some(Tok::Punct('|')) if operands.is_empty() => operands.push(self.closure(end, stops, out)),
                Some(Tok::Punct(c)) => {
                    only_plus &= matches!(c, '+' | '&' | '*');
                    self.at += 1;
                }
                _ => {
                    let before = self.at;
                    let block = matches!(self.tok(self.at), Some(Tok::Open('{', _)))
                        || self.is_block_word()
                        || self.is(self.at + 1, '!') && self.opens(self.at + 2, '{').is_some();
                    let operand = self.operand(end, stops, structs, out);
                    seen += 1;
                    if !matches!(operand, Expr::Nothing) {
                        operands.push(operand);
                    }
                    self.at = self.at.max(before + 1);
                    // A block ends a statement without a semicolon, unless a method follows.
                    if block
                        && seen == 1
                        && stops == [';']
                        && !self.is(self.at, '.')
                        && !self.is(self.at, '?')
                    {
                        break;
                    }
                }
            }
        }
        self.depth -= 1;
        match operands.len() {
            0 => Expr::Nothing,
            1 => operands.pop().unwrap_or_default(),
            _ if only_plus => Expr::Join(operands, at),
            _ => Expr::Group(operands),
        }
    }

    pub(super) fn is_block_word(&self) -> bool {
        let word = self.ident(self.at);
        matches!(word, Some("if" | "match" | "loop" | "while" | "for" | "unsafe"))
    }

    /// One operand with what follows it: calls, members, `?`.
    pub(super) fn operand(&mut self, end: usize, stops: &[char], structs: bool, out: &mut Vec<Stmt>) -> Expr {
        let at = self.place();
        let value = match self.tok(self.at).cloned() {
            Some(Tok::Text(text)) => {
                self.at += 1;
                Expr::Text(text, at)
            }
            Some(Tok::Number(number)) => {
                self.at += 1;
                Expr::Number(number)
            }
            Some(Tok::Open('(', close)) => {
                let mut parts = self.list(close, out);
                if parts.len() == 1 { parts.pop().unwrap_or_default() } else { Expr::List(parts, at) }
            }
            Some(Tok::Open('[', close)) => Expr::List(self.list(close, out), at),
            Some(Tok::Open('{', close)) => self.block(close, None, out),
            Some(Tok::Ident(word)) => return self.word_operand(&word, end, stops, structs, out),
            _ => {
                self.at += 1;
                Expr::Nothing
            }
        };
        self.postfix(value, end, out)
    }

    pub(super) fn word_operand(
        &mut self,
        word: &str,
        end: usize,
        stops: &[char],
        structs: bool,
        out: &mut Vec<Stmt>,
    ) -> Expr {
        match word {
            "return" | "break" => {
                self.at += 1;
                let value = self.expr(end, stops, structs, out);
                if word == "return" {
                    out.push(Stmt::Return(value));
                    return Expr::Nothing;
                }
                value
            }
            "mut" | "ref" | "move" | "dyn" | "continue" | "box" | "in" | "where" | "else" | "async"
            | "unsafe" | "loop" => {
                self.at += 1;
                Expr::Nothing
            }
            "if" | "while" | "for" | "match" => {
                let value = self.control(word, end, out);
                self.postfix(value, end, out)
            }
            "as" => {
                self.at += 1;
                self.skip_type(end);
                Expr::Nothing
            }
            "let" => {
                // `if let … = …`: the names of the pattern hold what follows.
                self.at += 1;
                let pattern = self.pattern(end, &['=']);
                self.at += 1;
                let value = self.expr(end, &['&', ';', ','], false, out);
                out.push(Stmt::Assign(spread(pattern), value));
                Expr::Nothing
            }
            _ => {
                let value = self.path(end, structs, out);
                self.postfix(value, end, out)
            }
        }
    }

    pub(super) fn skip_type(&mut self, end: usize) {
        while self.at < end {
            match self.tok(self.at) {
                Some(Tok::Ident(_) | Tok::Lifetime | Tok::Punct(':' | '&')) => self.at += 1,
                Some(Tok::Punct('*'))
                    if self.ident(self.at + 1).is_some_and(|w| matches!(w, "const" | "mut")) =>
                {
                    self.at += 2;
                }
                Some(Tok::Punct('<')) => return self.skip_generics(end),
                _ => return,
            }
        }
    }

    /// `if`, `while`, `for` and `match`: the body is a block before the statement, its value one of several.
    pub(super) fn control(&mut self, word: &str, end: usize, out: &mut Vec<Stmt>) -> Expr {
        self.at += 1;
        let mut values = Vec::new();
        if word == "for" {
            let pattern = self.pattern(end, &['i']);
            self.at += 1;
            let over = self.expr(end, &[';'], false, out);
            out.push(Stmt::Assign(spread(pattern), over));
            if let Some(close) = self.opens(self.at, '{') {
                values.push(self.block(close, None, out));
            }
            return Expr::Either(values);
        }
        let guard = self.expr(end, &[';'], false, out);
        let Some(close) = self.opens(self.at, '{') else { return guard };
        if word == "match" {
            return self.arms(guard, close, out);
        }
        values.push(self.block(close, Some(guard), out));
        while self.word("else") {
            self.at += 1;
            if self.word("if") {
                self.at += 1;
                let guard = self.expr(end, &[';'], false, out);
                let Some(close) = self.opens(self.at, '{') else { break };
                values.push(self.block(close, Some(guard), out));
            } else if let Some(close) = self.opens(self.at, '{') {
                values.push(self.block(close, None, out));
            } else {
                break;
            }
        }
        Expr::Either(values)
    }

    pub(super) fn temporary(&mut self) -> Name {
        self.temporaries += 1;
        format!("#{}", self.temporaries).into()
    }

    pub(super) fn arms(&mut self, over: Expr, close: usize, out: &mut Vec<Stmt>) -> Expr {
        let at = self.place();
        let held = self.temporary();
        out.push(Stmt::Assign(vec![Pattern::Name(held.clone())], over));
        self.at += 1;
        let (mut values, mut body) = (Vec::new(), Vec::new());
        while self.at < close {
            let pattern = self.pattern(close, &['=']);
            self.at += 2;
            body.push(Stmt::Assign(spread(pattern), Expr::Name(held.clone(), at)));
            let value = match self.opens(self.at, '{') {
                Some(inner) => self.block(inner, None, &mut body),
                None => self.expr(close, &[','], true, &mut body),
            };
            values.push(value);
            self.at += usize::from(self.is(self.at, ','));
        }
        self.at = close + 1;
        out.push(Stmt::Block { guard: None, body });
        Expr::Either(values)
    }

    /// A block in braces that opens here; its value is that of its last expression.
    pub(super) fn block(&mut self, close: usize, guard: Option<Expr>, out: &mut Vec<Stmt>) -> Expr {
        self.at += 1;
        let mut body = self.statements(close);
        let ends_open = !self.is(close.wrapping_sub(1), ';');
        self.at = close + 1;
        let mut value = Expr::Nothing;
        if let (true, Some(Stmt::Expr(_))) = (ends_open, body.last())
            && let Some(Stmt::Expr(last)) = body.pop()
        {
            value = last;
        }
        if !body.is_empty() || guard.is_some() {
            out.push(Stmt::Block { guard, body });
        }
        value
    }

    /// `|a, b| body`: taken to run where it stands.
    pub(super) fn closure(&mut self, end: usize, stops: &[char], out: &mut Vec<Stmt>) -> Expr {
        self.at += 1;
        if self.is(self.at, '|') && self.pair_before() {
            self.at += 1;
        } else {
            while self.at < end && !self.is(self.at, '|') {
                match self.tok(self.at) {
                    Some(Tok::Open(_, close)) => self.at = close + 1,
                    _ => self.at += 1,
                }
            }
            self.at += 1;
        }
        if self.pair('-', '>') {
            self.skip_to(end, &['{']);
        }
        self.expr(end, stops, true, out)
    }

    pub(super) fn pair_before(&self) -> bool {
        let place = |at: usize| self.tokens.get(at).map_or(0, |token| token.at);
        place(self.at) == place(self.at.wrapping_sub(1)) + 1
    }

    /// Expressions between brackets that open here.
    pub(super) fn list(&mut self, close: usize, out: &mut Vec<Stmt>) -> Vec<Expr> {
        self.at += 1;
        let mut parts = Vec::new();
        while self.at < close {
            let before = self.at;
            parts.push(self.expr(close, &[',', ';'], true, out));
            self.at = (self.at + usize::from(self.at < close)).max(before + 1);
        }
        self.at = close + 1;
        parts
    }

    /// A path, a macro's call, or the literal of a struct.
    pub(super) fn path(&mut self, end: usize, structs: bool, out: &mut Vec<Stmt>) -> Expr {
        let at = self.place();
        let mut last: Name = self.ident(self.at).unwrap_or_default().into();
        let mut value = Expr::Name(last.clone(), at);
        self.at += 1;
        let mut links = 0;
        while self.pair(':', ':') && self.at < end && links < MAX_LINKS {
            links += 1;
            self.at += 2;
            if self.is(self.at, '<') {
                self.skip_generics(end);
            } else if let Some(name) = self.ident(self.at) {
                last = name.into();
                value = Expr::Member(Box::new(value), last.clone(), self.place());
                self.at += 1;
            } else {
                break;
            }
        }
        if self.is(self.at, '!')
            && !self.is(self.at + 1, '=')
            && let Some(Tok::Open(bracket, close)) = self.tok(self.at + 1).cloned()
        {
            self.at += 1;
            return self.macro_call(&last, bracket, close, at, out);
        }
        let literal = structs && last.starts_with(char::is_uppercase);
        if let Some(close) = self.opens(self.at, '{').filter(|_| literal) {
            return Expr::Group(self.list(close, out));
        }
        value
    }

    pub(super) fn macro_call(
        &mut self,
        name: &str,
        bracket: char,
        close: usize,
        at: At,
        out: &mut Vec<Stmt>,
    ) -> Expr {
        if bracket == '{' {
            return self.block(close, None, out);
        }
        let args = self.list(close, out);
        match name {
            "vec" => Expr::List(args, at),
            "concat" => Expr::Join(args, at),
            "format" | "format_args" => super::format::joined(args, at),
            "write" | "writeln" if args.len() > 1 => written(args, at),
            _ => {
                let callee = Expr::Name(format!("{name}!").into(), at);
                Expr::Call(Box::new(Call { callee, args, named: Vec::new(), at }))
            }
        }
    }

    /// What follows an operand.
    pub(super) fn postfix(&mut self, mut value: Expr, end: usize, out: &mut Vec<Stmt>) -> Expr {
        for _ in 0..MAX_LINKS {
            if self.at >= end {
                break;
            }
            let at = self.place();
            match self.tok(self.at).cloned() {
                Some(Tok::Punct('?')) => self.at += 1,
                Some(Tok::Open('(', close)) => {
                    let mut args = self.list(close, out);
                    let place = start(&value).unwrap_or(at);
                    value = of_trait(value, &mut args);
                    value = Expr::Call(Box::new(Call { at: place, callee: value, args, named: Vec::new() }));
                }
                Some(Tok::Open('[', close)) => {
                    let key = Expr::Group(self.list(close, out));
                    value = Expr::Index(Box::new(value), Box::new(key), at);
                }
                Some(Tok::Punct('.')) if !self.pair('.', '.') => {
                    self.at += 1;
                    value = self.member(value, at, end, out);
                }
                _ if self.word("as") => {
                    self.at += 1;
                    self.skip_type(end);
                }
                _ => break,
            }
        }
        value
    }

    pub(super) fn member(&mut self, value: Expr, at: At, end: usize, out: &mut Vec<Stmt>) -> Expr {
        let Some(name) = self.ident(self.at).map(Name::from) else {
            // A field by number.
            self.at += 1;
            return value;
        };
        self.at += 1;
        if self.pair(':', ':') {
            self.at += 2;
            self.skip_generics(end);
        }
        let Some(close) = self.opens(self.at, '(') else {
            return if SAME.contains(&&*name) { value } else { Expr::Member(Box::new(value), name, at) };
        };
        // What a closure is handed is of the object.
        let held = self.closure_params(close).map(|params| {
            let held = self.temporary();
            (held, params)
        });
        let value = match held {
            Some((held, params)) => {
                out.push(Stmt::Assign(vec![Pattern::Name(held.clone())], value));
                out.push(Stmt::Assign(params, Expr::Name(held.clone(), at)));
                Expr::Name(held, at)
            }
            None => value,
        };
        let mut args = self.list(close, out);
        if SAME.contains(&&*name) {
            args.retain(|arg| !matches!(arg, Expr::Nothing | Expr::Text(..)));
            args.insert(0, value);
            return if args.len() == 1 { args.pop().unwrap_or_default() } else { Expr::Either(args) };
        }
        if READ.contains(&&*name)
            && let Some(Expr::Name(target, place)) = args.first()
        {
            let read = Stmt::Assign(vec![Pattern::Name(target.clone())], value);
            let read_into = Expr::Name(target.clone(), *place);
            out.push(read);
            return read_into;
        }
        if &*name == "join" && args.len() == 1 {
            let mut parts = vec![value, Expr::Text("/".into(), at)];
            parts.append(&mut args);
            return Expr::Join(parts, at);
        }
        match value {
            Expr::Call(mut call) if BUILD.contains(&&*name) && !args.is_empty() => {
                call.args.append(&mut args);
                Expr::Call(call)
            }
            value => {
                let callee = Expr::Member(Box::new(value), name, at);
                Expr::Call(Box::new(Call { callee, args, named: Vec::new(), at }))
            }
        }
    }

    /// The parameters of the closure that a call's arguments begin with.
    pub(super) fn closure_params(&mut self, close: usize) -> Option<Vec<Pattern>> {
        let mut at = self.at + 1;
        while matches!(self.ident(at), Some("move" | "async")) {
            at += 1;
        }
        if !self.is(at, '|') || at >= close {
            return None;
        }
        let before = std::mem::replace(&mut self.at, at + 1);
        let pattern = self.pattern(close, &['|']);
        self.at = before;
        Some(spread(pattern))
    }
}

/// `write!(out, "…", a)` is `out.write_fmt(…)`.
fn written(mut args: Vec<Expr>, at: At) -> Expr {
    let out = args.remove(0);
    let callee = Expr::Member(Box::new(out), "write_fmt".into(), at);
    let args = vec![super::format::joined(args, at)];
    Expr::Call(Box::new(Call { callee, args, named: Vec::new(), at }))
}

/// Whether a word begins an item.
fn is_item(word: &str) -> bool {
    matches!(
        word,
        "impl" | "fn" | "pub" | "mod" | "trait" | "struct" | "enum" | "static" | "use" | "macro_rules"
    )
}

/// `Write::write_all(&mut stream, data)` is `stream.write_all(data)`.
fn of_trait(callee: Expr, args: &mut Vec<Expr>) -> Expr {
    const TRAITS: [&str; 6] = ["Write", "Read", "BufRead", "AsyncWriteExt", "AsyncReadExt", "Iterator"];
    let owner = match &callee {
        Expr::Member(object, ..) => match &**object {
            Expr::Name(name, _) | Expr::Member(_, name, _) => name,
            _ => return callee,
        },
        _ => return callee,
    };
    if !TRAITS.contains(&&**owner) || args.is_empty() {
        return callee;
    }
    match callee {
        Expr::Member(_, name, at) => Expr::Member(Box::new(args.remove(0)), name, at),
        other => other,
    }
}

/// Where an expression begins.
fn start(value: &Expr) -> Option<At> {
    match value {
        Expr::Name(_, at) | Expr::Text(_, at) => Some(*at),
        Expr::Member(object, _, at) => start(object).or(Some(*at)),
        Expr::Call(call) => Some(call.at),
        _ => None,
    }
}

fn assign(target: Expr, value: Expr) -> Expr {
    let pattern = match target {
        Expr::Name(name, _) => Pattern::Name(name),
        target @ (Expr::Member(..) | Expr::Index(..)) => Pattern::Place(target),
        other => return Expr::Group(vec![other, value]),
    };
    Expr::Assign(Box::new(pattern), Box::new(value))
}
