//! `trustmill policy`: what is decided, why, and what would have been.

mod check;
mod explain;
mod replay;
mod test;

pub(crate) use check::Ruleset;
pub(crate) use explain::of_release;
pub(crate) use replay::Replayed;

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use clap::{Args, Subcommand};

/// Check policies, try them on made-up releases, and read why a release is or is not handed out.
#[derive(Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Status(check::Status),
    Test(test::Test),
    Explain(explain::Explain),
    Replay(replay::Replay),
}

impl Policy {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self.command {
            Command::Check(verb) => verb.run(global),
            Command::Status(verb) => verb.run(global),
            Command::Test(verb) => verb.run(global),
            Command::Explain(verb) => verb.run(global),
            Command::Replay(verb) => verb.run(global),
        }
    }
}
