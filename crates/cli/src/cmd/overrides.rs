//! `trustmill override`: hand out a release in spite of a policy, for a while, and say why.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{overrides as view, to_json};
use crate::when::When;
use crate::wire::{self, Mill, Purpose};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::sync::Arc;
use trustmill_core::overrides::{Override as Said, Revocation, Versions};
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::firewall::Entry;
use trustmill_factory::firewall::overrides::{OverrideError, Wish};
use trustmill_factory::progress::Unobserved;

/// Hand out a release in spite of a policy: who says so, why, and until when, signed with the mill's key.
#[derive(Args)]
pub(super) struct Override {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(Add),
    List(List),
    Revoke(Revoke),
    Show(Show),
}

/// Say that a release is handed out in spite of a hold.
#[derive(Args)]
struct Add {
    /// A release, or a project
    #[arg(value_name = "PURL")]
    purl: Purl,
    /// Of a project only these: "=1.2.3", ">=1.2,<2"
    #[arg(long, value_name = "RANGE")]
    versions: Option<Versions>,
    /// Only for this team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Why; everybody who wonders will read it
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// When it ends: 14d, 2026-12-01
    #[arg(long, value_name = "WHEN")]
    until: When,
    /// Who says so [default: the user of this process]
    #[arg(long, value_name = "NAME", env = "USER")]
    by: String,
    /// Lift a block too: hand out what is called malware
    #[arg(long)]
    even_malicious: bool,
}

/// Every override, the newest first; those that ended too.
#[derive(Args)]
struct List {
    /// Only those in force
    #[arg(long)]
    in_force: bool,
}

/// Take an override back.
#[derive(Args)]
struct Revoke {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who says so [default: the user of this process]
    #[arg(long, value_name = "NAME", env = "USER")]
    by: String,
}

/// Everything that an override says.
#[derive(Args)]
struct Show {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

/// An override as people and programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// Its id.
    pub(crate) id: String,
    /// `in force`, `not yet`, `expired`, `revoked`.
    pub(crate) standing: &'static str,
    /// What it says.
    #[serde(flatten)]
    pub(crate) said: Said,
    /// Who took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<Revocation>,
}

impl Shown {
    fn of(entry: Entry, now: Timestamp) -> Self {
        let standing = entry.standing(now);
        Self { id: entry.id.as_str().to_owned(), standing, said: entry.said, revoked: entry.revoked }
    }
}

impl Override {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let now = mill.world.clock.now();
            let wrong = |error: OverrideError| Failure::new(Exit::Usage, error);
            match self.command {
                Command::Add(add) => {
                    let entry = mill.desk().add(add.wish(now), now).await.map_err(wrong)?;
                    one(global, Shown::of(entry, now));
                }
                Command::Revoke(revoke) => {
                    let entry = mill.desk().revoke(&revoke.id, &revoke.by, &revoke.why, now).await;
                    one(global, Shown::of(entry.map_err(wrong)?, now));
                }
                Command::Show(show) => {
                    let entry = mill.desk().find(&show.id, now).await.map_err(wrong)?;
                    one(global, Shown::of(entry, now));
                }
                Command::List(list) => {
                    let all = mill.desk().list(now).await.map_err(wrong)?;
                    let shown = all.into_iter().map(|entry| Shown::of(entry, now));
                    let shown: Vec<_> =
                        shown.filter(|one| !list.in_force || one.standing == "in force").collect();
                    match global.json {
                        true => to_json(&shown),
                        false => view::list(&shown),
                    }
                }
            }
            Ok(Exit::Success)
        })
    }
}

impl Add {
    fn wish(self, now: Timestamp) -> Wish {
        Wish {
            purl: self.purl,
            versions: self.versions,
            team: self.team,
            by: self.by,
            why: self.why,
            until: self.until.after(now),
            even_malicious: self.even_malicious,
        }
    }
}

fn one(global: &Global, shown: Shown) {
    match global.json {
        true => to_json(&shown),
        false => view::one(&shown),
    }
}
