//! The patched build can do nothing that the unpatched one could not: the scanner finds nothing new in it, and no line
//! comes that starts programs, reaches the network or runs text, unless upstream's fix has it.

use super::Oracle;
use super::builds::Built;
use crate::StepError;
use crate::repair::Task;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::port::scanner::{File, Job};
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked};
use trustmill_core::scan::Report;

/// Words that say what code can do, in any language.
const POWERS: [&str; 44] = [
    "subprocess",
    "os.system",
    "popen",
    "os.exec",
    "pty.",
    "socket",
    "urlopen",
    "urllib.request",
    "requests.",
    "http.client",
    "httplib",
    "ftplib",
    "smtplib",
    "paramiko",
    "ctypes",
    "eval(",
    "exec(",
    "compile(",
    "__import__",
    "importlib",
    "marshal",
    "pickle",
    "base64",
    "b64decode",
    "child_process",
    "xmlhttprequest",
    "fetch(",
    "os.environ",
    "getattr(os",
    "atob(",
    "execsync",
    "spawnsync",
    "process.binding",
    "process.env",
    "new function(",
    "require(\"net\")",
    "require('net')",
    "require(\"http",
    "require('http",
    "std::process",
    "std::net",
    "tcpstream",
    "env::var",
    "libc::",
];

pub(super) async fn check(
    oracle: &Oracle<'_>,
    task: &Task,
    candidate: &Candidate,
    built: &Built,
) -> Result<Checked, StepError> {
    let done = |outcome, detail: String| Checked { check: Check::Capability, outcome, detail };
    if let Some(what) = power(task, candidate) {
        return Ok(done(CheckOutcome::Broken, what));
    }
    let Some(screen) = &oracle.world.screen else {
        let detail = "the scanner is off: nothing is repaired unscanned ([scanner] mode)".to_owned();
        return Ok(done(CheckOutcome::Untried, detail));
    };
    for (name, bytes) in built.files.iter().filter(|(name, _)| oracle.workshop.is_built(name)) {
        let Some((_, before)) = built.unpatched.iter().find(|(other, _)| other == name) else { continue };
        let job = |bytes: &bytes::Bytes| Job {
            ecosystem: task.release.ty().to_owned(),
            name: task.release.name(),
            version: task.repaired.version().unwrap_or_default().to_owned(),
            file: File { name: name.clone(), bytes: bytes.clone() },
            ..Job::default()
        };
        let scanned = (screen.scanner().scan(&job(before)).await, screen.scanner().scan(&job(bytes)).await);
        let (old, new) = match scanned {
            (Ok(old), Ok(new)) => (old, new),
            (Err(error), _) | (_, Err(error)) => return Ok(done(CheckOutcome::Broken, error.to_string())),
        };
        if let Some(what) = new_finding(&old, &new) {
            return Ok(done(CheckOutcome::Broken, what));
        }
    }
    Ok(done(
        CheckOutcome::Held,
        "the scanner finds nothing that it does not find in the unpatched build".to_owned(),
    ))
}

/// The first thing that is found more often than before.
fn new_finding(old: &Report, new: &Report) -> Option<String> {
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for finding in &old.findings {
        *known.entry((&finding.rule, &finding.place.path)).or_default() += 1;
    }
    let fresh = new.findings.iter().find(|finding| {
        match known.get_mut(&(finding.rule.as_str(), finding.place.path.as_str())) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        }
    });
    let worse = || {
        (new.conclusion > old.conclusion).then(|| format!("the scanner now says {}", new.conclusion.as_str()))
    };
    fresh.map(|finding| format!("{}: {}", finding.place, finding.what)).or_else(worse)
}

/// A line that comes with a power, and is neither one that stood in the file nor one that upstream's fix has in it. A power
/// that the file has already allows no second use: what it is used for is what counts.
fn power(task: &Task, candidate: &Candidate) -> Option<String> {
    candidate.fix.edits.iter().find_map(|(path, edit)| {
        let text = |bytes: &Option<bytes::Bytes>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (before, after) = (text(&edit.before), text(&edit.after));
        let name = path.rsplit('/').next().unwrap_or_default();
        let same = |other: &&String| other.rsplit('/').next() == Some(name);
        let upstream = task.material.iter().flat_map(|material| {
            material.after.members.keys().filter(same).filter_map(|path| material.after.text(path))
        });
        let known: BTreeSet<&str> =
            upstream.chain([before.as_str()]).flat_map(str::lines).map(str::trim).collect();
        let mut comes = after.lines().map(str::trim).filter(|line| !known.contains(line));
        let (word, line) = comes.find_map(|line| Some((powerful(line)?, line)))?;
        let line: String = line.chars().take(80).collect();
        Some(format!("{path} would use `{word}`, as neither the release nor the fix does: {line}"))
    })
}

/// The power in a line, if there is one: to compile or to try a pattern is none.
fn powerful(line: &str) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase().replace("re.compile(", "").replace("/.exec(", "");
    POWERS.iter().find(|word| lower.contains(**word)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_no_power_and_a_program_is() {
        assert_eq!(powerful("TAG = re.compile(r'<')"), None);
        assert_eq!(powerful("code = compile(text, '', 'exec')"), Some("compile("));
        assert_eq!(powerful("__import__('subprocess').call(['id'])"), Some("subprocess"));
        assert_eq!(powerful("let parts = /a+/.exec(text);"), None);
    }
}
