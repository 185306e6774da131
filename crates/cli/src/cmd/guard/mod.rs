//! `trustmill guard`: what AI agents may do with tools.

mod approvals;
mod cards;
mod catalogue;
mod client;
mod export;
mod people;
mod policy;
mod receipt;
mod review;
mod run;
mod setup;
mod undo;
mod upstreams;
mod webhook;

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::wire;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What AI agents may do with tools: an effect needs the user's own words, or a person's lease
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Guard {
    /// Folder of the guard's record and sockets [default: guard in the data folder]
    #[arg(long, global = true, env = "TRUSTMILL_GUARD_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  trustmill guard run --server files --task \"tidy up notes.txt\" -- npx some-mcp-server ~/notes
                                       start a server behind the guard; point the agent's MCP settings here
  trustmill guard pending              what waits for you
  trustmill guard approvals --by ann   the same, and decide there
  trustmill guard approve --session S --plan 3f2a --by ann
  trustmill guard stop --by ann        nothing but reading, from the next call on
  trustmill guard log                  what was tried, decided, leased, done";

#[derive(Subcommand)]
enum Verb {
    /// Decide for every door, until a signal ends it
    Up(run::Up),
    /// Start an MCP server behind the guard, and talk to its client
    Run(run::Run),
    /// Answer an agent's hook: one event on standard input, one decision on standard output
    Hook(run::Hook),
    /// Begin a task, with the words of whom it is done for; prints the session
    Open(people::Open),
    /// Add what that person says later
    Say(people::Say),
    /// Tasks, with their leases
    Sessions(people::Sessions),
    /// What waits for a person
    Pending(cards::Pending),
    /// Look at what waits, and decide: by hand, or with commands on standard input
    Approvals(approvals::Approvals),
    /// Approve a plan as it was shown, or less of it
    Approve(cards::Approve),
    /// Refuse what waits in a session
    Deny(cards::Deny),
    /// Lease by terms: what a tool's arguments may be, how often, how much
    Lease(people::Lease),
    /// A new key for the agent of a session, with which it reaches the guard over HTTP; the one before is worthless
    Key(review::Key),
    /// Tools that are held because their servers describe them otherwise than before
    Review(review::Review),
    /// Let nothing but reading happen, from the next call on
    Stop(people::Halt),
    /// Let effects happen again, with new leases
    Resume(people::Resume),
    /// The record: what was tried, decided, leased, done
    Log(people::Log),
    /// The policies that decide; `--test` runs their cases
    Policy(policy::Policy),
    /// List what agents did that can be undone; with a server's command, undo it
    Undo(undo::Undo),
    /// The record as a statement, signed with the guard's own key
    Export(export::Export),
    /// What the record knows of a text that an agent published
    Receipt(receipt::Receipt),
    /// What other policies would have decided over the calls of a record
    Replay(policy::Replay),
    /// Catalogues: what tools do and what their arguments decide; with a server's command, which of them fit it
    Catalogue(catalogue::ShowCatalogue),
}

impl Guard {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let state = match self.state {
            Some(folder) => folder,
            None => wire::data_dir(global)?.join("guard"),
        };
        let json = global.json;
        wire::runtime(async {
            match self.verb {
                Verb::Up(verb) => verb.run(global, &state).await,
                Verb::Run(verb) => verb.run(&state).await,
                Verb::Hook(verb) => verb.run(&state).await,
                Verb::Open(verb) => verb.run(&state, json).await,
                Verb::Say(verb) => verb.run(&state, json).await,
                Verb::Sessions(verb) => verb.run(&state, json).await,
                Verb::Pending(verb) => verb.run(&state, json).await,
                Verb::Approvals(verb) => verb.run(&state).await,
                Verb::Approve(verb) => verb.run(&state, json).await,
                Verb::Deny(verb) => verb.run(&state, json).await,
                Verb::Lease(verb) => verb.run(&state, json).await,
                Verb::Key(verb) => verb.run(&state, json).await,
                Verb::Review(verb) => verb.run(&state, json).await,
                Verb::Stop(verb) => verb.run(&state, json).await,
                Verb::Resume(verb) => verb.run(&state, json).await,
                Verb::Log(verb) => verb.run(&state, json),
                Verb::Policy(verb) => verb.run(&state, json),
                Verb::Undo(verb) => verb.run(&state, json).await,
                Verb::Export(verb) => verb.run(&state),
                Verb::Receipt(verb) => verb.run(&state, json),
                Verb::Replay(verb) => verb.run(&state, json),
                Verb::Catalogue(verb) => verb.run(json).await,
            }
        })
    }
}
