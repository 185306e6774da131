//! What a test of the fix uses, and the release's file of tests does not import: brought in as upstream has it, or, where
//! the release has no such module, as another of its own tests does.

use std::collections::BTreeSet;
use trustmill_core::content::Contents;
use trustmill_patch::lines::{Lines, Splice};
use trustmill_patch::symbol::{Brought, Kind, Language, Symbol, brought, symbols};

/// `text`, a file of tests in Python, with the imports that it lacks for what it uses; `None` where it lacks nothing.
/// `upstream` is the file as the fix leaves it, `tree` the release with its tests.
pub(super) fn completed(path: &str, text: &str, upstream: &str, tree: &Contents) -> Option<String> {
    let language = Language::of(path)?;
    let (lines, theirs) = (Lines::of(text), Lines::of(upstream));
    let own = symbols(Some(language), &lines);
    let known: BTreeSet<String> = own
        .iter()
        .filter(|symbol| is_at_top(&lines, symbol) || !symbol.name.contains('.'))
        .flat_map(|symbol| match symbol.kind {
            Kind::Import => names(&lines, symbol).iter().map(local).collect(),
            Kind::Block | Kind::Constant => vec![symbol.name.clone()],
        })
        .collect();
    let used: BTreeSet<&str> = lines.text.iter().flat_map(|line| words(line)).collect();
    let mut statements: Vec<String> = Vec::new();
    for symbol in symbols(Some(language), &theirs).iter().filter(|one| is_at_top(&theirs, one)) {
        for name in names(&theirs, symbol) {
            let local = local(&name);
            if known.contains(&local) || !used.contains(local.as_str()) {
                continue;
            }
            let found = if resolves(&name, tree) { Some(name) } else { as_others_do(&local, tree) };
            statements.extend(found.map(|found| found.statement()));
        }
    }
    statements.dedup();
    let head = own.iter().rfind(|one| is_at_top(&lines, one)).map_or(0, |last| last.lines.end);
    (!statements.is_empty()).then(|| lines.splice(&[Splice { at: head..head, with: statements }]))
}

/// Whether it is an import that every line below sees.
fn is_at_top(lines: &Lines<'_>, symbol: &Symbol) -> bool {
    let first = lines.range(symbol.lines.clone()).first();
    symbol.kind == Kind::Import && first.is_some_and(|line| !line.starts_with([' ', '\t']))
}

fn names(lines: &Lines<'_>, symbol: &Symbol) -> Vec<Brought> {
    brought(lines.range(symbol.lines.clone()))
}

/// What an imported name is called here.
fn local(name: &Brought) -> String {
    match (name.name.split_once(" as "), &name.from) {
        (Some((_, alias)), _) => alias.trim().to_owned(),
        (None, Some(_)) => name.name.clone(),
        (None, None) => name.name.split('.').next().unwrap_or_default().to_owned(),
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Whether the release can be expected to have it: a module of its own must be there and speak of the name; of others'
/// nothing is known.
fn resolves(name: &Brought, tree: &Contents) -> bool {
    let plain = name.name.split(" as ").next().unwrap_or_default().trim();
    let module = name.from.as_deref().unwrap_or(plain);
    if module.starts_with('.') || plain == "*" {
        return true;
    }
    let top = module.split('.').next().unwrap_or_default();
    let is_own = |path: &String| {
        let path = path.strip_prefix("src/").or_else(|| path.strip_prefix("lib/")).unwrap_or(path);
        path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/') || rest == ".py")
    };
    if !tree.members.keys().any(is_own) {
        return true;
    }
    let file = module.replace('.', "/");
    let ends = |path: &str, end: &str| path == end || path.ends_with(&format!("/{end}"));
    let of = |end: String| tree.members.keys().find(move |path| ends(path, &end));
    let found = of(format!("{file}.py")).or_else(|| of(format!("{file}/__init__.py")));
    match (found, &name.from) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(path), Some(_)) => {
            let speaks =
                tree.text(path).is_some_and(|text| text.lines().flat_map(words).any(|word| word == plain));
            speaks || of(format!("{file}/{plain}.py")).is_some()
        }
    }
}

/// The import by which another file of the release has the name.
fn as_others_do(local_name: &str, tree: &Contents) -> Option<Brought> {
    tree.members.keys().filter(|path| Language::of(path).is_some()).find_map(|path| {
        let text = tree.text(path).filter(|text| text.contains(local_name))?;
        let lines = Lines::of(text);
        let all = symbols(Language::of(path), &lines);
        let at_top = all.iter().filter(|one| is_at_top(&lines, one));
        let is_it = |name: &Brought| {
            let relative = name.from.as_deref().is_some_and(|module| module.starts_with('.'));
            local(name) == local_name && !relative && resolves(name, tree)
        };
        at_top.flat_map(|one| names(&lines, one)).find(is_it)
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Contents {
        let mut tree = Contents::default();
        for (path, text) in files {
            tree.set(path, Some(bytes::Bytes::copy_from_slice(text.as_bytes())));
        }
        tree
    }

    const TARGET: &str = "import re\nfrom test import eq_\n\n\ndef test_new():\n    assert_raises(KitError, kit.lex, sys, pytest, eq_)\n";
    const UPSTREAM: &str = "import pytest\nimport sys\nfrom kit import lex as kit\nfrom kit.errors import KitError\nfrom kit.testing.assertions import assert_raises\nfrom kit.testing.assertions import eq_\nfrom kit.gone import unused\n";

    #[test]
    fn a_test_gets_the_imports_that_the_release_can_have() {
        let tree = tree(&[
            ("kit/__init__.py", ""),
            ("kit/lex.py", ""),
            ("kit/errors.py", "class KitError(Exception):\n    pass\n"),
            ("test/__init__.py", "def assert_raises():\n    pass\n"),
            ("test/test_other.py", "from test import assert_raises, eq_\n"),
        ]);
        let text = completed("test/test_a.py", TARGET, UPSTREAM, &tree).unwrap();
        let head = "import re\nfrom test import eq_\nimport pytest\nimport sys\nfrom kit import lex as kit\nfrom kit.errors import KitError\nfrom test import assert_raises\n";
        assert!(text.starts_with(head), "{text}");
        assert_eq!(completed("test/test_a.py", &text, UPSTREAM, &tree), None);
        assert_eq!(completed("test/test_a.js", TARGET, UPSTREAM, &tree), None);
    }

    #[test]
    fn what_nobody_here_has_stays_out() {
        let tree = tree(&[("kit/__init__.py", ""), ("kit/errors.py", "x = 1\n")]);
        let text = completed("test/test_a.py", TARGET, "from kit.errors import KitError\n", &tree);
        assert_eq!(text, None);
    }
}
