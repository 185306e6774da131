//! `trustmill repair`: a vulnerable release gets its fix, proven by its own tests.

mod list;
mod recipe;

pub(crate) use list::Repairs as ListedRepairs;

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::lockfiles;
use crate::out::complain;
use crate::render::{repair as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::advisory::Finding;
use trustmill_core::package::ParsePurlError;
use trustmill_core::port::Coded;
use trustmill_core::repair::Ruling;
use trustmill_factory::StepError;
use trustmill_factory::error::Disposition;
use trustmill_factory::models::Router;
use trustmill_factory::progress::{Event, Observer, Unobserved};
use trustmill_factory::repair::{Agent, Miss, Outcome, RepairError, Repaired, Repairs, facts, helps};

/// Give a vulnerable release its fix, and prove with its own tests that nothing else changed.
///
/// The fix comes from the commits that the advisory names, or from the release that fixes it; it is carried to the pinned
/// version, built and tested in the sandbox, and signed. Nothing is served by default: docs/repair.md says how a repaired
/// release is installed.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Repair {
    #[command(subcommand)]
    what: Option<What>,
    /// A release such as pkg:pypi/jinja2@2.11.2, or a lockfile
    #[arg(value_name = "PURL|LOCKFILE", required = true)]
    target: Option<String>,
    /// One advisory, by any of its ids [default: all that hit]
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// Judge this unified difference in the place of what strategies propose
    #[arg(long, value_name = "FILE", requires = "advisory")]
    patch: Option<PathBuf>,
    /// Who proposes it, as the signed statement says it
    #[arg(long, value_name = "NAME", default_value = "operator", requires = "patch")]
    by: String,
    /// Let the models of the configuration work on what strategies miss
    #[arg(long)]
    agent: bool,
    /// For this team: its models and its budget
    #[arg(long, value_name = "TEAM", requires = "agent")]
    team: Option<String>,
}

#[derive(Subcommand)]
enum What {
    Recipe(recipe::Recipe),
    /// List the releases that were repaired, those that could not be, and searches for recipes
    List,
    /// Show one repaired release: what was checked, and the difference
    Show {
        /// The release, such as pkg:pypi/jinja2@2.11.2 or pkg:pypi/jinja2@2.11.2+tm.1
        #[arg(value_name = "PURL")]
        purl: Purl,
    },
    /// Take repaired releases back: they are no longer handed out, and say why
    Withdraw {
        /// A repaired release, such as pkg:pypi/jinja2@2.11.2+tm.1
        #[arg(value_name = "PURL", required_unless_present = "superseded")]
        purl: Option<Purl>,
        /// Why, as clients are told
        #[arg(long, value_name = "TEXT", requires = "purl", required_unless_present = "superseded")]
        why: Option<String>,
        /// All that a later release of the same line (its first two numbers) has made needless since
        #[arg(long, conflicts_with = "purl")]
        superseded: bool,
    },
}

/// What begins with `pkg:` and is no package URL.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NoPurl(ParsePurlError);

impl Coded for NoPurl {
    fn code(&self) -> &'static str {
        "TM1202"
    }

    fn help(&self) -> String {
        "write a release as pkg:pypi/jinja2@2.11.2".into()
    }
}

fn no_purl(error: ParsePurlError) -> Failure {
    Failure::new(Exit::Usage, NoPurl(error))
}

/// A difference that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read")]
struct UnreadPatch {
    path: String,
    #[source]
    source: std::io::Error,
}

impl Coded for UnreadPatch {
    fn code(&self) -> &'static str {
        "TM1204"
    }

    fn help(&self) -> String {
        "give a file with a unified difference in UTF-8, as `diff -u` or `git diff` write it".into()
    }
}

/// Nothing of the release was repaired.
#[derive(Debug, thiserror::Error)]
#[error("no repair of {0} is known")]
struct NotRepaired(Purl);

impl Coded for NotRepaired {
    fn code(&self) -> &'static str {
        "TM1203"
    }

    fn help(&self) -> String {
        format!("repair it with `trustmill repair {}`; `trustmill repair list` shows what was", self.0)
    }
}

/// What came of one advisory of one release.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The release.
    pub(crate) release: Purl,
    /// The advisory.
    pub(crate) advisory: String,
    /// What it is about.
    pub(crate) summary: String,
    /// The repair.
    pub(crate) repaired: Option<Repaired>,
    /// Why there is none.
    pub(crate) missed: Option<Miss>,
    /// What a user writes to get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) install: Vec<String>,
    /// The session of the model that worked on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// How that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
}

impl Repair {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            match &self.what {
                None => self.repair(global).await,
                Some(What::Recipe(recipe)) => recipe.run(global).await,
                Some(What::List) => list::list(global).await,
                Some(What::Show { purl }) => show(global, purl).await,
                Some(What::Withdraw { purl, why, .. }) => {
                    withdraw(global, purl.as_ref().zip(why.as_deref())).await
                }
            }
        })
    }

    async fn repair(&self, global: &Global) -> Result<Exit, Failure> {
        let observer: Arc<dyn Observer> = match global.json {
            true => Arc::new(Unobserved),
            false => Arc::new(Steps { live: std::io::stderr().is_terminal() }),
        };
        let mill = Mill::open(global, Purpose::Work, observer).await?;
        let repairs = mill.repairs();
        let router = if self.agent { Some(mill.models().await?) } else { None };
        let proposed = self.proposed()?;
        let mut rows = Vec::new();
        for release in self.releases(&mill)? {
            for finding in self.findings(&repairs, &release).await? {
                let mut row = row(&repairs, &finding, proposed.as_ref()).await?;
                if let Some(router) = &router {
                    self.by_agent(&repairs, &finding, router, &mut row).await?;
                }
                row.install = install(&mill, &row);
                rows.push(row);
            }
        }
        match global.json {
            true => to_json(&rows),
            false => view::print(&rows),
        }
        let done = rows.iter().all(|row| row.repaired.is_some());
        Ok(if done { Exit::Success } else { Exit::Gate })
    }

    /// The change that somebody proposes, and who.
    fn proposed(&self) -> Result<Option<(String, String)>, Failure> {
        let Some(path) = &self.patch else { return Ok(None) };
        let read = std::fs::read_to_string(path);
        let unread =
            |source| Failure::new(Exit::Usage, UnreadPatch { path: path.display().to_string(), source });
        Ok(Some((read.map_err(unread)?, self.by.clone())))
    }

    /// Has a model work on what strategies missed.
    async fn by_agent(
        &self,
        repairs: &Repairs,
        finding: &Finding,
        router: &Router,
        row: &mut Row,
    ) -> Result<(), Failure> {
        let Some(miss) = row.missed.clone().filter(|miss| helps(miss.class)) else { return Ok(()) };
        let stop = wire::Stop::on_signal();
        let agent = Agent {
            router,
            allowance: router.settings().task,
            team: self.team.as_deref(),
            only: None,
            stopped: &|| stop.is_asked(),
        };
        let Some(attempted) = repairs.by_agent(finding, &miss, &agent).await? else { return Ok(()) };
        row.session = Some(attempted.session.to_string());
        row.agent = Some(attempted.ended.to_string());
        if let Outcome::Repaired(repaired) = attempted.outcome {
            (row.repaired, row.missed) = (Some(*repaired), None);
        }
        Ok(())
    }

    /// What is to be repaired.
    fn releases(&self, mill: &Mill) -> Result<Vec<Purl>, Failure> {
        let target = self.target.as_deref().unwrap_or_default();
        if target.starts_with("pkg:") {
            let purl = target.parse::<Purl>().map_err(no_purl)?;
            return Ok(vec![purl]);
        }
        let path = Path::new(target);
        let mut read = mill.world.ecosystems.iter().filter_map(|ecosystem| ecosystem.lockfile(path));
        let pins = read.next().ok_or_else(|| Failure::new(Exit::Usage, lockfiles::unknown(path)))?;
        let pins = pins.map_err(|error| Failure::new(Exit::Usage, error))?;
        Ok(pins.pins.into_iter().map(|pin| pin.purl).collect())
    }

    /// What is wrong with a release; of one that a lockfile pins, nothing may be.
    async fn findings(&self, repairs: &Repairs, release: &Purl) -> Result<Vec<Finding>, Failure> {
        let is_lockfile = !self.target.as_deref().unwrap_or_default().starts_with("pkg:");
        match repairs.hits(release, self.advisory.as_deref()).await {
            Ok(findings) => Ok(findings),
            Err(RepairError::NotHit(_) | RepairError::OtherAdvisory { .. }) if is_lockfile => Ok(Vec::new()),
            Err(error @ (RepairError::Step(_) | RepairError::Advisories(_))) => Err(Failure::from(error)),
            Err(error) => Err(Failure::new(Exit::Usage, error)),
        }
    }
}

/// How the repaired release of a row is got from this mill.
fn install(mill: &Mill, row: &Row) -> Vec<String> {
    let lines = || {
        let repaired = row.repaired.as_ref()?;
        let release = &repaired.release;
        let ecosystem = mill.world.ecosystem(release).ok()?;
        let mount = format!("http://{}/{}", mill.config.serve.listen, release.ty());
        Some(ecosystem.workshop()?.install_lines(release, repaired.repaired.version()?, &mount))
    };
    lines().unwrap_or_default()
}

/// How often a repair is tried again where the world around it failed, and after how long.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_secs(4);

/// What an attempt comes to that is made again where the world around it failed: a file of an environment may still be
/// scanned, a forge be busy. What was done is not done again.
async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, StepError>) -> Result<T, StepError> {
    for _ in 0..TRIES {
        match attempt().await {
            Err(error) if error.disposition() == Disposition::Infrastructure => {
                tokio::time::sleep(WAIT).await;
            }
            other => return other,
        }
    }
    attempt().await
}

async fn row(
    repairs: &Repairs,
    finding: &Finding,
    proposed: Option<&(String, String)>,
) -> Result<Row, Failure> {
    let attempt = async || match proposed {
        None => repairs.repair(finding).await,
        Some((difference, by)) => repairs.propose(finding, difference, by).await,
    };
    let outcome = patiently(attempt).await?;
    let (repaired, missed) = match outcome {
        Outcome::Repaired(repaired) => (Some(*repaired), None),
        Outcome::Missed(miss) => (None, Some(*miss)),
    };
    let advisory = finding.ids.first().cloned().unwrap_or_default();
    let summary = finding.advisory.summary.clone();
    Ok(Row {
        release: finding.release.clone(),
        advisory,
        summary,
        repaired,
        missed,
        install: Vec::new(),
        session: None,
        agent: None,
    })
}

async fn show(global: &Global, purl: &Purl) -> Result<Exit, Failure> {
    let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
    let all = facts::all_repaired(&mill.world).await?;
    let found: Vec<Repaired> =
        all.into_iter().filter(|one| one.repaired == *purl || one.release == *purl).collect();
    if found.is_empty() {
        return Err(Failure::new(Exit::Usage, NotRepaired(purl.clone())));
    }
    if global.json {
        to_json(&found);
        return Ok(Exit::Success);
    }
    for one in &found {
        let difference = mill.world.blobs.get(&one.difference).await?.unwrap_or_default();
        view::show(one, &difference);
    }
    Ok(Exit::Success)
}

/// Takes one repaired release back, or all that are superseded.
async fn withdraw(global: &Global, named: Option<(&Purl, &str)>) -> Result<Exit, Failure> {
    let mill = Mill::open(global, Purpose::Work, Arc::new(Unobserved)).await?;
    let repairs = mill.repairs();
    let wanted: Vec<(Repaired, String)> = match named {
        None => repairs.superseded().await?,
        Some((purl, why)) => {
            let all = facts::all_repaired(&mill.world).await?;
            let found = all.into_iter().find(|one| one.repaired == *purl && one.withdrawn.is_none());
            let one = found.ok_or_else(|| Failure::new(Exit::Usage, NotRepaired(purl.clone())))?;
            vec![(one, why.to_owned())]
        }
    };
    let mut taken = Vec::new();
    for (one, why) in &wanted {
        taken.push(repairs.withdraw(one, why).await?);
    }
    match global.json {
        true => to_json(&taken),
        false => view::withdrawn(&taken),
    }
    Ok(Exit::Success)
}

/// The first word on a ruling, for a table.
pub(crate) fn ruling(row: &Row) -> &'static str {
    row.repaired.as_ref().map_or("not repaired", |repaired| match repaired.ruling {
        Ruling::Proven => "proven",
        Ruling::Unproven => "unproven",
        Ruling::Refused => "refused",
    })
}

/// What is going on, on standard error: a line for each step.
struct Steps {
    live: bool,
}

impl Observer for Steps {
    fn observe(&self, event: &Event) {
        if let (true, Event::Step { purl, step }) = (self.live, event) {
            complain!("{purl}: {step}");
        }
    }
}
