//! What a build job left: a wheel, a wish, or a failure with a class.

use super::classify::classify;
use crate::pypi::hooks::ASKED;
use crate::pypi::platform::is_repaired_name;
use bytes::Bytes;
use trustmill_core::attempt::FailureClass;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::{Exit, OutputFile, Report};

/// More requirements than this are no requires-hook's answer.
const MOST_ASKED: usize = 100;

/// What a build job left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Exactly one wheel, under the expected name.
    Wheel(String, Bytes),
    /// The requires-hook asks for these, and nothing was built.
    Asks(Vec<String>),
    /// Neither.
    Failed(BuildFailure),
}

impl Outcome {
    /// Reads a report. `expect` is the file name that should have come out.
    pub(super) fn of(report: &Report, expect: Option<&str>) -> Self {
        if report.exit != Exit::Code(0) {
            return Self::Failed(classify(report.exit, &report.log));
        }
        if let Some(file) = report.files.iter().find(|file| is_request(file)) {
            return asked(&file.bytes);
        }
        let wheels: Vec<&OutputFile> =
            report.files.iter().filter(|file| file.path.ends_with(".whl")).collect();
        match wheels.as_slice() {
            [] => failed(FailureClass::NoArtifact, "the build ended well and left no wheel".into()),
            [wheel] => named(wheel, expect),
            _ => failed(FailureClass::NoArtifact, format!("the build left {} wheels", wheels.len())),
        }
    }
}

fn failed(class: FailureClass, detail: String) -> Outcome {
    Outcome::Failed(BuildFailure { class, detail })
}

fn file_name(file: &OutputFile) -> &str {
    file.path.rsplit('/').next().unwrap_or_default()
}

fn is_request(file: &OutputFile) -> bool {
    file_name(file) == "requires.json"
        && (file.path == "requires.json"
            || file.path.ends_with(&format!("{}/requires.json", ASKED.trim_start_matches("/build/"))))
}

/// The driver wrote it, but the project's code ran beside the driver: it is foreign data.
fn asked(bytes: &[u8]) -> Outcome {
    match serde_json::from_slice::<Vec<String>>(bytes) {
        Ok(more) if !more.is_empty() && more.len() <= MOST_ASKED => Outcome::Asks(more),
        _ => failed(
            FailureClass::BackendError,
            "the requires-hook did not answer with a list of requirements".into(),
        ),
    }
}

/// The wheel, if it has the name that was published. Only spelling may differ: what a name or a version
/// may look like changed (PEP 427, then the binary distribution format's escaping rules).
fn named(wheel: &OutputFile, expect: Option<&str>) -> Outcome {
    let name = file_name(wheel);
    match expect {
        Some(expected) if spelling(name) != spelling(expected) && !is_repaired_name(name, expected) => {
            let detail = format!("the build made {name}, published is {expected}");
            failed(FailureClass::WrongArtifact, detail)
        }
        _ => Outcome::Wheel(expect.unwrap_or(name).to_owned(), wheel.bytes.clone()),
    }
}

fn spelling(name: &str) -> String {
    name.chars().map(|c| if matches!(c, '.' | '-') { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::attempt::Usage;

    fn report(files: &[(&str, &str)]) -> Report {
        let file = |(path, text): &(&str, &str)| OutputFile {
            path: (*path).to_owned(),
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            mode: 0o644,
        };
        Report {
            exit: Exit::Code(0),
            log: Bytes::new(),
            files: files.iter().map(file).collect(),
            usage: Usage::default(),
            layers: Vec::new(),
        }
    }

    fn class(files: &[(&str, &str)], expect: Option<&str>) -> FailureClass {
        match Outcome::of(&report(files), expect) {
            Outcome::Failed(failure) => failure.class,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn exactly_one_wheel_under_the_published_name() {
        let one = [(".keep", ""), ("Demo_Pkg-1.0-py3-none-any.whl", "w")];
        let published = "demo.pkg-1.0-py3-none-any.whl";
        let Outcome::Wheel(name, bytes) = Outcome::of(&report(&one), Some(published)) else { panic!() };
        assert_eq!((name.as_str(), &bytes[..]), (published, &b"w"[..]));
        assert_eq!(class(&one, Some("demo_pkg-1.1-py3-none-any.whl")), FailureClass::WrongArtifact);
        assert_eq!(class(&one, Some("demo_pkg-1.0-py2.py3-none-any.whl")), FailureClass::WrongArtifact);
        assert_eq!(class(&[(".keep", "")], None), FailureClass::NoArtifact);
        assert_eq!(class(&[("a.whl", ""), ("b.whl", "")], None), FailureClass::NoArtifact);
    }

    #[test]
    fn a_wish_is_read_and_checked() {
        let wish = Outcome::of(&report(&[("requires.json", "[\"wheel>=1\"]")]), None);
        assert_eq!(wish, Outcome::Asks(vec!["wheel>=1".into()]));
        assert_eq!(class(&[("requires.json", "{}")], None), FailureClass::BackendError);
        assert_eq!(class(&[("requires.json", "[]")], None), FailureClass::BackendError);
    }
}
