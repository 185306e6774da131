//! Whoever prints is not surprised by a reader that has gone, or by a disk that is full.

use crate::check::world::{advised, lockfiles};
use crate::support::{Mill, Run};
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

/// Verbs that only look, with the exit code that each has where it can print.
const LOOKS: &[(&[&str], i32)] = &[
    (&["check", "requirements.txt", "package-lock.json"], 1),
    (&["check", "--format", "json", "requirements.txt"], 1),
    (&["check", "--format", "sarif", "requirements.txt"], 1),
    (&["check", "--format", "github", "requirements.txt"], 1),
    (&["sbom", "package-lock.json"], 0),
    (&["vex", "pkg:pypi/requests@2.19.0"], 0),
    (&["advisories", "list"], 0),
    (&["advisories", "show", "pkg:pypi/requests@2.19.0"], 0),
    (&["advisories", "show", "CVE-2018-18074", "--json"], 0),
    (&["policy", "check"], 0),
    (&["policy", "status"], 0),
    (&["override", "list"], 0),
    (&["token", "list"], 0),
    (&["alerts"], 0),
    (&["list"], 0),
    (&["scan", "--rules"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
];

fn world() -> Mill {
    let mill = advised();
    lockfiles(&mill);
    mill
}

fn looking(mill: &Mill, args: &[&str]) -> Command {
    let mut command = mill.command();
    command.current_dir(mill.path()).args(args);
    command
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mill = world();
    for (args, code) in LOOKS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run::of(looking(&mill, args).stdout(writer).stderr(Stdio::piped()));
        assert_eq!((run.code(), run.stderr().as_str()), (*code, ""), "{args:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run::of(looking(&mill, args).stdout(Stdio::piped()).stderr(writer));
        assert_eq!(run.code(), *code, "{args:?}: standard error is closed");
    }
    for args in [["check", "missing.txt"], ["no-such-verb", "x"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run::of(looking(&mill, &args).stderr(writer));
        assert_eq!(run.code(), 2, "{args:?}");
    }
}

#[test]
fn no_standard_output_at_all_is_no_failure() {
    let mill = world();
    for (args, code) in LOOKS {
        let verb = looking(&mill, args);
        let mut shell = Command::new("sh");
        shell.current_dir(mill.path()).args(["-c", "exec \"$@\" >&-", "sh"]).arg(verb.get_program());
        let run = Run::of(shell.args(verb.get_args()));
        assert_eq!((run.code(), run.stderr().as_str()), (*code, ""), "{args:?}");
    }
}

/// A gate that holds, and a report of which half is missing, must not look alike.
#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    let mill = world();
    for args in [["advisories", "list"], ["check", "Cargo.lock"], ["sbom", "package-lock.json"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = Run::of(looking(&mill, &args).stdout(full).stderr(Stdio::piped()));
        assert_eq!(run.code(), 3, "{args:?}");
        assert!(run.stderr().contains("error[TM0814]"), "{}", run.stderr());
    }
}
