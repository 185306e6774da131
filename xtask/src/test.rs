//! `cargo xtask test`: doc tests, then everything else, so that the runner's closing line stands last.

use crate::report::Failure;
use crate::{needs, run};

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.is_empty() {
        run::cargo(["test", "--workspace", "--doc", "--locked", "--quiet"]).run()?;
    }
    let mut command = if needs::nextest() {
        vec!["nextest", "run", "--workspace", "--locked"]
    } else {
        println!("cargo-nextest is not installed: `cargo test` runs the same tests, slower");
        vec!["test", "--workspace", "--all-targets", "--locked"]
    };
    command.extend(arguments.iter().map(String::as_str));
    run::cargo(command).run()
}
