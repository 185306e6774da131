//! `cargo xtask fmt`: one format, checked; `--write` applies it.

use crate::report::Failure;
use crate::run::cargo;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--write") {
        return cargo(["fmt", "--all"]).run();
    }
    cargo(["fmt", "--all", "--", "--check"]).run()
}
