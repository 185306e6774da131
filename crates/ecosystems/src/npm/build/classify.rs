//! From how a job ended and what it printed to a class and one sentence. The table is in order: the first
//! pattern that matches decides, the particular before the general.

use trustmill_core::attempt::FailureClass;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::Exit;

/// Only the end of a log is read: the error is there.
const TAIL: usize = 64 << 10;
/// Characters of a log's line that are shown.
const SHOWN: usize = 200;

const TABLE: &[(&str, FailureClass)] = &[
    ("ERESOLVE", FailureClass::UnresolvableRequirements),
    ("ETARGET", FailureClass::UnresolvableRequirements),
    ("ERR_PNPM_NO_MATCHING_VERSION", FailureClass::UnresolvableRequirements),
    ("ERR_PNPM_OUTDATED_LOCKFILE", FailureClass::UnresolvableRequirements),
    ("`npm ci` can only install packages when", FailureClass::UnresolvableRequirements),
    ("Couldn't find any versions for", FailureClass::UnresolvableRequirements),
    ("code E404", FailureClass::UnresolvableRequirements),
    ("ERR_PNPM_FETCH_404", FailureClass::UnresolvableRequirements),
    ("EBADENGINE", FailureClass::MissingTool),
    ("ERR_PNPM_UNSUPPORTED_ENGINE", FailureClass::MissingTool),
    ("ENOTFOUND", FailureClass::NetworkDenied),
    ("EAI_AGAIN", FailureClass::NetworkDenied),
    ("ENETUNREACH", FailureClass::NetworkDenied),
    ("ECONNREFUSED", FailureClass::NetworkDenied),
    ("getaddrinfo", FailureClass::NetworkDenied),
    ("ENOTCACHED", FailureClass::NetworkDenied),
    ("gyp ERR! find Python", FailureClass::MissingNativeTool),
    ("gyp ERR! stack Error: not found: make", FailureClass::MissingNativeTool),
    ("spawn git ENOENT", FailureClass::MissingNativeTool),
    ("Cannot find module", FailureClass::UndeclaredDependency),
    ("ERR_MODULE_NOT_FOUND", FailureClass::UndeclaredDependency),
    (": not found", FailureClass::UndeclaredDependency),
    ("ENOSPC", FailureClass::OutputLimit),
    ("heap out of memory", FailureClass::OutOfMemory),
    ("EJSONPARSE", FailureClass::BadSource),
    ("Invalid package", FailureClass::BadSource),
    ("driver:", FailureClass::BackendError),
    ("npm ERR!", FailureClass::BackendError),
    ("npm error", FailureClass::BackendError),
    ("ELIFECYCLE", FailureClass::BackendError),
];

/// The class and the sentence for a job that did not end well.
pub(super) fn classify(exit: Exit, log: &[u8]) -> BuildFailure {
    let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or(log);
    let text = String::from_utf8_lossy(tail);
    let class = match exit {
        Exit::TimedOut => FailureClass::TimedOut,
        Exit::OutOfMemory => FailureClass::OutOfMemory,
        Exit::TooManyProcesses => FailureClass::TooManyProcesses,
        Exit::OutputLimit => FailureClass::OutputLimit,
        Exit::Signal(_) => FailureClass::Killed,
        Exit::Code(_) => of_text(&text),
    };
    BuildFailure { class, detail: detail(exit, &text) }
}

/// As [`classify`], for the fetch phase: what is not known there could not be resolved.
pub(super) fn fetching(exit: Exit, log: &[u8]) -> BuildFailure {
    let failure = classify(exit, log);
    match failure.class {
        FailureClass::Other | FailureClass::BackendError | FailureClass::NetworkDenied => {
            BuildFailure { class: FailureClass::UnresolvableRequirements, ..failure }
        }
        _ => failure,
    }
}

/// The package of which npm found no release that it may take, where it says so.
pub(super) fn unavailable(log: &[u8]) -> Option<String> {
    const SAYS: [&str; 3] = ["No matching version found for ", "No valid versions available for ", "404  '"];
    let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or(log);
    let text = String::from_utf8_lossy(tail);
    let wanted = SAYS.iter().find_map(|says| text.split_once(says).map(|(_, rest)| rest))?;
    let word = wanted.split(|c: char| c.is_whitespace() || c == '\'').next()?.trim_end_matches('.');
    // The name may begin with the sign that parts it from its range.
    let at = word.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(word.len(), |(at, _)| at);
    word.get(..at).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn of_text(text: &str) -> FailureClass {
    let known = TABLE.iter().find(|(sign, _)| text.contains(sign));
    known.map_or(FailureClass::Other, |(_, class)| *class)
}

/// How it ended, and the first line that says why.
fn detail(exit: Exit, text: &str) -> String {
    let is_cause = |line: &&str| TABLE.iter().any(|(sign, _)| line.contains(sign)) || line.contains("rror");
    let line =
        text.lines().find(is_cause).or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()));
    let line: String =
        line.unwrap_or("nothing was printed").chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    match exit {
        Exit::Code(code) => format!("ended with {code}: {}", line.trim()),
        other => format!("{}: {}", ended(other), line.trim()),
    }
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Signal(signal) => format!("ended by signal {signal}"),
        Exit::TimedOut => "ran out of time".to_owned(),
        Exit::OutOfMemory => "ran out of memory".to_owned(),
        Exit::TooManyProcesses => "started too many processes".to_owned(),
        Exit::OutputLimit => "left too much output".to_owned(),
        Exit::Code(code) => format!("ended with {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_a_class_and_a_sentence() {
        let of = |log: &str| classify(Exit::Code(1), log.as_bytes());
        let failure = of("up\nnpm ERR! code ETARGET\nnpm ERR! notarget No matching version\n");
        assert_eq!(failure.class, FailureClass::UnresolvableRequirements);
        assert_eq!(failure.detail, "ended with 1: npm ERR! code ETARGET");
        assert_eq!(of("Error: Cannot find module 'rollup'").class, FailureClass::UndeclaredDependency);
        assert_eq!(of("npm error getaddrinfo EAI_AGAIN x").class, FailureClass::NetworkDenied);
        assert_eq!(of("").class, FailureClass::Other);
        assert_eq!(classify(Exit::Signal(9), b"").class, FailureClass::Killed);
    }

    #[test]
    fn a_package_without_a_release_is_named() {
        let named = |log: &str| unavailable(log.as_bytes());
        let cases = [
            ("npm ERR! code ETARGET\nnpm ERR! notarget No matching version found for kit@^1.2.0.\n", "kit"),
            ("npm ERR! notarget No matching version found for @a/kit@1 || 2.\n", "@a/kit"),
            ("npm ERR! code ENOVERSIONS\nnpm ERR! No valid versions available for kit\n", "kit"),
            ("npm error 404  'kit@^1' is not in this registry.\n", "kit"),
        ];
        for (log, name) in cases {
            assert_eq!(named(log).as_deref(), Some(name), "{log}");
        }
        assert_eq!(named("npm ERR! code ERESOLVE\n"), None);
        assert_eq!(named("npm ERR! notarget No matching version found for \n"), None);
    }
}
