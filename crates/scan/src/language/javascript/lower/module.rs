//! Imports and exports, of modules and of CommonJS.

use super::Lower;
use crate::program::{Expr, Import, Name, Pattern, Stmt};
use oxc_ast::ast::{self, ModuleDeclaration};

impl<'t, 'a> Lower<'t, 'a> {
    pub(super) fn module_declaration(&mut self, it: &'t ModuleDeclaration<'a>, out: &mut Vec<Stmt>) {
        match it {
            ModuleDeclaration::ImportDeclaration(it) => import(it, out),
            ModuleDeclaration::ExportAllDeclaration(it) => {
                let alias: Name = format!("module@{}", it.span.start).into();
                out.push(Stmt::Import(Import {
                    module: it.source.value.as_str().into(),
                    alias: Some(alias.clone()),
                    names: Vec::new(),
                    at: it.span.start,
                }));
                let module = Expr::Name(alias, it.span.start);
                out.push(Stmt::Export(match &it.exported {
                    Some(name) => Expr::Map(vec![(export_name(name), module)], it.span.start),
                    None => module,
                }));
            }
            ModuleDeclaration::ExportFromDeclaration(it) => export_from(it, out),
            ModuleDeclaration::ExportNamedDeclaration(it) => {
                let names = it.specifiers.iter().map(|specifier| {
                    let local = Expr::Name(specifier.local.name().as_str().into(), specifier.span.start);
                    (export_name(&specifier.exported), local)
                });
                out.push(Stmt::Export(Expr::Map(names.collect(), it.span.start)));
            }
            ModuleDeclaration::ExportDeclaration(it) => {
                let at = it.span.start;
                let first = out.len();
                self.declaration(&it.declaration, out);
                let mut names = Vec::new();
                for statement in out.iter().skip(first) {
                    declared(statement, at, &mut names);
                }
                out.push(Stmt::Export(Expr::Map(names, at)));
            }
            ModuleDeclaration::ExportDefaultDeclaration(it) => self.export_default(it, out),
            ModuleDeclaration::TSExportAssignment(it) => {
                let value = self.expression(&it.expression);
                self.push(Stmt::Export(value), out);
            }
            ModuleDeclaration::TSNamespaceExportDeclaration(_) => {}
        }
    }

    fn export_default(&mut self, it: &'t ast::ExportDefaultDeclaration<'a>, out: &mut Vec<Stmt>) {
        let value = match &it.declaration {
            ast::ExportDefaultDeclarationKind::FunctionDeclaration(it) if it.body.is_none() => return,
            ast::ExportDefaultDeclarationKind::FunctionDeclaration(it) => {
                let function = self.function(it);
                match function.name.clone() {
                    Some(name) => {
                        let at = function.at;
                        self.push(Stmt::Function(function), out);
                        Expr::Name(name, at)
                    }
                    None => Expr::Function(Box::new(function)),
                }
            }
            ast::ExportDefaultDeclarationKind::ClassDeclaration(it) => self.class_value(it),
            ast::ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => return,
            other => match other.as_expression() {
                Some(value) => self.expression(value),
                None => return,
            },
        };
        self.push(Stmt::Export(value), out);
    }

    /// `import x = require('y')` of TypeScript.
    pub(super) fn import_equals(&mut self, it: &ast::TSImportEqualsDeclaration<'a>, out: &mut Vec<Stmt>) {
        if let ast::TSModuleReference::ExternalModuleReference(module) = &it.module_reference {
            out.push(Stmt::Import(Import {
                module: module.expression.value.as_str().into(),
                alias: Some(it.id.name.as_str().into()),
                names: Vec::new(),
                at: it.span.start,
            }));
        }
    }

    /// What was just assigned to `module.exports`, `exports.name` or `module.exports.name` is exported as well.
    pub(super) fn exported(&mut self, target: &ast::AssignmentTarget<'a>, out: &mut Vec<Stmt>) {
        let Some(ast::MemberExpression::StaticMemberExpression(member)) = target.as_member_expression()
        else {
            return;
        };
        let at = member.span.start;
        let module_exports = || Expr::Member(Box::new(Expr::Name("module".into(), at)), "exports".into(), at);
        let name: Name = member.property.name.as_str().into();
        let is_module = |expression: &ast::Expression<'a>| expression.is_specific_id("module");
        match &member.object {
            object if is_module(object) && &*name == "exports" => {
                out.push(Stmt::Export(module_exports()));
            }
            object if object.is_specific_id("exports") => {
                let exports = Box::new(Expr::Name("exports".into(), at));
                let value = Expr::Member(exports, name.clone(), at);
                out.push(Stmt::Export(Expr::Map(vec![(Expr::Text(name.as_str().into(), at), value)], at)));
            }
            ast::Expression::StaticMemberExpression(inner)
                if is_module(&inner.object) && inner.property.name == "exports" =>
            {
                let value = Expr::Member(Box::new(module_exports()), name.clone(), at);
                out.push(Stmt::Export(Expr::Map(vec![(Expr::Text(name.as_str().into(), at), value)], at)));
            }
            _ => {}
        }
    }
}

fn import(it: &ast::ImportDeclaration<'_>, out: &mut Vec<Stmt>) {
    if it.import_kind.is_type() {
        return;
    }
    let mut alias = None;
    let mut names = Vec::new();
    for specifier in it.specifiers.iter().flatten() {
        match specifier {
            ast::ImportDeclarationSpecifier::ImportSpecifier(one) => {
                names.push((one.imported.name().as_str().into(), one.local.name.as_str().into()));
            }
            ast::ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                names.push(("default".into(), one.local.name.as_str().into()));
            }
            ast::ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => {
                alias = Some(one.local.name.as_str().into());
            }
        }
    }
    out.push(Stmt::Import(Import {
        module: it.source.value.as_str().into(),
        alias,
        names,
        at: it.span.start,
    }));
}

fn export_from(it: &ast::ExportFromDeclaration<'_>, out: &mut Vec<Stmt>) {
    if it.export_kind.is_type() {
        return;
    }
    let mut names = Vec::new();
    let mut entries = Vec::new();
    for specifier in &it.specifiers {
        let at = specifier.span.start;
        let local: Name = format!("{}@{at}", specifier.local.name().as_str()).into();
        names.push((specifier.local.name().as_str().into(), local.clone()));
        entries.push((export_name(&specifier.exported), Expr::Name(local, at)));
    }
    let module = it.source.value.as_str().into();
    out.push(Stmt::Import(Import { module, alias: None, names, at: it.span.start }));
    out.push(Stmt::Export(Expr::Map(entries, it.span.start)));
}

fn export_name(name: &ast::ModuleExportName<'_>) -> Expr {
    Expr::Text(name.name().as_str().into(), 0)
}

/// The names that a statement declares.
fn declared(statement: &Stmt, at: u32, names: &mut Vec<(Expr, Expr)>) {
    let mut add = |name: &str| names.push((Expr::Text(name.into(), at), Expr::Name(name.into(), at)));
    match statement {
        Stmt::Function(function) => function.name.iter().for_each(|name| add(name)),
        Stmt::Class { name, .. } => add(name),
        Stmt::Assign(patterns, _) => {
            for pattern in patterns {
                match pattern {
                    Pattern::Name(name) => add(name),
                    Pattern::Keys(keys) => keys.iter().for_each(|(_, inner)| {
                        if let Pattern::Name(name) = inner {
                            add(name);
                        }
                    }),
                    Pattern::Items(items) => items.iter().for_each(|inner| {
                        if let Pattern::Name(name) = inner {
                            add(name);
                        }
                    }),
                    Pattern::Place(_) | Pattern::Other => {}
                }
            }
        }
        _ => {}
    }
}
