//! Tests that stand in the file that they test, as Rust has them: `#[cfg(test)] mod tests { … }`.

use std::ops::Range;

/// The file before, with the tests that it has after; `None` where that has no module of tests.
pub(super) fn transplanted(before: &str, after: &str) -> Option<String> {
    let (old, new) = (lines(before), lines(after));
    let (known, brought) = (modules(&old), modules(&new));
    if brought.is_empty() {
        return None;
    }
    let text = |module: &Module<'_>| new.get(module.lines.clone()).unwrap_or_default();
    let mut all: Vec<&str> = Vec::new();
    let mut end = 0;
    for module in &known {
        all.extend(old.get(end..module.lines.start).unwrap_or_default());
        match brought.iter().find(|other| other.name == module.name) {
            Some(other) => all.extend(text(other)),
            None => all.extend(old.get(module.lines.clone()).unwrap_or_default()),
        }
        end = module.lines.end;
    }
    all.extend(old.get(end..).unwrap_or_default());
    // One within another module has no place without it.
    let is_new = |module: &&Module<'_>| {
        !module.name.0.starts_with([' ', '\t']) && known.iter().all(|other| other.name != module.name)
    };
    for module in brought.iter().filter(is_new) {
        all.push("\n");
        all.extend(text(module));
    }
    Some(all.concat())
}

/// `text` with the tests that `after` has and `before` has not, each at the end of its module; `None` where it lacks none,
/// or has no such module.
pub(super) fn completed(text: &str, before: &str, after: &str) -> Option<String> {
    let (target, old, new) = (lines(text), lines(before), lines(after));
    let (there, known) = (modules(&target), modules(&old));
    let mut done: Vec<&str> = target.clone();
    // From the last, so that what is before stays where it is.
    for module in there.iter().rev() {
        let same = |other: &&Module<'_>| other.name == module.name;
        let all = modules(&new);
        let Some(brought) = all.iter().find(same) else { continue };
        let names = |lines: &[&str], of: &Module<'_>| -> Vec<String> {
            tests(lines, of).into_iter().map(|(name, _)| name).collect()
        };
        let mut have = names(&target, module);
        have.extend(known.iter().find(same).map(|of| names(&old, of)).unwrap_or_default());
        let mut come: Vec<&str> = Vec::new();
        for (name, range) in tests(&new, brought) {
            if !have.contains(&name) {
                come.push("\n");
                come.extend(new.get(range).unwrap_or_default());
            }
        }
        let end = module.lines.end.saturating_sub(1);
        done.splice(end..end, come);
    }
    let done = done.concat();
    (done != text).then_some(done)
}

/// The tests of a module by name, each with its attributes and what is said of it.
fn tests(lines: &[&str], module: &Module<'_>) -> Vec<(String, Range<usize>)> {
    let line = |number: usize| lines.get(number).copied().unwrap_or_default();
    let mut all = Vec::new();
    for number in module.lines.clone().filter(|number| line(*number).trim() == "#[test]") {
        let about = |number: &usize| line(*number).trim().starts_with(['#', '/']);
        let start = (module.lines.start..number).rev().take_while(about).last().unwrap_or(number);
        let head = (number..module.lines.end).find(|number| !about(number)).unwrap_or(number);
        let opened = line(head).trim().trim_start_matches("pub ").strip_prefix("fn ");
        let Some((name, _)) = opened.and_then(|rest| rest.split_once('(')) else { continue };
        let indent = line(head).len() - line(head).trim_start().len();
        let closes = |number: &usize| {
            let line = line(*number).trim_end();
            line.len() == indent + 1 && line.ends_with('}')
        };
        let end = (head + 1..module.lines.end).find(closes).filter(|_| line(head).trim_end().ends_with('{'));
        all.extend(end.map(|end| (name.to_owned(), start..end + 1)));
    }
    all
}

/// The file without its modules of tests.
pub(super) fn without(text: &str) -> String {
    let lines = lines(text);
    let modules = modules(&lines);
    let is_code = |number: &usize| !modules.iter().any(|module| module.lines.contains(number));
    let rest = lines.iter().enumerate().filter(|(number, _)| is_code(number));
    rest.map(|(_, line)| *line).collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A module of tests.
struct Module<'a> {
    /// Its lines, its attributes included.
    lines: Range<usize>,
    /// The line that opens it, and how many such were before.
    name: (&'a str, usize),
}

/// The modules of tests, as rustfmt lays them out: one ends with the brace that stands where it began. What else is for
/// tests alone, an import or a constant, stays where it is.
fn modules<'a>(lines: &[&'a str]) -> Vec<Module<'a>> {
    let mut all: Vec<Module<'a>> = Vec::new();
    for start in 0..lines.len() {
        if all.last().is_some_and(|last| last.lines.contains(&start)) {
            continue;
        }
        let Some((head, lines)) = module(lines, start) else { continue };
        let same = all.iter().filter(|other| other.name.0 == head).count();
        all.push(Module { lines, name: (head, same) });
    }
    all
}

/// The module that begins at a line, with the line that opens it.
fn module<'a>(lines: &[&'a str], start: usize) -> Option<(&'a str, Range<usize>)> {
    lines.get(start).filter(|line| line.trim() == "#[cfg(test)]")?;
    let head = lines.iter().skip(start + 1).take(4).find(|line| !line.trim().starts_with("#["))?;
    let opens = head.trim().trim_start_matches("pub ").starts_with("mod ") && head.trim_end().ends_with('{');
    let indent = head.len() - head.trim_start().len();
    let closes = |line: &&str| line.trim_end().len() == indent + 1 && line.trim() == "}";
    let end = lines.iter().skip(start + 1).position(closes).filter(|_| opens)?;
    Some((head.trim_end(), start..start + 1 + end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n}\n";
    const NEW: &str = "fn f() { g() }\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n    #[test]\n    fn b() {}\n}\n";

    #[test]
    fn tests_come_without_the_code() {
        let text = transplanted(OLD, NEW).unwrap();
        assert!(text.starts_with("fn f() {}\n") && text.contains("fn b()"));
        assert_eq!(transplanted("fn f() {}\n", NEW).unwrap().matches("fn b()").count(), 1);
        assert_eq!(transplanted(OLD, "fn f() {}\n"), None);
        assert_eq!(without(NEW), "fn f() { g() }\n\n");
        assert_eq!(without("fn f() {}\n"), "fn f() {}\n");
    }

    #[test]
    fn a_test_that_only_upstream_has_comes_alone() {
        let test = |name: &str| {
            format!(
                "    /// Of {name}.\n    #[test]\n    #[cfg(unix)]\n    fn {name}() {{\n        if x {{\n        }}\n    }}\n"
            )
        };
        let file = |code: &str, names: &[&str]| {
            let tests = names.iter().map(|name| test(name)).collect::<Vec<_>>().join("\n");
            format!(
                "fn f() {{ {code} }}\n\n#[cfg(test)]\nmod tests {{\n    use super::*;\n{tests}}}\n\nfn g() {{}}\n"
            )
        };
        let (before, after) = (file("a", &["one", "two"]), file("b", &["one", "two", "three"]));
        let text = completed(&file("c", &["one"]), &before, &after);
        assert_eq!(
            text.as_deref(),
            Some(file("c", &["one", "three"]).as_str()),
            "what was known is not the fix's"
        );
        assert_eq!(completed(&after, &before, &after), None);
        assert_eq!(completed("fn f() {}\n", &before, &after), None);
    }

    #[test]
    fn what_else_is_for_tests_alone_hides_no_module() {
        let head =
            "#[cfg(test)]\nextern crate kit;\n\nmod a {\n    #[cfg(test)]\n    mod tests {\n    }\n}\n\n";
        let (old, new) = (format!("{head}{OLD}"), format!("{head}{NEW}"));
        assert_eq!(transplanted(&old, &new).unwrap(), format!("{head}{}", transplanted(OLD, NEW).unwrap()));
        let bare = "#[cfg(test)]\nextern crate kit;\n\nmod a {\n}\n\nfn f() { g() }\n\n";
        assert_eq!(without(&new), bare);
        // The inner module has no place in this, and the other one has.
        let text = transplanted("fn f() {}\n", &new).unwrap();
        assert_eq!(text.matches("#[cfg(test)]").count(), 1, "{text}");
        assert!(text.contains("fn b()"));
        let more = format!("{OLD}\n#[cfg(test)]\nmod others {{\n}}\n");
        assert_eq!(
            transplanted(&more, NEW).unwrap().matches("mod ").count(),
            2,
            "upstream's is not taken away"
        );
    }
}
