//! From oxc's syntax tree to a [`Program`].
//!
//! What runs for its effect inside an expression (the first parts of `a(), b`, the test of `a ? b : c`, a class as a
//! value) becomes a statement before the one it stands in; so minified code reads like written code, and the value of
//! an expression carries only what its value can carry.
//!
//! The parser's tree may be as deep as [`parse`](super::parse) lets it be; lowering stops at
//! [`MAX_DEPTH`] and goes on with what is deeper as statements of its own, so that nothing is lost by nesting.

mod class;
mod expression;
mod jsx;
mod module;
mod pattern;
mod statement;

use crate::language::measure;
use crate::program::{Expr, Look, MAX_DEPTH, Name, Program, Stmt};
use oxc_ast::ast;

/// Lowers a file.
pub(super) fn program(tree: &ast::Program<'_>) -> Program {
    let mut lower = Lower::default();
    let mut body = lower.statements(&tree.body);
    while let Some(deep) = lower.deep.pop() {
        lower.depth = 0;
        let inner = lower.scoped(|lower, out| match deep {
            Deep::Expression(expression) => {
                let value = lower.expression(expression);
                lower.flush(out);
                out.push(Stmt::Expr(value));
            }
            Deep::Element(element) => {
                let value = lower.element(element);
                lower.flush(out);
                out.push(Stmt::Expr(value));
            }
            Deep::Statement(statement) => lower.statement(statement, out),
        });
        body.push(Stmt::Block { guard: None, body: inner });
    }
    Program { body, cut_short: lower.cut_short, look: lower.look }
}

/// What was too deep where it stands.
enum Deep<'t, 'a> {
    Expression(&'t ast::Expression<'a>),
    Element(&'t ast::JSXElement<'a>),
    Statement(&'t ast::Statement<'a>),
}

/// The state of lowering.
#[derive(Default)]
struct Lower<'t, 'a> {
    /// Statements that come before the one whose expression is being lowered.
    before: Vec<Stmt>,
    /// Statements that come after it: defaults of patterns.
    after: Vec<Stmt>,
    /// To be lowered on its own.
    deep: Vec<Deep<'t, 'a>>,
    /// Names that the function under way declares.
    declared: Vec<Name>,
    depth: u16,
    /// How names and numbers look.
    look: Look,
    /// Whether something was too deep and has no place of its own.
    cut_short: bool,
}

impl<'t, 'a> Lower<'t, 'a> {
    /// Statements of a scope of their own: what they put before and after themselves stays in it.
    fn scoped(&mut self, fill: impl FnOnce(&mut Self, &mut Vec<Stmt>)) -> Vec<Stmt> {
        let (before, after) = (std::mem::take(&mut self.before), std::mem::take(&mut self.after));
        let mut out = Vec::new();
        fill(self, &mut out);
        self.flush(&mut out);
        out.append(&mut self.after);
        (self.before, self.after) = (before, after);
        out
    }

    /// Writes what comes before the statement that is about to be written.
    fn flush(&mut self, out: &mut Vec<Stmt>) {
        out.append(&mut self.before);
    }

    /// Writes a statement between what comes before and after it.
    fn push(&mut self, statement: Stmt, out: &mut Vec<Stmt>) {
        self.flush(out);
        out.push(statement);
        out.append(&mut self.after);
    }

    /// Runs before the statement that is being lowered, if it can have an effect.
    fn effect(&mut self, value: Expr) {
        if has_effect(&value) {
            self.before.push(Stmt::Expr(value));
        }
    }

    /// Counts a name.
    fn named(&mut self, name: &str) {
        self.look.names += 1;
        self.look.machine_names += u32::from(measure::is_machine_name(name));
    }

    fn statements(&mut self, statements: &'t [ast::Statement<'a>]) -> Vec<Stmt> {
        self.scoped(|lower, out| {
            for statement in statements {
                lower.statement(statement, out);
            }
        })
    }

    fn statement(&mut self, statement: &'t ast::Statement<'a>, out: &mut Vec<Stmt>) {
        if self.depth >= MAX_DEPTH {
            self.deep.push(Deep::Statement(statement));
            return;
        }
        self.depth += 1;
        self.statement_inner(statement, out);
        self.depth -= 1;
    }

    fn expression(&mut self, expression: &'t ast::Expression<'a>) -> Expr {
        if self.depth >= MAX_DEPTH {
            self.deep.push(Deep::Expression(expression));
            return Expr::Nothing;
        }
        self.depth += 1;
        let lowered = self.expression_inner(expression);
        self.depth -= 1;
        lowered
    }
}

/// Whether an expression is worth a statement of its own: names, literals and what is made of them are not.
fn has_effect(value: &Expr) -> bool {
    match value {
        Expr::Nothing | Expr::Text(..) | Expr::Number(_) | Expr::Name(..) => false,
        Expr::Member(object, _, _) => has_effect(object),
        Expr::Group(parts) | Expr::Either(parts) => parts.iter().any(has_effect),
        _ => true,
    }
}
