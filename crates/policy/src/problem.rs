//! What is wrong with policy files: where, what, and what to do.

use std::fmt;
use trustmill_core::port::Coded;

/// One thing that is wrong in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyProblem {
    /// The file, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters of that line it is about, at least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
    /// The line itself.
    pub text: String,
}

/// The most characters of a foreign line that are shown.
const SHOWN: usize = 160;

impl PolicyProblem {
    /// A problem at `start..end` (bytes) of `source`.
    pub(crate) fn at(
        file: &str,
        source: &str,
        start: usize,
        end: usize,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let before = source.get(..start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let text = source.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = before.get(begin..).unwrap_or_default().chars().count() + 1;
        let rest = text.chars().count().saturating_sub(column - 1);
        let spanned = source.get(start..end).map_or(1, |span| span.chars().count());
        Self {
            file: file.to_owned(),
            line,
            column,
            width: spanned.min(rest).max(1),
            message: message.into(),
            hint,
            text: text.chars().take(SHOWN).collect(),
        }
    }
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Why policy files cannot be used; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProblems(pub Vec<PolicyProblem>);

impl fmt::Display for PolicyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("the policies cannot be used"),
            [one] => one.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}

impl std::error::Error for PolicyProblems {}

impl Coded for PolicyProblems {
    fn code(&self) -> &'static str {
        "TM0907"
    }

    fn help(&self) -> String {
        let hint = self.0.iter().find_map(|problem| problem.hint.clone());
        hint.unwrap_or_else(|| "`trustmill policy check` shows every problem with its line".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let source = "// é\npermit(ü);\n";
        let at = source.find('ü').unwrap();
        let problem = PolicyProblem::at("a.cedar", source, at, at + 2, "no", None);
        assert_eq!((problem.line, problem.column, problem.width), (2, 8, 1));
        assert_eq!(problem.text, "permit(ü);");
        let beyond = PolicyProblem::at("a.cedar", source, 999, 1000, "no", None);
        assert_eq!((beyond.line, beyond.width), (3, 1), "the end of the file");
    }
}
