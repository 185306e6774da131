//! The harness that runs a package's tests, as files and arguments of a job.

use crate::npm::build::commands::NODE;
use bytes::Bytes;
use std::time::Duration;
use trustmill_core::port::sandbox::InputFile;

const HARNESS: &str = "/build/mill/harness.cjs";
const TEXTS: [(&str, &str); 2] = [
    (HARNESS, include_str!("harness.cjs")),
    ("/build/mill/mocha-reporter.cjs", include_str!("mocha-reporter.cjs")),
];

/// What is laid beside the package.
pub(super) fn files() -> Vec<InputFile> {
    let file = |(path, text): &(&'static str, &'static str)| InputFile {
        path: (*path).to_owned(),
        bytes: Bytes::from_static(text.as_bytes()),
        mode: 0o644,
        mtime: None,
    };
    TEXTS.iter().map(file).collect()
}

/// The command. The harness ends by itself, and says so, before the sandbox ends it.
pub(super) fn argv(wall: Duration, only: Option<&[String]>) -> Vec<String> {
    let seconds = wall.saturating_sub(Duration::from_secs(20)).as_secs().to_string();
    let fixed = [NODE.to_owned(), HARNESS.to_owned(), seconds];
    fixed.into_iter().chain(only.unwrap_or_default().iter().cloned()).collect()
}
