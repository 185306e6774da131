//! The command line: one file per verb.

mod add;
mod advisories;
mod alerts;
mod cases;
mod check;
mod doctor;
mod guard;
mod inbox;
mod list;
mod models;
mod overrides;
mod policy;
mod refresh;
mod remove;
mod repair;
mod sbom;
mod scan;
mod secure;
mod show;
mod token;
mod up;
mod verify;
mod vex;

pub(crate) use advisories::{Failed, FeedHealth, Told};
pub(crate) use cases::CaseShown;
pub(crate) use check::{Checked, ago, seconds_between};
pub(crate) use doctor::{Backend, Data, Findings, Found, Program, Reached, ScannerHealth};
pub(crate) use inbox::Asked as InboxAsked;
pub(crate) use list::Listing;
pub(crate) use models::{Overview as ModelsOverview, Tried as ModelTried};
pub(crate) use overrides::Shown;
pub(crate) use policy::{Replayed, Ruleset};
pub(crate) use repair::{ListedRepairs, Row as RepairRow, ruling as repair_ruling};
pub(crate) use sbom::Bill;
pub(crate) use scan::{Listed, Scanned, rules as scan_rules};
pub(crate) use secure::{Row, Summary};
pub(crate) use show::{Decided, ShownRelease};
pub(crate) use vex::Said;

use crate::config::UpstreamFlag;
use crate::error::Failure;
use crate::exit::Exit;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Rebuilds the packages you depend on from source, compares them with what was published, and serves them
/// with the evidence.
#[derive(Parser)]
#[command(name = "trustmill", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  trustmill secure requirements.txt                    rebuild and judge every pinned package
  trustmill secure --require replayed uv.lock          exit with 1 if a claim is weaker
  trustmill check uv.lock package-lock.json            known vulnerabilities and malware, offline
  trustmill scan left-pad-1.3.0.tgz                    malware: what it does, when it runs, where
  trustmill repair pkg:pypi/jinja2@2.11.2              its fix on the version that you pin, proven by its tests
  trustmill up                                         serve, and keep up with new releases
  trustmill show pkg:pypi/requests@2.32.5              everything known, and what differs
  trustmill policy explain pkg:npm/chalk@5.6.1          why it is or is not handed out
  trustmill verify ./wheels/*.whl                      check wheels on disk, offline

Exit codes: 0 done, 1 a gate does not hold, 2 wrong usage or input, 3 upstream, disk or sandbox failed,
4 data folder or port in use, 130 interrupted.";

/// Options that every verb takes.
#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Folder with all state [default: $XDG_DATA_HOME/trustmill]
    #[arg(long, global = true, env = "TRUSTMILL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Configuration file [default: trustmill.toml in the data folder]
    #[arg(long, global = true, env = "TRUSTMILL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The same for PyPI alone
    #[arg(long, global = true, env = "TRUSTMILL_PYPI_INDEX", value_name = "URL")]
    pub(crate) pypi_index: Option<String>,
    /// Address of a registry to rebuild from, may be given again [default: what this machine's clients use]
    #[arg(long, global = true, value_name = "TYPE=URL")]
    pub(crate) upstream: Vec<UpstreamFlag>,
    /// What `secure --native` says; beside the file's own word.
    #[arg(skip)]
    pub(crate) native: bool,
    /// Print JSON to standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// More of what happens, on standard error (twice: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Subcommand)]
enum Verb {
    Secure(secure::Secure),
    Check(check::Check),
    Scan(scan::Scan),
    Repair(repair::Repair),
    Sbom(sbom::Sbom),
    Vex(vex::Vex),
    Add(add::Add),
    Remove(remove::Remove),
    List(list::List),
    Up(up::Up),
    Show(show::Show),
    Verify(verify::Verify),
    Token(token::Token),
    Alerts(alerts::Alerts),
    Policy(policy::Policy),
    Override(overrides::Override),
    Guard(guard::Guard),
    Models(models::Models),
    Cases(cases::Cases),
    Inbox(inbox::Inbox),
    Doctor(doctor::Doctor),
    Advisories(advisories::Advisories),
}

/// Runs the verb.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    match cli.verb {
        Verb::Secure(verb) => verb.run(global),
        Verb::Check(verb) => verb.run(global),
        Verb::Scan(verb) => verb.run(global),
        Verb::Repair(verb) => verb.run(global),
        Verb::Sbom(verb) => verb.run(global),
        Verb::Vex(verb) => verb.run(global),
        Verb::Add(verb) => verb.run(global),
        Verb::Remove(verb) => verb.run(global),
        Verb::List(verb) => verb.run(global),
        Verb::Up(verb) => verb.run(global),
        Verb::Show(verb) => verb.run(global),
        Verb::Verify(verb) => verb.run(global),
        Verb::Token(verb) => verb.run(global),
        Verb::Alerts(verb) => verb.run(global),
        Verb::Policy(verb) => verb.run(global),
        Verb::Override(verb) => verb.run(global),
        Verb::Guard(verb) => verb.run(global),
        Verb::Models(verb) => verb.run(global),
        Verb::Cases(verb) => verb.run(global),
        Verb::Inbox(verb) => verb.run(global),
        Verb::Doctor(verb) => verb.run(global),
        Verb::Advisories(verb) => verb.run(global),
    }
    .map_err(|failure| failure.in_json(cli.global.json))
}

/// Logs go to standard error: errors by default, more with `-v`; `TRUSTMILL_LOG` overrides.
pub(crate) fn init_tracing(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "error",
        1 => "warn,trustmill=info",
        _ => "info,trustmill=debug",
    };
    let filter = EnvFilter::try_from_env("TRUSTMILL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
