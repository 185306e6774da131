//! What is assigned to. A default is what the name may hold as well: `{a = 1}` is `a`, and then `a = a or 1`.

use super::Lower;
use crate::program::{Expr, Name, Pattern, Stmt};
use oxc_ast::ast;
use oxc_span::GetSpan;

impl<'t, 'a> Lower<'t, 'a> {
    /// A pattern that declares variables.
    pub(super) fn binding(&mut self, pattern: &'t ast::BindingPattern<'a>) -> Pattern {
        if self.depth >= crate::program::MAX_DEPTH {
            return Pattern::Other;
        }
        self.depth += 1;
        let lowered = match pattern {
            ast::BindingPattern::BindingIdentifier(it) => {
                self.named(&it.name);
                self.declared.push(it.name.as_str().into());
                Pattern::Name(it.name.as_str().into())
            }
            ast::BindingPattern::ObjectPattern(it) => {
                let mut keys: Vec<(Name, Pattern)> = Vec::with_capacity(it.properties.len());
                for property in &it.properties {
                    let key = self.pattern_key(&property.key);
                    keys.push((key, self.binding(&property.value)));
                }
                if let Some(rest) = &it.rest {
                    keys.push((REST.into(), self.binding(&rest.argument)));
                }
                Pattern::Keys(keys)
            }
            ast::BindingPattern::ArrayPattern(it) => {
                let mut items = Vec::with_capacity(it.elements.len());
                for element in &it.elements {
                    items.push(element.as_ref().map_or(Pattern::Other, |element| self.binding(element)));
                }
                if let Some(rest) = &it.rest {
                    items.push(self.binding(&rest.argument));
                }
                Pattern::Items(items)
            }
            ast::BindingPattern::AssignmentPattern(it) => {
                let pattern = self.binding(&it.left);
                self.fallback(&pattern, &it.right);
                pattern
            }
        };
        self.depth -= 1;
        lowered
    }

    /// The value that a pattern has where none is given.
    pub(super) fn fallback(&mut self, pattern: &Pattern, value: &'t ast::Expression<'a>) {
        let at = value.span().start;
        let value = self.expression(value);
        match pattern {
            Pattern::Name(name) => {
                let either = Expr::Either(vec![Expr::Name(name.clone(), at), value]);
                self.after.push(Stmt::Assign(vec![Pattern::Name(name.clone())], either));
            }
            _ => self.after.push(Stmt::Expr(value)),
        }
    }

    /// The key of a pattern; one that is computed is run, and is no name.
    fn pattern_key(&mut self, key: &'t ast::PropertyKey<'a>) -> Name {
        if let Some(name) = key.static_name() {
            return name.as_ref().into();
        }
        if let Some(expression) = key.as_expression() {
            let value = self.expression(expression);
            self.effect(value);
        }
        COMPUTED.into()
    }

    /// What an assignment writes to.
    pub(super) fn target(&mut self, target: &'t ast::AssignmentTarget<'a>) -> Pattern {
        if self.depth >= crate::program::MAX_DEPTH {
            return Pattern::Other;
        }
        self.depth += 1;
        let lowered = match target {
            ast::AssignmentTarget::ObjectAssignmentTarget(it) => self.object_target(it),
            ast::AssignmentTarget::ArrayAssignmentTarget(it) => {
                let mut items = Vec::with_capacity(it.elements.len());
                for element in &it.elements {
                    items.push(
                        element.as_ref().map_or(Pattern::Other, |element| self.target_default(element)),
                    );
                }
                if let Some(rest) = &it.rest {
                    items.push(self.target(&rest.target));
                }
                Pattern::Items(items)
            }
            other => other
                .as_simple_assignment_target()
                .map_or(Pattern::Other, |simple| self.simple_target(simple)),
        };
        self.depth -= 1;
        lowered
    }

    fn object_target(&mut self, it: &'t ast::ObjectAssignmentTarget<'a>) -> Pattern {
        let mut keys: Vec<(Name, Pattern)> = Vec::with_capacity(it.properties.len());
        for property in &it.properties {
            match property {
                ast::AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                    let name: Name = it.binding.name.as_str().into();
                    let pattern = Pattern::Name(name.clone());
                    if let Some(init) = &it.init {
                        self.fallback(&pattern, init);
                    }
                    keys.push((name, pattern));
                }
                ast::AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => {
                    let key = self.pattern_key(&it.name);
                    keys.push((key, self.target_default(&it.binding)));
                }
            }
        }
        if let Some(rest) = &it.rest {
            keys.push((REST.into(), self.target(&rest.target)));
        }
        Pattern::Keys(keys)
    }

    fn target_default(&mut self, target: &'t ast::AssignmentTargetMaybeDefault<'a>) -> Pattern {
        match target {
            ast::AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(it) => {
                let pattern = self.target(&it.binding);
                self.fallback(&pattern, &it.init);
                pattern
            }
            other => other.as_assignment_target().map_or(Pattern::Other, |target| self.target(target)),
        }
    }

    pub(super) fn simple_target(&mut self, target: &'t ast::SimpleAssignmentTarget<'a>) -> Pattern {
        match target {
            ast::SimpleAssignmentTarget::AssignmentTargetIdentifier(it) => {
                Pattern::Name(it.name.as_str().into())
            }
            other => {
                if let Some(member) = other.as_member_expression() {
                    Pattern::Place(self.member(member))
                } else if let Some(inner) = other.get_expression() {
                    match self.expression(inner) {
                        Expr::Name(name, _) => Pattern::Name(name),
                        value => Pattern::Place(value),
                    }
                } else {
                    Pattern::Other
                }
            }
        }
    }
}

/// The key of what is left of an object: no name has it.
const REST: &str = "...";
/// The key of a part that is named by a computed key.
const COMPUTED: &str = "[]";
