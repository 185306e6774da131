//! `cargo xtask TASK`: development tasks, the same on a laptop and in CI.
//!
//! One file per task. A task returns what is wrong; only this file and [`report`] print.

mod bench;
mod ci;
mod deny;
mod docs;
mod fmt;
mod layers;
mod links;
mod lint;
mod map;
mod needs;
mod report;
mod run;
mod test;
mod tree;
mod workspace;

use report::Failure;
use std::process::ExitCode;

/// A task: its name, what it does, and the function.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const TASKS: &[Task] = &[
    Task { name: "ci", about: "everything below that checks, in order", run: ci::run },
    Task { name: "fmt", about: "the code is formatted (--write formats it)", run: fmt::run },
    Task { name: "layers", about: "crates depend on what layers.toml lists, and no more", run: layers::run },
    Task {
        name: "map",
        about: "ARCHITECTURE.md and docs/errors are true (--write renews the list of codes)",
        run: map::run,
    },
    Task {
        name: "deny",
        about: "licences, duplicates and sources of dependencies, by deny.toml",
        run: deny::run,
    },
    Task { name: "lint", about: "clippy on all targets, without warnings", run: lint::run },
    Task {
        name: "docs",
        about: "rustdoc without warnings, links that lead somewhere, files of a size to read",
        run: docs::run,
    },
    Task {
        name: "test",
        about: "doc tests, then every other test (arguments go to the runner)",
        run: test::run,
    },
    Task {
        name: "bench",
        about: "lists the benches; with a name, runs one in release mode",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("usage: cargo xtask TASK\n");
        TASKS.iter().for_each(|task| eprintln!("  {:8}{}", task.name, task.about));
        return ExitCode::from(2);
    };
    match (task.run)(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", report::render(&failure));
            ExitCode::FAILURE
        }
    }
}
