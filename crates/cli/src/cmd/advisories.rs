//! `trustmill advisories`: what feeds say of releases, and how old it is.

use super::Global;
use crate::config::is_feed_name;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{advisories as view, to_json};
use crate::wire::{self, feeds};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::advisory::{Advisory, Finding};
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::Advisories as _;
use trustmill_core::{Purl, Timestamp};
use trustmill_infra::advisories::{Address, Feed, FeedError, Feeds, Options, Progress, Report};
use trustmill_inspect::vulns::{Oddity, find, oddities};

/// Known vulnerabilities and malware: read the feeds, see what is held, look something up.
#[derive(Args)]
pub(super) struct Advisories {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Read the feeds of the configuration now, or those that are named.
    ///
    /// Whatever goes wrong, what is held goes on to count.
    Update {
        /// Names of feeds [default: all]
        names: Vec<String>,
        /// Read this instead: a folder or archive of OSV records, one record, or an address
        #[arg(long, value_name = "PATH|URL")]
        from: Option<String>,
        /// Read everything, even if the server says that nothing changed
        #[arg(long)]
        whole: bool,
        /// Take a feed that is older or much smaller than what is held of it
        #[arg(long)]
        accept_loss: bool,
    },
    /// Which feeds there are, what is held of them and how old it is.
    List,
    /// A record by its id or an alias, or everything about a project or a release.
    Show {
        /// `GHSA-…`, `CVE-…`, `MAL-…`, or `pkg:pypi/NAME@VERSION`
        what: String,
    },
    /// Forget a feed and everything that it said.
    Forget {
        /// Its name
        name: String,
    },
}

/// What is known of a feed.
#[derive(Debug, Serialize)]
pub(crate) struct FeedHealth {
    /// Its name.
    pub(crate) name: String,
    /// Where it is; nothing if it does not stand in the configuration.
    pub(crate) address: Option<String>,
    /// How long what was read stands.
    pub(crate) every_seconds: Option<u64>,
    /// Records held, malware among them, and records that were refused.
    pub(crate) records: u64,
    pub(crate) malicious: u64,
    pub(crate) refused: u64,
    /// Package URL types that it speaks of.
    pub(crate) types: Vec<String>,
    /// The newest record.
    pub(crate) newest: Option<Timestamp>,
    /// When it was last read.
    pub(crate) read_at: Option<Timestamp>,
    pub(crate) age_seconds: Option<u64>,
    /// Whether that is too long ago, or never.
    pub(crate) stale: bool,
    /// Why it cannot be read, and since when.
    pub(crate) failure: Option<String>,
    pub(crate) failing_since: Option<Timestamp>,
}

impl FeedHealth {
    /// What must be mended, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let since = self.failing_since.map(|at| format!(" since {at}")).unwrap_or_default();
        let mend = "`trustmill advisories update` reads it";
        match (&self.failure, self.stale) {
            (Some(failure), _) => Some(format!("the feed {} fails{since}: {failure}", self.name)),
            (None, true) => Some(format!("the feed {} was not read in time: {mend}", self.name)),
            (None, false) => None,
        }
    }
}

/// What updates did.
#[derive(Debug, Serialize)]
pub(crate) struct Updated {
    /// Those that went well.
    pub(crate) updated: Vec<Report>,
    /// Those that failed.
    pub(crate) failed: Vec<Failed>,
}

/// An update that failed.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) feed: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) help: String,
}

/// A record with its feed.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feed: Option<String>,
    pub(crate) record: Arc<Advisory>,
    /// What in it cannot count.
    pub(crate) oddities: Vec<Oddity>,
}

/// No feed has that name.
#[derive(Debug, thiserror::Error)]
enum NoFeed {
    #[error("the configuration names no feeds")]
    None,
    #[error("there is no feed {0:?}")]
    Named(String),
}

impl Coded for NoFeed {
    fn code(&self) -> &'static str {
        "TM0918"
    }

    fn help(&self) -> String {
        match self {
            Self::None => {
                "name one in [[feeds]] (docs/advisories.md), or read one now with --from PATH|URL".into()
            }
            Self::Named(_) => "`trustmill advisories list` shows the feeds".into(),
        }
    }
}

/// Nothing is known of it.
#[derive(Debug, thiserror::Error)]
#[error("no feed says anything of {0}")]
struct Unknown(String);

impl Coded for Unknown {
    fn code(&self) -> &'static str {
        "TM0919"
    }

    fn help(&self) -> String {
        "check the spelling; `trustmill advisories list` shows how old the feeds are".into()
    }
}

impl Advisories {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            match self.what {
                What::Update { names, from, whole, accept_loss } => {
                    let options = Options { whole, accept_loss };
                    update(global, &names, from.as_deref(), options).await
                }
                What::List => list(global).await,
                What::Show { what } => show(global, &what).await,
                What::Forget { name } => forget(global, name).await,
            }
        })
    }
}

/// The feed that `--from` means: one of the configuration read from elsewhere, else one of its own.
async fn instead(from: &str, names: &[String], feeds: &Feeds) -> Result<Feed, Failure> {
    let address = Address::parse(from).map_err(|error| Failure::new(Exit::Usage, error))?;
    let name = match names {
        [] => feeds.name_of(&address).await?,
        [name] if is_feed_name(name) => name.clone(),
        [name, ..] => return Err(Failure::new(Exit::Usage, NoFeed::Named(name.clone()))),
    };
    let ecosystem = feeds.all().iter().find(|feed| feed.name == name).and_then(|feed| feed.ecosystem.clone());
    Ok(Feed { name, address, ecosystem, every: Duration::MAX })
}

async fn update(
    global: &Global,
    names: &[String],
    from: Option<&str>,
    options: Options,
) -> Result<Exit, Failure> {
    let holdings = feeds::Holdings::open(global).await?;
    let known = holdings.feeds.all();
    let wanted = match from {
        Some(from) => vec![instead(from, names, &holdings.feeds).await?],
        None => chosen(names, known)?,
    };
    let mut done = Updated { updated: Vec::new(), failed: Vec::new() };
    let mut exit = Exit::Success;
    for feed in &wanted {
        let progress = Arc::new(Progress::default());
        let update = holdings.feeds.update(feed, options, &progress, feeds::now());
        match view::watched(&feed.name, &progress, global.json, update).await {
            Ok(report) => {
                if !global.json {
                    view::updated(&report);
                }
                done.updated.push(report);
            }
            Err(error) => {
                exit = exit_of(&error);
                let failed = failed(feed, &error);
                if !global.json {
                    view::failed(&failed);
                }
                done.failed.push(failed);
            }
        }
    }
    if global.json {
        to_json(&done);
    }
    Ok(exit)
}

/// A feed that goes back or hides records is a gate that does not hold; the rest is the world around.
fn exit_of(error: &FeedError) -> Exit {
    match error {
        FeedError::Rollback { .. } | FeedError::Shrunk { .. } => Exit::Gate,
        FeedError::Busy => Exit::Busy,
        _ => Exit::Infrastructure,
    }
}

fn failed(feed: &Feed, error: &FeedError) -> Failed {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let (code, help) = (error.code(), error.help());
    Failed { feed: feed.name.clone(), code, message: error.to_string(), causes, help }
}

fn chosen(names: &[String], known: &[Feed]) -> Result<Vec<Feed>, Failure> {
    if known.is_empty() {
        return Err(Failure::new(Exit::Usage, NoFeed::None));
    }
    let find = |name: &String| {
        let feed = known.iter().find(|feed| feed.name == *name).cloned();
        feed.ok_or_else(|| Failure::new(Exit::Usage, NoFeed::Named(name.clone())))
    };
    if names.is_empty() { Ok(known.to_vec()) } else { names.iter().map(find).collect() }
}

async fn list(global: &Global) -> Result<Exit, Failure> {
    let holdings = feeds::Holdings::open(global).await?;
    let health = feeds::health(&holdings.store, &holdings.feeds).await?;
    match global.json {
        true => to_json(&health),
        false => view::list(&health),
    }
    Ok(Exit::Success)
}

async fn forget(global: &Global, name: String) -> Result<Exit, Failure> {
    let holdings = feeds::Holdings::open(global).await?;
    if !holdings.store.forget(&name).await? {
        return Err(Failure::new(Exit::Usage, NoFeed::Named(name)));
    }
    match global.json {
        true => to_json(&serde_json::json!({ "forgotten": name })),
        false => say!("{name} is forgotten, and everything that it said"),
    }
    Ok(Exit::Success)
}

async fn show(global: &Global, what: &str) -> Result<Exit, Failure> {
    let holdings = feeds::Holdings::open(global).await?;
    let unknown = || Failure::new(Exit::Usage, Unknown(crate::render::clean(what)));
    if what.starts_with("pkg:") {
        let purl: Purl = what.parse().map_err(|_| unknown())?;
        let records = holdings.store.about(&purl.without_version()).await?;
        let scheme = feeds::scheme(purl.ty()).ok_or_else(unknown)?;
        return match purl.version() {
            Some(_) => Ok(findings(global, &purl, &find(&records, scheme, &purl))),
            None if records.is_empty() => Err(unknown()),
            None => Ok(tell(global, records.iter().map(|record| (None, Arc::clone(record))).collect())),
        };
    }
    let named = holdings.store.named(what).await?;
    if named.is_empty() {
        return Err(unknown());
    }
    Ok(tell(global, named.into_iter().map(|(feed, record)| (Some(feed), record)).collect()))
}

fn findings(global: &Global, release: &Purl, findings: &[Finding]) -> Exit {
    match global.json {
        true => to_json(&findings),
        false => view::findings(release, findings),
    }
    Exit::Success
}

fn tell(global: &Global, records: Vec<(Option<String>, Arc<Advisory>)>) -> Exit {
    let odd = |record: &Advisory| {
        let mut types: Vec<_> = record.affected.iter().map(|affected| affected.project.ty()).collect();
        types.sort_unstable();
        types.dedup();
        types.into_iter().filter_map(feeds::scheme).flat_map(|scheme| oddities(record, scheme)).collect()
    };
    let told = records.into_iter().map(|(feed, record)| Told { feed, oddities: odd(&record), record });
    let told: Vec<Told> = told.collect();
    match global.json {
        true => to_json(&told),
        false => told.iter().for_each(view::record),
    }
    Exit::Success
}
