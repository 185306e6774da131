//! Python's syntax tree → [`Program`].

use crate::language::measure;
use crate::program::{At, Call, Expr, Function, Import, Look, MAX_DEPTH, Pattern, Program, Stmt};
use ruff_python_ast::{self as ast, Expr as Py, Stmt as PyStmt};
use ruff_text_size::Ranged;

/// Lowers a module.
pub(super) fn module(module: &ast::ModModule) -> Program {
    let mut lower = Lower { depth: 0, cut_short: false, look: Look::default() };
    let body = lower.body(&module.body);
    Program { body, cut_short: lower.cut_short, look: lower.look }
}

struct Lower {
    depth: u16,
    cut_short: bool,
    look: Look,
}

fn at(node: &impl Ranged) -> At {
    node.range().start().to_u32()
}

impl Lower {
    fn deeper<T: Default>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH {
            self.cut_short = true;
            return T::default();
        }
        self.depth += 1;
        let value = lower(self);
        self.depth -= 1;
        value
    }

    fn body(&mut self, body: &[PyStmt]) -> Vec<Stmt> {
        self.deeper(|lower| {
            let mut out = Vec::with_capacity(body.len());
            for stmt in body {
                lower.stmt(stmt, &mut out);
            }
            out
        })
    }

    fn stmt(&mut self, stmt: &PyStmt, out: &mut Vec<Stmt>) {
        match stmt {
            PyStmt::FunctionDef(def) => {
                let name = def.name.as_str();
                let decorators: Vec<Expr> =
                    def.decorator_list.iter().map(|decorator| self.expr(&decorator.expression)).collect();
                let function = self.function(Some(name), &def.parameters, &def.body, at(def), out);
                out.push(Stmt::Function(function));
                for decorator in decorators {
                    out.push(decorated(decorator, name, at(def)));
                }
            }
            PyStmt::ClassDef(def) => {
                let arguments = def.arguments.as_deref();
                let bases = arguments.map(|all| self.exprs(&all.args)).unwrap_or_default();
                let body = self.body(&def.body);
                out.push(Stmt::Class { name: def.name.as_str().into(), bases, body });
            }
            PyStmt::Return(ret) => {
                let value = self.optional(ret.value.as_deref());
                out.push(Stmt::Return(value));
            }
            PyStmt::Assign(assign) => {
                let value = self.expr(&assign.value);
                let targets = assign.targets.iter().map(|target| self.pattern(target)).collect();
                out.push(Stmt::Assign(targets, value));
            }
            PyStmt::AugAssign(assign) => {
                let parts = vec![self.expr(&assign.target), self.expr(&assign.value)];
                let value = match assign.op {
                    ast::Operator::Add => Expr::Join(parts, at(assign)),
                    _ => Expr::Group(parts),
                };
                out.push(Stmt::Assign(vec![self.pattern(&assign.target)], value));
            }
            PyStmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = self.expr(value);
                    out.push(Stmt::Assign(vec![self.pattern(&assign.target)], value));
                }
            }
            PyStmt::Expr(expr) => {
                let value = self.expr(&expr.value);
                out.push(Stmt::Expr(value));
            }
            PyStmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    // `import a.b` binds `a`.
                    let bound = alias
                        .asname
                        .as_ref()
                        .map_or_else(|| module.split('.').next().unwrap_or(module), ast::Identifier::as_str);
                    let module = if alias.asname.is_some() { module } else { bound };
                    out.push(Stmt::Import(Import {
                        module: module.into(),
                        alias: Some(bound.into()),
                        names: Vec::new(),
                        at: at(alias),
                    }));
                }
            }
            PyStmt::ImportFrom(import) => out.push(Stmt::Import(from(import))),
            other => self.compound(other, out),
        }
    }

    /// Statements that hold others.
    fn compound(&mut self, stmt: &PyStmt, out: &mut Vec<Stmt>) {
        match stmt {
            PyStmt::For(each) => {
                let value = self.expr(&each.iter);
                // One of its parts, whichever.
                out.push(Stmt::Assign(
                    vec![self.pattern(&each.target)],
                    Expr::Group(vec![value, Expr::Nothing]),
                ));
                self.block(None, &each.body, out);
                self.block(None, &each.orelse, out);
            }
            PyStmt::While(each) => {
                self.block(Some(&each.test), &each.body, out);
                self.block(None, &each.orelse, out);
            }
            PyStmt::If(choice) => {
                self.block(Some(&choice.test), &choice.body, out);
                for clause in &choice.elif_else_clauses {
                    self.block(clause.test.as_ref(), &clause.body, out);
                }
            }
            PyStmt::With(with) => {
                for item in &with.items {
                    let value = self.expr(&item.context_expr);
                    match &item.optional_vars {
                        Some(vars) => out.push(Stmt::Assign(vec![self.pattern(vars)], value)),
                        None => out.push(Stmt::Expr(value)),
                    }
                }
                let body = self.body(&with.body);
                out.extend(body);
            }
            PyStmt::Match(choice) => {
                let subject = self.expr(&choice.subject);
                out.push(Stmt::Expr(subject));
                for case in &choice.cases {
                    self.block(case.guard.as_deref(), &case.body, out);
                }
            }
            PyStmt::Try(attempt) => {
                self.block(None, &attempt.body, out);
                for handler in &attempt.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    self.block(None, &handler.body, out);
                }
                self.block(None, &attempt.orelse, out);
                let body = self.body(&attempt.finalbody);
                out.extend(body);
            }
            PyStmt::Raise(raise) => {
                let value = self.optional(raise.exc.as_deref());
                out.push(Stmt::Expr(value));
            }
            PyStmt::Assert(assert) => {
                let parts = vec![self.expr(&assert.test), self.optional(assert.msg.as_deref())];
                out.push(Stmt::Expr(Expr::Group(parts)));
            }
            PyStmt::Delete(delete) => {
                let parts = self.exprs(&delete.targets);
                out.push(Stmt::Expr(Expr::Group(parts)));
            }
            _ => {}
        }
    }

    fn block(&mut self, guard: Option<&Py>, body: &[PyStmt], out: &mut Vec<Stmt>) {
        let guard = guard.map(|guard| self.expr(guard));
        let body = self.body(body);
        if guard.is_some() || !body.is_empty() {
            out.push(Stmt::Block { guard, body });
        }
    }

    fn function(
        &mut self,
        name: Option<&str>,
        parameters: &ast::Parameters,
        body: &[PyStmt],
        at: At,
        out: &mut Vec<Stmt>,
    ) -> Function {
        // Defaults are computed where the function is made, and are what the parameter holds if nothing is given.
        let mut begin = Vec::new();
        for parameter in parameters.iter_non_variadic_params() {
            let Some(default) = &parameter.default else { continue };
            let value = self.expr(default);
            if matches!(value, Expr::Text(..) | Expr::Number(_)) {
                let name = parameter.name().as_str();
                let given = Expr::Name(name.into(), at);
                begin.push(Stmt::Assign(vec![Pattern::Name(name.into())], Expr::Either(vec![value, given])));
            } else {
                out.push(Stmt::Expr(value));
            }
        }
        let params = params(parameters);
        begin.extend(self.body(body));
        Function { name: name.map(Into::into), params, body: begin, at, ..Function::default() }
    }

    fn exprs<'a>(&mut self, exprs: impl IntoIterator<Item = &'a Py>) -> Vec<Expr> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn optional(&mut self, expr: Option<&Py>) -> Expr {
        expr.map_or(Expr::Nothing, |expr| self.expr(expr))
    }

    fn boxed(&mut self, expr: &Py) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr(&mut self, expr: &Py) -> Expr {
        // A long sum is a deep tree, and a common one: it is unrolled.
        if let Py::BinOp(sum) = expr
            && sum.op == ast::Operator::Add
        {
            return self.sum(sum);
        }
        self.deeper(|lower| lower.one(expr))
    }

    fn sum(&mut self, sum: &ast::ExprBinOp) -> Expr {
        let mut parts: Vec<&Py> = vec![&sum.right];
        let mut left = &*sum.left;
        while let Py::BinOp(inner) = left
            && inner.op == ast::Operator::Add
        {
            parts.push(&inner.right);
            left = &inner.left;
        }
        parts.push(left);
        parts.reverse();
        let parts = self.deeper(|lower| lower.exprs(parts));
        Expr::Join(parts, at(sum))
    }

    fn one(&mut self, expr: &Py) -> Expr {
        match expr {
            Py::StringLiteral(text) => Expr::Text(text.value.to_str().into(), at(text)),
            Py::BytesLiteral(bytes) => {
                let bytes: Vec<u8> = bytes.value.bytes().collect();
                Expr::Text(crate::decode::text_of(&bytes).into(), at(expr))
            }
            Py::NumberLiteral(number) => number_of(&number.value),
            Py::Name(name) => {
                self.look.names += 1;
                self.look.machine_names += u32::from(measure::is_machine_name(name.id.as_str()));
                Expr::Name(name.id.as_str().into(), at(name))
            }
            Py::Attribute(member) => {
                Expr::Member(self.boxed(&member.value), member.attr.as_str().into(), at(&member.attr))
            }
            Py::Subscript(subscript) => self.subscript(subscript),
            Py::Call(call) => self.call(call),
            Py::FString(text) => self.interpolated(text.value.elements(), at(text)),
            Py::TString(text) => self.interpolated(text.value.elements(), at(text)),
            Py::BinOp(op) => self.operation(op),
            Py::BoolOp(op) => Expr::Either(self.exprs(&op.values)),
            Py::If(choice) => {
                let test = self.expr(&choice.test);
                let options = vec![self.expr(&choice.body), self.expr(&choice.orelse)];
                Expr::Group(vec![test, Expr::Either(options)])
            }
            Py::Named(named) => {
                let pattern = self.pattern(&named.target);
                Expr::Assign(Box::new(pattern), self.boxed(&named.value))
            }
            Py::Lambda(lambda) => {
                let params = lambda.parameters.as_deref().map(params).unwrap_or_default();
                let body = vec![Stmt::Return(self.expr(&lambda.body))];
                Expr::Function(Box::new(Function { params, body, at: at(lambda), ..Function::default() }))
            }
            Py::List(list) => Expr::List(self.exprs(&list.elts), at(list)),
            Py::Tuple(list) => Expr::List(self.exprs(&list.elts), at(list)),
            Py::Set(list) => Expr::List(self.exprs(&list.elts), at(list)),
            Py::Dict(dict) => {
                let entries = dict.items.iter();
                let entries = entries.map(|item| (self.optional(item.key.as_ref()), self.expr(&item.value)));
                Expr::Map(entries.collect(), at(dict))
            }
            Py::ListComp(comp) => self.comprehension(&comp.elt, None, &comp.generators),
            Py::SetComp(comp) => self.comprehension(&comp.elt, None, &comp.generators),
            Py::Generator(comp) => self.comprehension(&comp.elt, None, &comp.generators),
            Py::DictComp(comp) => self.comprehension(&comp.value, comp.key.as_deref(), &comp.generators),
            Py::Await(inner) => self.expr(&inner.value),
            Py::Starred(inner) => Expr::Group(vec![self.expr(&inner.value)]),
            Py::UnaryOp(inner) => Expr::Group(vec![self.expr(&inner.operand), Expr::Nothing]),
            Py::Yield(inner) => self.optional(inner.value.as_deref()),
            Py::YieldFrom(inner) => self.expr(&inner.value),
            Py::Compare(compare) => {
                let mut parts = vec![self.expr(&compare.left)];
                parts.extend(self.exprs(&compare.comparators));
                // What comes of it is true or false.
                parts.push(Expr::Nothing);
                Expr::Group(parts)
            }
            Py::Slice(slice) => {
                let parts = [&slice.lower, &slice.upper, &slice.step];
                Expr::Group(parts.into_iter().flatten().map(|part| self.expr(part)).collect())
            }
            _ => Expr::Nothing,
        }
    }

    fn operation(&mut self, op: &ast::ExprBinOp) -> Expr {
        let literal = matches!((&*op.left, &*op.right), (Py::NumberLiteral(_), Py::NumberLiteral(_)));
        let shift = matches!(op.op, ast::Operator::LShift | ast::Operator::BitXor | ast::Operator::Sub);
        self.look.literal_sums += u32::from(literal && shift);
        let operator = match op.op {
            // `"…%s" % value` is a text with the value in it.
            ast::Operator::Mod => {
                return match (self.expr(&op.left), self.expr(&op.right)) {
                    (text @ Expr::Text(..), value) => Expr::Join(vec![text, value], at(op)),
                    (left, number @ Expr::Number(_)) => {
                        Expr::Arithmetic("mod", Box::new(left), Box::new(number))
                    }
                    (left @ (Expr::Number(_) | Expr::Name(..)), right) => Expr::Group(vec![left, right]),
                    (left, right) => Expr::Join(vec![left, right], at(op)),
                };
            }
            // `Path.home() / ".ssh"` joins a path; of numbers it is arithmetic.
            ast::Operator::Div => {
                let parts = vec![self.expr(&op.left), Expr::Text("/".into(), at(op)), self.expr(&op.right)];
                return match parts.as_slice() {
                    [_, _, Expr::Number(_)] | [Expr::Number(_), ..] => Expr::Group(parts),
                    _ => Expr::Join(parts, at(op)),
                };
            }
            ast::Operator::Sub => "-",
            ast::Operator::Mult => "*",
            ast::Operator::FloorDiv => "//",
            ast::Operator::BitXor => "^",
            ast::Operator::BitAnd => "&",
            ast::Operator::BitOr => "|",
            _ => return Expr::Group(vec![self.expr(&op.left), self.expr(&op.right)]),
        };
        Expr::Arithmetic(operator, self.boxed(&op.left), self.boxed(&op.right))
    }

    fn subscript(&mut self, subscript: &ast::ExprSubscript) -> Expr {
        let place = at(subscript);
        if let Py::Slice(slice) = &*subscript.slice {
            let backwards =
                matches!(slice.step.as_deref(), Some(Py::UnaryOp(step)) if step.op == ast::UnaryOp::USub);
            let object = self.boxed(&subscript.value);
            if backwards && slice.lower.is_none() && slice.upper.is_none() {
                let callee = Expr::Member(object, "reverse".into(), place);
                return Expr::Call(Box::new(Call { callee, args: Vec::new(), named: Vec::new(), at: place }));
            }
            let number =
                |bound: &Option<Box<Py>>, lower: &mut Self| bound.as_deref().map(|bound| lower.expr(bound));
            let from = number(&slice.lower, self).unwrap_or(Expr::Number(0.0));
            let mut args = vec![from];
            args.extend(number(&slice.upper, self));
            let callee = Expr::Member(object, "slice".into(), place);
            return Expr::Call(Box::new(Call { callee, args, named: Vec::new(), at: place }));
        }
        Expr::Index(self.boxed(&subscript.value), self.boxed(&subscript.slice), place)
    }

    fn call(&mut self, call: &ast::ExprCall) -> Expr {
        let callee = self.expr(&call.func);
        let args = self.exprs(&call.arguments.args);
        let keywords = call.arguments.keywords.iter();
        let named = keywords.map(|keyword| {
            let name = keyword.arg.as_ref().map_or("**", ast::Identifier::as_str);
            (name.into(), self.expr(&keyword.value))
        });
        let named = named.collect();
        Expr::Call(Box::new(Call { callee, args, named, at: at(call) }))
    }

    fn interpolated<'a>(
        &mut self,
        elements: impl Iterator<Item = &'a ast::InterpolatedStringElement>,
        place: At,
    ) -> Expr {
        let parts = elements.map(|element| match element {
            ast::InterpolatedStringElement::Literal(text) => Expr::Text((*text.value).into(), at(text)),
            ast::InterpolatedStringElement::Interpolation(inner) => self.expr(&inner.expression),
        });
        Expr::Join(parts.collect(), place)
    }

    /// The element, with the variables bound to what is walked over: `[f(x) for x in y]` is `(lambda x: f(x))(y)`.
    fn comprehension(&mut self, element: &Py, key: Option<&Py>, generators: &[ast::Comprehension]) -> Expr {
        if let ([one], None) = (generators, key)
            && one.ifs.is_empty()
        {
            let over = self.expr(&one.iter);
            let variable = self.pattern(&one.target);
            return Expr::Each(Box::new(variable), Box::new(over), Box::new(self.expr(element)));
        }
        let mut parts = Vec::new();
        for generator in generators {
            let value = Expr::Group(vec![self.expr(&generator.iter), Expr::Nothing]);
            let pattern = self.pattern(&generator.target);
            parts.push(Expr::Assign(Box::new(pattern), Box::new(value)));
            parts.extend(self.exprs(&generator.ifs));
        }
        parts.extend(key.map(|key| self.expr(key)));
        parts.push(Expr::List(vec![self.expr(element)], at(element)));
        Expr::Group(parts)
    }

    fn pattern(&mut self, target: &Py) -> Pattern {
        match target {
            Py::Name(name) => Pattern::Name(name.id.as_str().into()),
            Py::Attribute(_) | Py::Subscript(_) => Pattern::Place(self.expr(target)),
            Py::Tuple(items) => Pattern::Items(items.elts.iter().map(|item| self.pattern(item)).collect()),
            Py::List(items) => Pattern::Items(items.elts.iter().map(|item| self.pattern(item)).collect()),
            Py::Starred(inner) => self.pattern(&inner.value),
            _ => Pattern::Other,
        }
    }
}

/// `@decorator` hands the function over. When it runs, most decorators leave to others.
fn decorated(decorator: Expr, name: &str, at: At) -> Stmt {
    let runs = matches!(&decorator, Expr::Member(_, what, _) | Expr::Name(what, _) if &**what == "register");
    let args = vec![Expr::Name(name.into(), at)];
    let call = Expr::Call(Box::new(Call { callee: decorator, args, named: Vec::new(), at }));
    if runs { Stmt::Expr(call) } else { Stmt::Export(call) }
}

fn from(import: &ast::StmtImportFrom) -> Import {
    let dots = ".".repeat(import.level as usize);
    let module = import.module.as_ref().map_or("", ast::Identifier::as_str);
    let names = import.names.iter().map(|alias| {
        let bound = alias.asname.as_ref().unwrap_or(&alias.name);
        (alias.name.as_str().into(), bound.as_str().into())
    });
    Import { module: format!("{dots}{module}").into(), alias: None, names: names.collect(), at: at(import) }
}

fn params(parameters: &ast::Parameters) -> Vec<Pattern> {
    parameters.iter().map(|parameter| Pattern::Name(parameter.name().as_str().into())).collect()
}

fn number_of(number: &ast::Number) -> Expr {
    match number {
        #[expect(clippy::cast_precision_loss, reason = "texts are made of small numbers")]
        ast::Number::Int(int) => int.as_i64().map_or(Expr::Nothing, |int| Expr::Number(int as f64)),
        ast::Number::Float(float) => Expr::Number(*float),
        ast::Number::Complex { .. } => Expr::Nothing,
    }
}
