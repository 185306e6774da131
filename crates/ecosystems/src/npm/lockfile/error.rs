//! The errors of this module: one constructor per code, so that a code means one thing.

use trustmill_core::lockfile::LockfileError;

const AGAIN: &str = "the file was edited or cut short: lock again with the tool that wrote it";

fn error(code: &'static str, origin: &str, what: String, help: impl Into<String>) -> LockfileError {
    LockfileError { code, origin: origin.to_owned(), what, help: help.into() }
}

/// `TM0201`: the bytes cannot be had, or are not text.
pub(super) fn unreadable(origin: &str, what: String, help: &str) -> LockfileError {
    error("TM0201", origin, what, help)
}

/// `TM0202`: the text does not follow its format.
pub(super) fn syntax(origin: &str, what: impl Into<String>) -> LockfileError {
    error("TM0202", origin, what.into(), AGAIN)
}

/// `TM0204`: two places that cannot both be right.
pub(super) fn contradiction(origin: &str, what: String) -> LockfileError {
    let help = "do not install from this file before a person has looked at this entry; then lock again";
    error("TM0204", origin, what, help)
}

/// `TM0205`: a digest that cannot be read.
pub(super) fn integrity(origin: &str, what: String) -> LockfileError {
    error("TM0205", origin, what, AGAIN)
}

/// `TM0207`: a version of the format that this code does not read.
pub(super) fn version(origin: &str, what: String, help: &str) -> LockfileError {
    error("TM0207", origin, what, help)
}

/// `TM0209`: a lock that refers to what it does not hold, or lacks what every entry has.
pub(super) fn inconsistent(origin: &str, what: String) -> LockfileError {
    error("TM0209", origin, what, AGAIN)
}

/// `TM0230`: the file holds both sides of a merge.
pub(super) fn merge(origin: &str) -> LockfileError {
    let help = "resolve the conflict first: `npm install`, `pnpm install` and `yarn install` each do it by themselves";
    error("TM0230", origin, "a merge conflict is not resolved here".to_owned(), help)
}

/// `TM0231`: larger, longer or deeper than any real lockfile.
pub(super) fn limit(origin: &str, what: String) -> LockfileError {
    error("TM0231", origin, what, "no tool writes such a lockfile: check where the file comes from")
}
