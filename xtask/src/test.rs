//! `cargo xtask test`: doc tests, then everything else, so that the runner's closing line stands last. The binary that is
//! tested has all its features; that it builds without them is what `lint` sees.

use crate::report::Failure;
use crate::{needs, run};

const FEATURES: &str = "trustmill-cli/yara";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.is_empty() {
        run::cargo(["test", "--workspace", "--doc", "--locked", "--quiet"]).run()?;
    }
    let mut command = if needs::nextest() {
        vec!["nextest", "run", "--workspace", "--features", FEATURES, "--locked"]
    } else {
        println!("cargo-nextest is not installed: `cargo test` runs the same tests, slower");
        vec!["test", "--workspace", "--all-targets", "--features", FEATURES, "--locked"]
    };
    command.extend(arguments.iter().map(String::as_str));
    run::cargo(command).run()
}
