//! Statements.

use super::Lower;
use crate::program::{Expr, Name, Pattern, Stmt};
use oxc_ast::ast::{self, Statement};

impl<'t, 'a> Lower<'t, 'a> {
    pub(super) fn statement_inner(&mut self, statement: &'t Statement<'a>, out: &mut Vec<Stmt>) {
        match statement {
            Statement::ExpressionStatement(it) => self.effectful(&it.expression, out),
            Statement::BlockStatement(it) => {
                let body = self.statements(&it.body);
                self.push(Stmt::Block { guard: None, body }, out);
            }
            Statement::ReturnStatement(it) => {
                let value = it.argument.as_ref().map(|value| self.expression(value)).unwrap_or_default();
                self.push(Stmt::Return(value), out);
            }
            Statement::ThrowStatement(it) => {
                let value = self.expression(&it.argument);
                self.push(Stmt::Expr(value), out);
            }
            Statement::IfStatement(it) => self.branches(it, out),
            Statement::SwitchStatement(it) => self.switch(it, out),
            Statement::TryStatement(it) => self.attempt(it, out),
            Statement::LabeledStatement(it) => self.statement(&it.body, out),
            Statement::WhileStatement(it) => self.guarded(&it.test, &it.body, out),
            Statement::DoWhileStatement(it) => self.guarded(&it.test, &it.body, out),
            Statement::WithStatement(it) => self.guarded(&it.object, &it.body, out),
            Statement::ForStatement(it) => self.counting(it, out),
            Statement::ForInStatement(it) => {
                let keys = self.expression(&it.right);
                self.each(&it.left, Expr::Group(vec![keys]), &it.body, out);
            }
            Statement::ForOfStatement(it) => {
                let items = self.expression(&it.right);
                self.each(&it.left, Expr::Index(Box::new(items), Box::default(), 0), &it.body, out);
            }
            Statement::BreakStatement(_)
            | Statement::ContinueStatement(_)
            | Statement::DebuggerStatement(_)
            | Statement::EmptyStatement(_) => {}
            declaration => {
                if let Some(it) = declaration.as_declaration() {
                    self.declaration(it, out);
                } else if let Some(it) = declaration.as_module_declaration() {
                    self.module_declaration(it, out);
                }
            }
        }
    }

    /// An expression that is run for its effect: what minifiers make of `if` becomes one again.
    fn effectful(&mut self, expression: &'t ast::Expression<'a>, out: &mut Vec<Stmt>) {
        match expression.without_parentheses() {
            ast::Expression::LogicalExpression(it) => {
                let guard = self.expression(&it.left);
                self.flush(out);
                let body = self.scoped(|lower, out| lower.effectful_within(&it.right, out));
                self.push(Stmt::Block { guard: Some(guard), body }, out);
            }
            ast::Expression::ConditionalExpression(it) => {
                let guard = self.expression(&it.test);
                self.flush(out);
                let body = self.scoped(|lower, out| lower.effectful_within(&it.consequent, out));
                self.push(Stmt::Block { guard: Some(guard), body }, out);
                let body = self.scoped(|lower, out| lower.effectful_within(&it.alternate, out));
                self.push(Stmt::Block { guard: None, body }, out);
            }
            ast::Expression::SequenceExpression(it) => {
                for part in &it.expressions {
                    self.effectful_within(part, out);
                }
            }
            ast::Expression::AssignmentExpression(it) => {
                if let Some((pattern, value)) = self.plain_assignment(it) {
                    self.push(Stmt::Assign(vec![pattern], value), out);
                    self.exported(&it.left, out);
                } else {
                    let value = self.expression(expression);
                    self.push(Stmt::Expr(value), out);
                }
            }
            _ => {
                let value = self.expression(expression);
                self.push(Stmt::Expr(value), out);
            }
        }
    }

    fn effectful_within(&mut self, expression: &'t ast::Expression<'a>, out: &mut Vec<Stmt>) {
        if self.depth >= crate::program::MAX_DEPTH {
            self.deep.push(super::Deep::Expression(expression));
            return;
        }
        self.depth += 1;
        self.effectful(expression, out);
        self.depth -= 1;
    }

    /// A statement as the body of another.
    fn body(&mut self, statement: &'t Statement<'a>) -> Vec<Stmt> {
        match statement {
            Statement::BlockStatement(it) => self.statements(&it.body),
            other => self.scoped(|lower, out| lower.statement(other, out)),
        }
    }

    fn guarded(&mut self, guard: &'t ast::Expression<'a>, body: &'t Statement<'a>, out: &mut Vec<Stmt>) {
        let guard = self.expression(guard);
        self.flush(out);
        let body = self.body(body);
        self.push(Stmt::Block { guard: Some(guard), body }, out);
    }

    /// `if`, with the chain of its `else if` unrolled: generated code has hundreds.
    fn branches(&mut self, first: &'t ast::IfStatement<'a>, out: &mut Vec<Stmt>) {
        let mut next = Some(first);
        while let Some(branch) = next.take() {
            self.guarded(&branch.test, &branch.consequent, out);
            match &branch.alternate {
                Some(Statement::IfStatement(chained)) => next = Some(chained),
                Some(last) => {
                    let body = self.body(last);
                    self.push(Stmt::Block { guard: None, body }, out);
                }
                None => {}
            }
        }
    }

    fn switch(&mut self, it: &'t ast::SwitchStatement<'a>, out: &mut Vec<Stmt>) {
        let guard = self.expression(&it.discriminant);
        self.flush(out);
        let body = self.scoped(|lower, out| {
            for case in &it.cases {
                if let Some(test) = &case.test {
                    let test = lower.expression(test);
                    lower.effect(test);
                    lower.flush(out);
                }
                for statement in &case.consequent {
                    lower.statement(statement, out);
                }
            }
        });
        self.push(Stmt::Block { guard: Some(guard), body }, out);
    }

    fn attempt(&mut self, it: &'t ast::TryStatement<'a>, out: &mut Vec<Stmt>) {
        let body = self.statements(&it.block.body);
        self.push(Stmt::Block { guard: None, body }, out);
        if let Some(handler) = &it.handler {
            let body = self.scoped(|lower, out| {
                if let Some(param) = &handler.param {
                    let pattern = lower.binding(&param.pattern);
                    lower.push(Stmt::Assign(vec![pattern], Expr::Nothing), out);
                }
                for statement in &handler.body.body {
                    lower.statement(statement, out);
                }
            });
            self.push(Stmt::Block { guard: None, body }, out);
        }
        if let Some(last) = &it.finalizer {
            let body = self.statements(&last.body);
            self.push(Stmt::Block { guard: None, body }, out);
        }
    }

    fn counting(&mut self, it: &'t ast::ForStatement<'a>, out: &mut Vec<Stmt>) {
        match &it.init {
            Some(ast::ForStatementInit::VariableDeclaration(it)) => self.variables(it, out),
            Some(init) => {
                if let Some(init) = init.as_expression() {
                    self.effectful_within(init, out);
                }
            }
            None => {}
        }
        let guard = it.test.as_ref().map(|test| self.expression(test));
        self.flush(out);
        let body = self.scoped(|lower, out| {
            lower.statement(&it.body, out);
            if let Some(update) = &it.update {
                lower.effectful_within(update, out);
            }
        });
        self.push(Stmt::Block { guard, body }, out);
    }

    fn each(
        &mut self,
        left: &'t ast::ForStatementLeft<'a>,
        item: Expr,
        body: &'t Statement<'a>,
        out: &mut Vec<Stmt>,
    ) {
        self.flush(out);
        let body = self.scoped(|lower, out| {
            let pattern = match left {
                ast::ForStatementLeft::VariableDeclaration(it) => {
                    it.declarations.first().map(|first| lower.binding(&first.id))
                }
                other => other.as_assignment_target().map(|target| lower.target(target)),
            };
            lower.push(Stmt::Assign(vec![pattern.unwrap_or(Pattern::Other)], item), out);
            lower.statement(body, out);
        });
        self.push(Stmt::Block { guard: None, body }, out);
    }

    pub(super) fn variables(&mut self, it: &'t ast::VariableDeclaration<'a>, out: &mut Vec<Stmt>) {
        for variable in &it.declarations {
            let Some(init) = &variable.init else {
                self.binding(&variable.id);
                continue;
            };
            let value = self.expression(init);
            let pattern = self.binding(&variable.id);
            self.push(Stmt::Assign(vec![pattern], value), out);
        }
    }

    pub(super) fn declaration(&mut self, it: &'t ast::Declaration<'a>, out: &mut Vec<Stmt>) {
        match it {
            ast::Declaration::VariableDeclaration(it) => self.variables(it, out),
            ast::Declaration::FunctionDeclaration(it) => {
                // A function without a body is a type.
                if it.body.is_some() {
                    let function = self.function(it);
                    self.declared.extend(function.name.clone());
                    self.push(Stmt::Function(function), out);
                }
            }
            ast::Declaration::ClassDeclaration(it) => {
                let name: Name = it.id.as_ref().map(|id| id.name.as_str().into()).unwrap_or_default();
                self.declared.push(name.clone());
                self.class(it, name, out);
            }
            ast::Declaration::TSEnumDeclaration(it) => {
                let value = self.enumeration(it);
                self.push(Stmt::Assign(vec![Pattern::Name(it.id.name.as_str().into())], value), out);
            }
            ast::Declaration::TSNamespaceDeclaration(it) => self.namespace(it, out),
            ast::Declaration::TSExternalModuleDeclaration(it) => {
                if let Some(block) = &it.body {
                    let body = self.statements(&block.body);
                    self.push(Stmt::Block { guard: None, body }, out);
                }
            }
            ast::Declaration::TSGlobalDeclaration(it) => {
                let body = self.statements(&it.body.body);
                self.push(Stmt::Block { guard: None, body }, out);
            }
            ast::Declaration::TSImportEqualsDeclaration(it) => self.import_equals(it, out),
            ast::Declaration::TSTypeAliasDeclaration(_) | ast::Declaration::TSInterfaceDeclaration(_) => {}
        }
    }

    fn namespace(&mut self, it: &'t ast::TSNamespaceDeclaration<'a>, out: &mut Vec<Stmt>) {
        let mut inner = it;
        loop {
            match &inner.body {
                ast::TSNamespaceDeclarationBody::TSNamespaceDeclaration(nested) => inner = nested,
                ast::TSNamespaceDeclarationBody::TSModuleBlock(block) => {
                    let body = self.statements(&block.body);
                    self.push(Stmt::Block { guard: None, body }, out);
                    return;
                }
            }
        }
    }
}
