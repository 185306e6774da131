//! `cargo xtask lint`: clippy on libraries, binaries, tests and examples; a warning fails.

use crate::report::Failure;
use crate::run::cargo;

pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]).run()
}
