//! Functions, classes and what is like them.

use super::Lower;
use crate::program::{Expr, Function, Name, Pattern, Stmt};
use oxc_ast::ast;

impl<'t, 'a> Lower<'t, 'a> {
    pub(super) fn function(&mut self, it: &'t ast::Function<'a>) -> Function {
        let name = it.id.as_ref().map(|id| id.name.as_str().into());
        let mut params = Vec::new();
        let outer = std::mem::take(&mut self.declared);
        let body = self.scoped(|lower, out| {
            params = lower.parameters(&it.params, out);
            for statement in it.body.iter().flat_map(|body| &body.statements) {
                lower.statement(statement, out);
            }
        });
        let locals = self.locals(outer);
        Function { name, params, locals, body, at: it.span.start }
    }

    pub(super) fn arrow(&mut self, it: &'t ast::ArrowFunctionExpression<'a>) -> Function {
        let mut params = Vec::new();
        let outer = std::mem::take(&mut self.declared);
        let body = self.scoped(|lower, out| {
            params = lower.parameters(&it.params, out);
            match &it.body {
                ast::ArrowFunctionBody::FunctionBody(body) => {
                    for statement in &body.statements {
                        lower.statement(statement, out);
                    }
                }
                value => {
                    if let Some(value) = value.as_expression() {
                        let value = lower.expression(value);
                        lower.push(Stmt::Return(value), out);
                    }
                }
            }
        });
        let locals = self.locals(outer);
        Function { name: None, params, locals, body, at: it.span.start }
    }

    /// What the function that was lowered declares; the one around it goes on declaring.
    fn locals(&mut self, outer: Vec<Name>) -> Vec<Name> {
        let mut locals = std::mem::replace(&mut self.declared, outer);
        locals.sort_unstable();
        locals.dedup();
        locals
    }

    fn parameters(&mut self, it: &'t ast::FormalParameters<'a>, out: &mut Vec<Stmt>) -> Vec<Pattern> {
        let mut params = Vec::with_capacity(it.items.len());
        for item in &it.items {
            self.decorators(&item.decorators, out);
            let pattern = self.binding(&item.pattern);
            if let Some(default) = &item.initializer {
                self.fallback(&pattern, default);
            }
            // `constructor(private x)` is `this.x = x` as well.
            if let (true, Pattern::Name(name)) = (item.has_modifier(), &pattern) {
                let at = item.span.start;
                let place = Expr::Member(Box::new(Expr::Name("this".into(), at)), name.clone(), at);
                let value = Expr::Name(name.clone(), at);
                self.after.push(Stmt::Assign(vec![Pattern::Place(place)], value));
            }
            params.push(pattern);
        }
        if let Some(rest) = &it.rest {
            params.push(self.binding(&rest.rest.argument));
        }
        self.flush(out);
        out.append(&mut self.after);
        params
    }

    /// A class as a statement.
    pub(super) fn class(&mut self, it: &'t ast::Class<'a>, name: Name, out: &mut Vec<Stmt>) {
        self.decorators(&it.decorators, out);
        let bases: Vec<Expr> =
            it.heritage.iter().map(|heritage| self.expression(&heritage.expression)).collect();
        self.flush(out);
        let body = self.scoped(|lower, out| {
            for element in &it.body.body {
                lower.class_element(element, out);
            }
        });
        self.push(Stmt::Class { name, bases, body }, out);
    }

    /// A class as a value: declared before, then named.
    pub(super) fn class_value(&mut self, it: &'t ast::Class<'a>) -> Expr {
        let at = it.span.start;
        let name: Name =
            it.id.as_ref().map_or_else(|| format!("class@{at}").into(), |id| id.name.as_str().into());
        let before = std::mem::take(&mut self.before);
        let after = std::mem::take(&mut self.after);
        let mut out = before;
        self.class(it, name.clone(), &mut out);
        (self.before, self.after) = (out, after);
        Expr::Name(name, at)
    }

    fn class_element(&mut self, element: &'t ast::ClassElement<'a>, out: &mut Vec<Stmt>) {
        match element {
            ast::ClassElement::StaticBlock(it) => {
                let body = self.statements(&it.body);
                self.push(Stmt::Block { guard: None, body }, out);
            }
            ast::ClassElement::MethodDefinition(it) => {
                self.decorators(&it.decorators, out);
                let name = self.element_name(&it.key, out);
                if it.value.body.is_some() {
                    let mut function = self.function(&it.value);
                    function.name = Some(name);
                    self.push(Stmt::Function(function), out);
                }
            }
            ast::ClassElement::PropertyDefinition(it) => {
                self.decorators(&it.decorators, out);
                let name = self.element_name(&it.key, out);
                self.property(name, it.span.start, it.value.as_ref(), out);
            }
            ast::ClassElement::AccessorProperty(it) => {
                self.decorators(&it.decorators, out);
                let name = self.element_name(&it.key, out);
                self.property(name, it.span.start, it.value.as_ref(), out);
            }
            ast::ClassElement::TSIndexSignature(_) => {}
        }
    }

    /// A field: `x = value` in a class is `this.x = value` where instances are made.
    fn property(&mut self, name: Name, at: u32, value: Option<&'t ast::Expression<'a>>, out: &mut Vec<Stmt>) {
        if let Some(value) = value {
            let value = self.expression(value);
            let place = Expr::Member(Box::new(Expr::Name("this".into(), at)), name, at);
            self.push(Stmt::Assign(vec![Pattern::Place(place)], value), out);
        }
    }

    fn element_name(&mut self, key: &'t ast::PropertyKey<'a>, out: &mut Vec<Stmt>) -> Name {
        if let Some(name) = key.static_name() {
            return name.as_ref().into();
        }
        if let Some(name) = key.private_name() {
            return name.as_str().into();
        }
        if let Some(expression) = key.as_expression() {
            let value = self.expression(expression);
            self.effect(value);
            self.flush(out);
        }
        Name::default()
    }

    fn decorators(&mut self, decorators: &'t [ast::Decorator<'a>], out: &mut Vec<Stmt>) {
        for decorator in decorators {
            let value = self.expression(&decorator.expression);
            self.effect(value);
            self.flush(out);
        }
    }

    pub(super) fn enumeration(&mut self, it: &'t ast::TSEnumDeclaration<'a>) -> Expr {
        let at = it.span.start;
        let mut entries = Vec::with_capacity(it.body.members.len());
        for member in &it.body.members {
            let key = match &member.id {
                ast::TSEnumMemberName::Identifier(it) => Expr::Text(it.name.as_str().into(), it.span.start),
                ast::TSEnumMemberName::String(it) | ast::TSEnumMemberName::ComputedString(it) => {
                    Expr::Text(it.value.as_str().into(), it.span.start)
                }
                ast::TSEnumMemberName::ComputedTemplateString(it) => self.template(it),
            };
            let value = member.initializer.as_ref().map(|value| self.expression(value)).unwrap_or_default();
            entries.push((key, value));
        }
        Expr::Map(entries, at)
    }
}
