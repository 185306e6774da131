//! The errors of this module: one constructor per code, so that a code means one thing.

use trustmill_core::lockfile::LockfileError;

/// How to pin: the remedy of most errors here.
pub(crate) const LOCK_COMMAND: &str = "uv pip compile --generate-hashes";

fn error(code: &'static str, origin: &str, what: String, help: impl Into<String>) -> LockfileError {
    LockfileError { code, origin: origin.to_owned(), what, help: help.into() }
}

/// `TM0201`: the bytes cannot be had, or are not text.
pub(crate) fn unreadable(origin: &str, what: String, help: &str) -> LockfileError {
    error("TM0201", origin, what, help)
}

/// `TM0202`: the text does not follow its format.
pub(crate) fn syntax(origin: &str, what: String, help: impl Into<String>) -> LockfileError {
    error("TM0202", origin, what, help)
}

/// `TM0203`: a requirement without exactly one version.
pub(crate) fn unpinned(origin: &str, entry: &str, example: &str) -> LockfileError {
    let what = format!("{entry:?} does not pin one version");
    error("TM0203", origin, what, format!("write `{example}`, or lock with `{LOCK_COMMAND}`"))
}

/// `TM0204`: two places that cannot both be right.
pub(crate) fn contradiction(origin: &str, what: String) -> LockfileError {
    error("TM0204", origin, what, format!("keep one of the two, or lock again with `{LOCK_COMMAND}`"))
}

/// `TM0205`: hashes that cannot be checked, or that are missing where they are required.
pub(crate) fn hashes(origin: &str, what: String) -> LockfileError {
    error(
        "TM0205",
        origin,
        what,
        format!("lock again with `{LOCK_COMMAND}`, which writes SHA-256 for every file"),
    )
}

/// `TM0206`: an include that is not followed.
pub(crate) fn include(origin: &str, what: String, help: &str) -> LockfileError {
    error("TM0206", origin, what, help)
}

/// `TM0207`: a version of the format that this code does not know.
pub(crate) fn version(origin: &str, what: String, help: &str) -> LockfileError {
    error("TM0207", origin, what, help)
}

/// `TM0208`: the file was locked for another machine.
pub(crate) fn elsewhere(origin: &str, what: String) -> LockfileError {
    let help = "lock for this interpreter and platform too, or name another target interpreter";
    error("TM0208", origin, what, help)
}

/// `TM0209`: a lock that refers to what it does not hold, or to two things at once.
pub(crate) fn inconsistent(origin: &str, what: String) -> LockfileError {
    error("TM0209", origin, what, "the file was edited or cut short: lock again with the tool that wrote it")
}

/// `TM0210`: an extra or a dependency group that the lock does not have.
pub(crate) fn selection(origin: &str, what: String, has: &[&str]) -> LockfileError {
    let help =
        if has.is_empty() { "the file has none".into() } else { format!("it has: {}", has.join(", ")) };
    error("TM0210", origin, what, help)
}
