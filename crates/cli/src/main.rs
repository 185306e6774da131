//! `trustmill`: one binary. A file per verb in `cmd`; `wire` is the only place where adapters meet the
//! application.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cmd;
mod config;
mod document;
mod error;
mod exit;
mod ignores;
mod lockfiles;
mod out;
mod policies;
mod render;
mod when;
mod wire;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The sandbox starts this same binary as the first process inside, and the mill starts it as a worker of the
    // scanner; nothing else may run before them.
    wire::sandbox_init();
    wire::scan_worker();
    wire::give_memory_back();
    let cli = cmd::Cli::parse();
    cmd::init_tracing(cli.global.verbose);
    out::finish(cmd::run(cli).unwrap_or_else(error::Failure::report)).into()
}
