//! JSX: tags are dropped, the expressions in them are kept.

use super::Lower;
use crate::program::Expr;
use oxc_ast::ast;

impl<'t, 'a> Lower<'t, 'a> {
    pub(super) fn element(&mut self, it: &'t ast::JSXElement<'a>) -> Expr {
        let mut parts = Vec::new();
        for attribute in &it.opening_element.attributes {
            match attribute {
                ast::JSXAttributeItem::Attribute(it) => {
                    if let Some(value) = &it.value {
                        self.attribute(value, &mut parts);
                    }
                }
                ast::JSXAttributeItem::SpreadAttribute(it) => parts.push(self.expression(&it.argument)),
            }
        }
        self.children(&it.children, &mut parts);
        Expr::Group(parts)
    }

    pub(super) fn fragment(&mut self, it: &'t ast::JSXFragment<'a>) -> Expr {
        let mut parts = Vec::new();
        self.children(&it.children, &mut parts);
        Expr::Group(parts)
    }

    /// An element within an element.
    fn nested(&mut self, it: &'t ast::JSXElement<'a>) -> Expr {
        if self.depth >= crate::program::MAX_DEPTH {
            self.deep.push(super::Deep::Element(it));
            return Expr::Nothing;
        }
        self.depth += 1;
        let lowered = self.element(it);
        self.depth -= 1;
        lowered
    }

    fn attribute(&mut self, value: &'t ast::JSXAttributeValue<'a>, parts: &mut Vec<Expr>) {
        match value {
            ast::JSXAttributeValue::StringLiteral(it) => {
                parts.push(Expr::Text(it.value.as_str().into(), it.span.start));
            }
            ast::JSXAttributeValue::ExpressionContainer(it) => self.container(&it.expression, parts),
            ast::JSXAttributeValue::Element(it) => parts.push(self.nested(it)),
            ast::JSXAttributeValue::Fragment(it) => self.children(&it.children, parts),
        }
    }

    fn children(&mut self, children: &'t [ast::JSXChild<'a>], parts: &mut Vec<Expr>) {
        if self.depth >= crate::program::MAX_DEPTH {
            self.cut_short = true;
            return;
        }
        self.depth += 1;
        for child in children {
            match child {
                ast::JSXChild::Text(_) => {}
                ast::JSXChild::Element(it) => parts.push(self.nested(it)),
                ast::JSXChild::Fragment(it) => self.children(&it.children, parts),
                ast::JSXChild::ExpressionContainer(it) => self.container(&it.expression, parts),
                ast::JSXChild::Spread(it) => parts.push(self.expression(&it.expression)),
            }
        }
        self.depth -= 1;
    }

    fn container(&mut self, it: &'t ast::JSXExpression<'a>, parts: &mut Vec<Expr>) {
        if let Some(expression) = it.as_expression() {
            parts.push(self.expression(expression));
        }
    }
}
