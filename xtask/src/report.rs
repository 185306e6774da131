//! What a task that fails says: every problem, where it is, and what to do.

use std::fmt::Write as _;

/// Something that a check found wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// File, or file and line.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A check found something.
    #[error("{} found", plural(.problems.len()))]
    Check { problems: Vec<Problem>, help: &'static str },
    /// A program failed; it said why on the terminal.
    #[error("`{command}` failed")]
    Program { command: String },
    /// A program is not there.
    #[error("`{program}` is not installed")]
    Missing { program: String, help: String },
    /// A file cannot be read or written.
    #[error("{path} cannot be {what}")]
    File { path: String, what: &'static str, source: std::io::Error },
    /// A file does not have the shape that it should have.
    #[error("{path} cannot be understood")]
    Shape { path: String, source: Box<dyn std::error::Error> },
    /// The arguments make no sense.
    #[error("{0}")]
    Usage(String),
}

fn plural(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// Fails with `problems`, sorted, if there are any.
pub(crate) fn verdict(mut problems: Vec<Problem>, help: &'static str) -> Result<(), Failure> {
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { Err(Failure::Check { problems, help }) }
}

/// The failure as text for a terminal.
pub(crate) fn render(failure: &Failure) -> String {
    let mut out = String::new();
    if let Failure::Check { problems, .. } = failure {
        for Problem { place, what } in problems {
            let _ = writeln!(out, "{place}: {what}");
        }
    }
    let _ = writeln!(out, "error: {failure}");
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        let _ = writeln!(out, "  because: {error}");
        cause = error.source();
    }
    match failure {
        Failure::Check { help, .. } => drop(writeln!(out, "  help: {help}")),
        Failure::Missing { help, .. } => drop(writeln!(out, "  help: {help}")),
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_every_problem_once_and_the_help() {
        let twice = vec![
            Problem::new("b.rs:2", "second"),
            Problem::new("a.rs:1", "first"),
            Problem::new("b.rs:2", "second"),
        ];
        let failure = verdict(twice, "mend them").unwrap_err();
        assert_eq!(
            render(&failure),
            "a.rs:1: first\nb.rs:2: second\nerror: 2 problems found\n  help: mend them\n"
        );
        assert!(verdict(Vec::new(), "").is_ok());
    }
}
