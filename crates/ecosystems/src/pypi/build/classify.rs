//! From how a build ended and what it printed to a class and one sentence. The table is in order: the first
//! pattern that matches decides, the particular before the general.

use trustmill_core::attempt::FailureClass;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::Exit;

/// Only the end of a log is read: the error is there.
const TAIL: usize = 64 << 10;

/// One row: all of `signs` in the log give `class`.
struct Row {
    signs: &'static [&'static str],
    class: FailureClass,
}

const fn row(class: FailureClass, signs: &'static [&'static str]) -> Row {
    Row { signs, class }
}

const TABLE: &[Row] = &[
    row(FailureClass::BadSource, &["driver: backend-path leaves the source tree"]),
    row(FailureClass::BackendMissing, &["driver: the back end", "has no build_wheel hook"]),
    // The network: name resolution, connections and the clients that wrap them.
    row(FailureClass::NetworkDenied, &["Temporary failure in name resolution"]),
    row(FailureClass::NetworkDenied, &["Name or service not known"]),
    row(FailureClass::NetworkDenied, &["Network is unreachable"]),
    row(FailureClass::NetworkDenied, &["urllib.error.URLError"]),
    row(FailureClass::NetworkDenied, &["socket.gaierror"]),
    row(FailureClass::NetworkDenied, &["NewConnectionError"]),
    row(FailureClass::NetworkDenied, &["Could not fetch URL"]),
    row(FailureClass::NetworkDenied, &["Could not resolve host"]),
    row(FailureClass::NetworkDenied, &["Download error on"]),
    // `setup_requires` that is not met goes to the network through easy_install or pip.
    row(FailureClass::NetworkDenied, &["fetch_build_egg"]),
    row(FailureClass::UndeclaredDependency, &["DistributionNotFound"]),
    row(FailureClass::UndeclaredDependency, &["Could not find suitable distribution for Requirement"]),
    row(FailureClass::UndeclaredDependency, &["Could not find a version that satisfies the requirement"]),
    row(FailureClass::UndeclaredDependency, &["error: invalid command 'bdist_wheel'"]),
    row(FailureClass::UndeclaredDependency, &["PackageNotFoundError"]),
    // Native tools.
    row(FailureClass::MissingNativeTool, &["unable to execute 'gcc'"]),
    row(FailureClass::MissingNativeTool, &["unable to execute"]),
    row(FailureClass::MissingNativeTool, &["command 'gcc' failed"]),
    row(FailureClass::MissingNativeTool, &["fatal error:", ".h: No such file"]),
    row(FailureClass::MissingNativeTool, &["CMake must be installed"]),
    row(FailureClass::MissingNativeTool, &["error: can't find Rust compiler"]),
    row(FailureClass::MissingNativeTool, &["is not supported by the following package", "rustc "]),
    row(FailureClass::MissingNativeTool, &["is newer than this version of cargo"]),
    row(FailureClass::MissingNativeTool, &["requires rustc "]),
    row(FailureClass::MissingNativeTool, &["cargo metadata", "No such file or directory"]),
    row(FailureClass::MissingNativeTool, &["Could not find directory of OpenSSL installation"]),
    row(FailureClass::MissingNativeTool, &["The system library", "required by crate", "was not found"]),
    row(FailureClass::MissingNativeTool, &["`#![feature]` may not be used on the stable release channel"]),
    row(FailureClass::NetworkDenied, &["--offline was specified"]),
    row(FailureClass::NetworkDenied, &["offline mode"]),
    row(FailureClass::MissingNativeTool, &["FileNotFoundError: [Errno 2] No such file or directory: 'git'"]),
    row(FailureClass::MissingNativeTool, &["git: command not found"]),
    row(FailureClass::MissingNativeTool, &["git introspection failed"]),
    row(FailureClass::MissingNativeTool, &["setuptools-scm was unable to detect version"]),
    // Limits that the process itself met.
    row(FailureClass::TooManyProcesses, &["BlockingIOError: [Errno 11] Resource temporarily unavailable"]),
    row(FailureClass::TooManyProcesses, &["can't start new thread"]),
    row(FailureClass::OutOfMemory, &["\nMemoryError"]),
    row(FailureClass::OutputLimit, &["[Errno 28] No space left on device"]),
];

/// Modules of back ends and of what the driver itself imports: their absence is not the project's import.
const BACKENDS: &[&str] = &[
    "setuptools",
    "hatchling",
    "flit_core",
    "flit",
    "poetry",
    "pdm",
    "wheel",
    "mesonpy",
    "maturin",
    "scikit_build_core",
    "uv_build",
    "whey",
    "jupyter_packaging",
    "pbr",
    "trampolim",
    "enscons",
    "sipbuild",
    "distutils",
];

/// The class and the sentence for a build that did not end well.
pub(super) fn classify(exit: Exit, log: &[u8]) -> BuildFailure {
    let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or(log);
    let text = String::from_utf8_lossy(tail);
    let class = match exit {
        Exit::TimedOut => FailureClass::TimedOut,
        Exit::OutOfMemory => FailureClass::OutOfMemory,
        Exit::TooManyProcesses => FailureClass::TooManyProcesses,
        Exit::OutputLimit => FailureClass::OutputLimit,
        Exit::Code(_) => of_text(&text),
        Exit::Signal(_) => match of_text(&text) {
            limit @ (FailureClass::OutOfMemory | FailureClass::TooManyProcesses) => limit,
            _ => FailureClass::Killed,
        },
    };
    BuildFailure { class, detail: detail(exit, &text) }
}

fn of_text(text: &str) -> FailureClass {
    let known = TABLE.iter().find(|row| row.signs.iter().all(|sign| text.contains(sign)));
    if let Some(row) = known {
        return row.class;
    }
    if let Some(module) = missing_module(text) {
        let top = module.split('.').next().unwrap_or(module);
        return if BACKENDS.contains(&top) {
            FailureClass::BackendMissing
        } else {
            FailureClass::UndeclaredDependency
        };
    }
    // A Python error, an error of distutils, or an exit code of its own: the back end ran and refused.
    FailureClass::BackendError
}

/// The module of the last import that failed.
fn missing_module(text: &str) -> Option<&str> {
    let marks = ["ModuleNotFoundError: No module named ", "ImportError: No module named "];
    let line =
        text.lines().rev().find(|line| marks.iter().any(|mark| line.trim_start().starts_with(mark)))?;
    let name = line.split("No module named ").nth(1)?;
    Some(name.trim().trim_matches(['\'', '"', ';']).split([' ', ';', '\'']).next().unwrap_or_default())
}

/// The last line that says something, without the traceback before it.
fn detail(exit: Exit, text: &str) -> String {
    let ended = match exit {
        Exit::Code(code) => format!("the build ended with code {code}"),
        Exit::Signal(signal) => format!("signal {signal} ended the build"),
        Exit::TimedOut => "the build hit its time limit".to_owned(),
        Exit::OutOfMemory => "the build hit its memory limit".to_owned(),
        Exit::TooManyProcesses => "the build hit its limit on processes".to_owned(),
        Exit::OutputLimit => "the build hit its limit on output".to_owned(),
    };
    let said = text.lines().rev().map(str::trim).find(|line| line.chars().any(char::is_alphabetic));
    match said {
        Some(line) => format!("{ended}: {}", line.chars().take(300).collect::<String>()),
        None => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(log: &str) -> FailureClass {
        classify(Exit::Code(1), log.as_bytes()).class
    }

    #[test]
    fn known_patterns_have_their_class() {
        use FailureClass as C;
        let table = [
            (
                "Traceback\n  import toml\nModuleNotFoundError: No module named 'toml'",
                C::UndeclaredDependency,
            ),
            ("ModuleNotFoundError: No module named 'setuptools'", C::BackendMissing),
            ("ModuleNotFoundError: No module named 'poetry.masonry'", C::BackendMissing),
            ("ImportError: No module named 'numpy'", C::UndeclaredDependency),
            (
                "socket.gaierror: [Errno -3] Temporary failure in name resolution\nurllib.error.URLError: <urlopen error>",
                C::NetworkDenied,
            ),
            ("  File easy_install.py, in fetch_build_egg\nerror: x", C::NetworkDenied),
            ("error: command 'gcc' failed: No such file or directory", C::MissingNativeTool),
            ("x.c:1:10: fatal error: Python.h: No such file or directory", C::MissingNativeTool),
            ("FileNotFoundError: [Errno 2] No such file or directory: 'git'", C::MissingNativeTool),
            ("LookupError: setuptools-scm was unable to detect version for /build/x.", C::MissingNativeTool),
            (
                "error: rustc 1.95.0 is not supported by the following package:\n  a@1.0 requires rustc 1.98",
                C::MissingNativeTool,
            ),
            ("attempting to make an HTTP request, but --offline was specified", C::NetworkDenied),
            ("error: invalid command 'bdist_wheel'", C::UndeclaredDependency),
            ("driver: the back end 'x' has no build_wheel hook", C::BackendMissing),
            ("RuntimeError: can't start new thread", C::TooManyProcesses),
            ("Traceback (most recent call last):\nMemoryError", C::OutOfMemory),
            ("OSError: [Errno 28] No space left on device", C::OutputLimit),
            ("AttributeError: module 'pkgutil' has no attribute 'ImpImporter'", C::BackendError),
        ];
        for (log, expected) in table {
            assert_eq!(class(log), expected, "{log}");
        }
    }

    #[test]
    fn how_it_ended_goes_before_what_it_said() {
        let log = b"ModuleNotFoundError: No module named 'x'";
        assert_eq!(classify(Exit::TimedOut, log).class, FailureClass::TimedOut);
        assert_eq!(classify(Exit::Signal(11), b"").class, FailureClass::Killed);
        assert_eq!(
            classify(Exit::Signal(6), b"RuntimeError: can't start new thread").class,
            FailureClass::TooManyProcesses
        );
    }

    #[test]
    fn the_sentence_is_the_last_line_that_speaks() {
        let failure = classify(Exit::Code(1), b"noise\nValueError: bad version\n\n---\n");
        assert_eq!(failure.detail, "the build ended with code 1: ValueError: bad version");
    }

    proptest::proptest! {
        #[test]
        fn any_log_has_a_class_and_a_short_sentence(log in proptest::collection::vec(proptest::num::u8::ANY, 0..500)) {
            let failure = classify(Exit::Code(1), &log);
            proptest::prop_assert!(failure.detail.len() < 1500);
            proptest::prop_assert_ne!(failure.class, FailureClass::Other);
        }
    }
}
