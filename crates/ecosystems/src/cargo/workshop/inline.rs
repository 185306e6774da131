//! Tests that stand in the file that they test, as Rust has them: `#[cfg(test)] mod tests { … }`.

use std::ops::Range;

/// The file before, with the tests that it has after; `None` where neither has a module of tests.
pub(super) fn transplanted(before: &str, after: &str) -> Option<String> {
    let (old, new) = (lines(before), lines(after));
    let brought = new.get(module(&new)?)?;
    let mut all: Vec<&str> = Vec::new();
    match module(&old) {
        Some(there) => {
            all.extend(old.get(..there.start).unwrap_or_default());
            all.extend(brought);
            all.extend(old.get(there.end..).unwrap_or_default());
        }
        None => {
            all.extend(&old);
            all.push("\n");
            all.extend(brought);
        }
    }
    Some(all.concat())
}

/// The file without its module of tests.
pub(super) fn without(text: &str) -> String {
    let lines = lines(text);
    let Some(module) = module(&lines) else { return text.to_owned() };
    let rest = lines.iter().enumerate().filter(|(number, _)| !module.contains(number));
    rest.map(|(_, line)| *line).collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The lines of the first module of tests, its attributes included, as rustfmt lays it out: it ends with the brace that
/// stands where it began.
fn module(lines: &[&str]) -> Option<Range<usize>> {
    let start = lines.iter().position(|line| line.trim() == "#[cfg(test)]")?;
    let head = lines.iter().skip(start + 1).take(4).find(|line| !line.trim().starts_with("#["))?;
    let opens = head.trim().trim_start_matches("pub ").starts_with("mod ") && head.trim_end().ends_with('{');
    let indent = head.len() - head.trim_start().len();
    let closes = |line: &&str| line.trim_end().len() == indent + 1 && line.trim() == "}";
    let end = lines.iter().skip(start + 1).position(closes).filter(|_| opens)?;
    Some(start..start + 1 + end + 1)
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
}
