//! Expressions.

use super::Lower;
use crate::program::{At, Call, Expr, Pattern};
use oxc_ast::ast::{self, Expression};

impl<'t, 'a> Lower<'t, 'a> {
    pub(super) fn expression_inner(&mut self, expression: &'t Expression<'a>) -> Expr {
        match expression {
            Expression::StringLiteral(it) => Expr::Text(it.value.as_str().into(), it.span.start),
            Expression::NumericLiteral(it) => Expr::Number(it.value),
            Expression::BigIntLiteral(it) => it.value.parse().map_or(Expr::Nothing, Expr::Number),
            Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_)
            | Expression::Super(_)
            | Expression::NewTarget(_) => Expr::Nothing,
            Expression::RegExpLiteral(it) => pattern_literal(it),
            Expression::TemplateLiteral(it) => self.template(it),
            Expression::TaggedTemplateExpression(it) => self.tagged(it),
            // The folder of the file: what is joined to it is relative to the file.
            Expression::Identifier(it) if it.name == "__dirname" => Expr::Text(".".into(), it.span.start),
            Expression::Identifier(it) => {
                self.named(&it.name);
                Expr::Name(it.name.as_str().into(), it.span.start)
            }
            Expression::ThisExpression(it) => Expr::Name("this".into(), it.span.start),
            Expression::ImportMeta(it) => meta(it.span.start),
            Expression::ArrayExpression(it) => self.array(it),
            Expression::ObjectExpression(it) => self.object(it),
            Expression::ArrowFunctionExpression(it) => Expr::Function(Box::new(self.arrow(it))),
            Expression::FunctionExpression(it) => Expr::Function(Box::new(self.function(it))),
            Expression::ClassExpression(it) => self.class_value(it),
            Expression::AssignmentExpression(it) => self.assignment(it),
            Expression::UpdateExpression(it) => self.update(it),
            Expression::BinaryExpression(it) => self.binary(it),
            Expression::LogicalExpression(it) => {
                let left = self.expression(&it.left);
                let right = self.expression(&it.right);
                Expr::Either(vec![left, right])
            }
            Expression::ConditionalExpression(it) => {
                let test = self.expression(&it.test);
                self.effect(test);
                let either = vec![self.expression(&it.consequent), self.expression(&it.alternate)];
                Expr::Either(either)
            }
            Expression::UnaryExpression(it) => self.unary(it),
            Expression::SequenceExpression(it) => self.sequence(it),
            Expression::CallExpression(it) => {
                let callee = self.expression(&it.callee);
                self.call(callee, &it.arguments, it.span.start)
            }
            Expression::NewExpression(it) => {
                let callee = self.expression(&it.callee);
                self.call(callee, &it.arguments, it.span.start)
            }
            Expression::V8IntrinsicExpression(it) => self.call(Expr::Nothing, &it.arguments, it.span.start),
            Expression::ImportExpression(it) => self.import(it),
            Expression::ChainExpression(it) => self.chain(&it.expression),
            Expression::AwaitExpression(it) => self.expression(&it.argument),
            Expression::YieldExpression(it) => {
                Expr::Group(it.argument.iter().map(|value| self.expression(value)).collect())
            }
            Expression::ParenthesizedExpression(it) => self.expression(&it.expression),
            Expression::PrivateInExpression(it) => Expr::Group(vec![self.expression(&it.right)]),
            Expression::JSXElement(it) => self.element(it),
            Expression::JSXFragment(it) => self.fragment(it),
            Expression::TSAsExpression(it) => self.expression(&it.expression),
            Expression::TSSatisfiesExpression(it) => self.expression(&it.expression),
            Expression::TSTypeAssertion(it) => self.expression(&it.expression),
            Expression::TSNonNullExpression(it) => self.expression(&it.expression),
            Expression::TSInstantiationExpression(it) => self.expression(&it.expression),
            other => other.as_member_expression().map_or(Expr::Nothing, |member| self.member(member)),
        }
    }

    pub(super) fn template(&mut self, it: &'t ast::TemplateLiteral<'a>) -> Expr {
        let at = it.span.start;
        let mut parts = Vec::with_capacity(it.quasis.len() + it.expressions.len());
        let mut values = it.expressions.iter();
        for quasi in &it.quasis {
            let text = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
            if !text.is_empty() {
                parts.push(Expr::Text(text.as_str().into(), quasi.span.start));
            }
            if let Some(value) = values.next() {
                parts.push(self.expression(value));
            }
        }
        match (parts.len(), it.expressions.is_empty()) {
            (0, _) => Expr::Text("".into(), at),
            (1, true) => parts.pop().unwrap_or_default(),
            _ => Expr::Join(parts, at),
        }
    }

    /// A tag is called with the whole text: what it does with the parts is as if it joined them.
    fn tagged(&mut self, it: &'t ast::TaggedTemplateExpression<'a>) -> Expr {
        let callee = self.expression(&it.tag);
        let text = self.template(&it.quasi);
        Expr::Call(Box::new(Call { callee, args: vec![text], named: Vec::new(), at: it.span.start }))
    }

    fn array(&mut self, it: &'t ast::ArrayExpression<'a>) -> Expr {
        let mut items = Vec::with_capacity(it.elements.len());
        for element in &it.elements {
            items.push(match element {
                ast::ArrayExpressionElement::SpreadElement(it) => {
                    Expr::Group(vec![self.expression(&it.argument)])
                }
                ast::ArrayExpressionElement::Elision(_) => Expr::Nothing,
                other => other.as_expression().map(|value| self.expression(value)).unwrap_or_default(),
            });
        }
        Expr::List(items, it.span.start)
    }

    fn object(&mut self, it: &'t ast::ObjectExpression<'a>) -> Expr {
        let mut entries = Vec::with_capacity(it.properties.len());
        for property in &it.properties {
            entries.push(match property {
                ast::ObjectPropertyKind::ObjectProperty(it) => {
                    let key = match it.key.static_name() {
                        Some(name) => Expr::Text(name.as_ref().into(), it.span.start),
                        None => it.key.as_expression().map(|key| self.expression(key)).unwrap_or_default(),
                    };
                    (key, self.expression(&it.value))
                }
                ast::ObjectPropertyKind::SpreadProperty(it) => (Expr::Nothing, self.expression(&it.argument)),
            });
        }
        Expr::Map(entries, it.span.start)
    }

    /// The pattern and the value of `pattern = value` and its kin; nothing for those that assign only sometimes.
    pub(super) fn plain_assignment(
        &mut self,
        it: &'t ast::AssignmentExpression<'a>,
    ) -> Option<(Pattern, Expr)> {
        if it.operator.as_str() != "=" {
            return None;
        }
        let value = self.expression(&it.right);
        Some((self.target(&it.left), value))
    }

    fn assignment(&mut self, it: &'t ast::AssignmentExpression<'a>) -> Expr {
        if let Some((pattern, value)) = self.plain_assignment(it) {
            return Expr::Assign(Box::new(pattern), Box::new(value));
        }
        let old = it.left.as_simple_assignment_target().map(|left| self.old_value(left)).unwrap_or_default();
        let value = self.expression(&it.right);
        let pattern = self.target(&it.left);
        let value = match it.operator.as_str() {
            "+=" => Expr::Join(vec![old, value], it.span.start),
            "||=" | "&&=" | "??=" => Expr::Either(vec![old, value]),
            operator => Expr::Arithmetic(operator.trim_end_matches('='), Box::new(old), Box::new(value)),
        };
        Expr::Assign(Box::new(pattern), Box::new(value))
    }

    fn old_value(&mut self, target: &'t ast::SimpleAssignmentTarget<'a>) -> Expr {
        match target {
            ast::SimpleAssignmentTarget::AssignmentTargetIdentifier(it) => {
                Expr::Name(it.name.as_str().into(), it.span.start)
            }
            other => other.as_member_expression().map(|member| self.member(member)).unwrap_or_default(),
        }
    }

    fn update(&mut self, it: &'t ast::UpdateExpression<'a>) -> Expr {
        let old = self.old_value(&it.argument);
        let pattern = self.simple_target(&it.argument);
        let sign = if it.operator.as_str() == "++" { "+" } else { "-" };
        let value = Expr::Arithmetic(sign, Box::new(old), Box::new(Expr::Number(1.0)));
        Expr::Assign(Box::new(pattern), Box::new(value))
    }

    fn binary(&mut self, it: &'t ast::BinaryExpression<'a>) -> Expr {
        match it.operator.as_str() {
            "+" => self.sum(it),
            "==" | "!=" | "===" | "!==" | "<" | ">" | "<=" | ">=" | "in" | "instanceof" => {
                Expr::Group(vec![self.expression(&it.left), self.expression(&it.right)])
            }
            operator => {
                let left = self.expression(&it.left);
                let right = self.expression(&it.right);
                self.arithmetic(operator, left, right)
            }
        }
    }

    /// Arithmetic; of two numbers, its result.
    fn arithmetic(&mut self, operator: &'static str, left: Expr, right: Expr) -> Expr {
        if let (Expr::Number(a), Expr::Number(b)) = (&left, &right) {
            // People write `24 * 60` and `1 << 4`; nobody writes `0x2f - 0x1e`.
            self.look.literal_sums += u32::from(matches!(operator, "-" | "^"));
            let result = match operator {
                "-" => Some(a - b),
                "*" => Some(a * b),
                "/" => Some(a / b),
                "%" => Some(a % b),
                _ => None,
            };
            if let Some(result) = result {
                return Expr::Number(result);
            }
        }
        Expr::Arithmetic(operator, Box::new(left), Box::new(right))
    }

    /// `a + b + c`, which the parser nests to the left however long it is.
    fn sum(&mut self, last: &'t ast::BinaryExpression<'a>) -> Expr {
        let mut rights = vec![&last.right];
        let mut left = &last.left;
        while let Expression::BinaryExpression(inner) = left.without_parentheses()
            && inner.operator.as_str() == "+"
        {
            rights.push(&inner.right);
            left = &inner.left;
        }
        let mut parts = Vec::with_capacity(rights.len() + 1);
        parts.push(self.expression(left));
        for right in rights.into_iter().rev() {
            parts.push(self.expression(right));
        }
        let total = parts.iter().try_fold(0.0, |sum, part| match part {
            Expr::Number(number) => Some(sum + number),
            _ => None,
        });
        self.look.literal_sums += u32::from(total.is_some());
        total.map_or_else(|| Expr::Join(parts, last.span.start), Expr::Number)
    }

    fn unary(&mut self, it: &'t ast::UnaryExpression<'a>) -> Expr {
        let value = self.expression(&it.argument);
        match (it.operator.as_str(), value) {
            ("-", Expr::Number(number)) => Expr::Number(-number),
            ("+", Expr::Number(number)) => Expr::Number(number),
            ("-", value) => Expr::Arithmetic("-", Box::new(Expr::Number(0.0)), Box::new(value)),
            ("void", value) => {
                self.effect(value);
                Expr::Nothing
            }
            (_, Expr::Nothing | Expr::Number(_)) => Expr::Nothing,
            (_, value) => Expr::Group(vec![value]),
        }
    }

    fn sequence(&mut self, it: &'t ast::SequenceExpression<'a>) -> Expr {
        let mut last = Expr::Nothing;
        for part in &it.expressions {
            self.effect(std::mem::take(&mut last));
            last = self.expression(part);
        }
        last
    }

    fn call(&mut self, callee: Expr, arguments: &'t [ast::Argument<'a>], at: At) -> Expr {
        let args = arguments.iter().map(|argument| self.argument(argument)).collect();
        Expr::Call(Box::new(Call { callee, args, named: Vec::new(), at }))
    }

    fn argument(&mut self, argument: &'t ast::Argument<'a>) -> Expr {
        match argument {
            ast::Argument::SpreadElement(it) => Expr::Group(vec![self.expression(&it.argument)]),
            other => other.as_expression().map(|value| self.expression(value)).unwrap_or_default(),
        }
    }

    /// `import(module)`: a call of `import`.
    fn import(&mut self, it: &'t ast::ImportExpression<'a>) -> Expr {
        let module = self.expression(&it.source);
        if let Some(options) = &it.options {
            let options = self.expression(options);
            self.effect(options);
        }
        let at = it.span.start;
        let callee = Expr::Name("import".into(), at);
        Expr::Call(Box::new(Call { callee, args: vec![module], named: Vec::new(), at }))
    }

    fn chain(&mut self, it: &'t ast::ChainElement<'a>) -> Expr {
        match it {
            ast::ChainElement::CallExpression(it) => {
                let callee = self.expression(&it.callee);
                self.call(callee, &it.arguments, it.span.start)
            }
            ast::ChainElement::TSNonNullExpression(it) => self.expression(&it.expression),
            other => other.as_member_expression().map_or(Expr::Nothing, |member| self.member(member)),
        }
    }

    pub(super) fn member(&mut self, it: &'t ast::MemberExpression<'a>) -> Expr {
        match it {
            ast::MemberExpression::StaticMemberExpression(it) => {
                let object = Box::new(self.expression(&it.object));
                Expr::Member(object, it.property.name.as_str().into(), it.span.start)
            }
            ast::MemberExpression::PrivateFieldExpression(it) => {
                let object = Box::new(self.expression(&it.object));
                Expr::Member(object, it.field.name.as_str().into(), it.span.start)
            }
            ast::MemberExpression::ComputedMemberExpression(it) => {
                let object = Box::new(self.expression(&it.object));
                match self.expression(&it.expression) {
                    Expr::Text(name, _) => Expr::Member(object, (*name).into(), it.span.start),
                    key => Expr::Index(object, Box::new(key), it.span.start),
                }
            }
        }
    }
}

/// `/pattern/flags`, which is `RegExp('pattern', 'flags')`: addresses of wallets are looked for with them.
fn pattern_literal(it: &ast::RegExpLiteral<'_>) -> Expr {
    let at = it.span.start;
    let text = Expr::Text(it.regex.pattern.text.as_str().into(), at);
    let flags = Expr::Text(it.regex.flags.to_string().into(), at);
    let callee = Expr::Name("RegExp".into(), at);
    Expr::Call(Box::new(Call { callee, args: vec![text, flags], named: Vec::new(), at }))
}

/// `import.meta`.
fn meta(at: At) -> Expr {
    Expr::Member(Box::new(Expr::Name("import".into(), at)), "meta".into(), at)
}
