//! `trustmill models`: which models are used, which may not be, and what was asked of them.

mod attempt;

pub(crate) use attempt::Tried;

use super::Global;
use crate::document;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{models as view, to_json};
use crate::when::When;
use crate::wire::{self, Mill, Purpose};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_factory::models::family::{Route, families};
use trustmill_factory::models::{Ban, Entry, ModelRef, Price, Router, StatementError, absence, inventory};
use trustmill_factory::progress::Unobserved;

/// The models that repairs may use: which there are, which are banned, and what was asked of them.
///
/// There is none by default. docs/models.md says how one is configured.
#[derive(Args)]
pub(super) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every model of the configuration: whose it is, how it is reached, whether it is used, and why not
    List {
        /// As this team sees them
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
    },
    /// What was asked of which model, from the log
    Inventory,
    /// Use a family of models no longer, at once, also where a reply is being written
    Ban(BanArgs),
    /// Use a family again
    Allow {
        /// The family, as `trustmill models list` prints it
        #[arg(value_name = "FAMILY")]
        family: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who says so [default: the user of this process]
        #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
        by: String,
    },
    /// Talk to a model: a call of a tool and back, streamed, counted and priced
    Try(attempt::Try),
    /// State, signed, that a family was not used in a span of time; exits with 1 if it was
    Statement(Statement),
}

/// What is banned.
#[derive(Args)]
struct BanArgs {
    /// The family, as `trustmill models list` prints it
    #[arg(value_name = "FAMILY")]
    family: String,
    /// Only over this route, may be given again: direct, resold, alias, self-hosted
    #[arg(long, value_name = "ROUTE")]
    route: Vec<Route>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who says so [default: the user of this process]
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
    by: String,
}

/// What is stated.
#[derive(Args)]
struct Statement {
    /// The family
    #[arg(long, value_name = "FAMILY")]
    family: String,
    /// The beginning: 2026-10-01, 90d (ago)
    #[arg(long, value_name = "WHEN")]
    from: When,
    /// The end, which the span does not hold [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// Where the signed statement goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A family that nobody has heard of cannot be banned: it would be a ban without effect.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no family that is known or configured")]
struct UnknownFamily(String);

impl Coded for UnknownFamily {
    fn code(&self) -> &'static str {
        "TM1414"
    }

    fn help(&self) -> String {
        let known: Vec<&str> = families().keys().map(String::as_str).collect();
        format!("it is one of {}; or one that [[models.providers]] families names", known.join(", "))
    }
}

/// A model of the configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// `PROVIDER/MODEL`.
    pub(crate) model: String,
    /// The classes of tasks whose routes it is in.
    pub(crate) routes: Vec<String>,
    /// Whose it is; `None` if nobody knows.
    pub(crate) family: Option<String>,
    /// How it is reached.
    pub(crate) route: Option<Route>,
    /// Where it computes.
    pub(crate) region: Option<String>,
    /// What it costs.
    pub(crate) price: Option<Price>,
    /// Why it is not used; `None` if it is.
    pub(crate) refused: Option<String>,
}

/// The models and the bans.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(crate) models: Vec<Listed>,
    pub(crate) bans: Vec<(Ban, Timestamp)>,
    pub(crate) currency: String,
}

impl Models {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let purpose = match &self.what {
                What::Try(attempt) => attempt.purpose(),
                _ => Purpose::Look,
            };
            let mill = Mill::open(global, purpose, Arc::new(Unobserved)).await?;
            let router = mill.models().await?;
            match self.what {
                What::List { team } => {
                    let overview = overview(&router, team.as_deref()).await?;
                    if global.json {
                        to_json(&overview);
                    } else {
                        view::list(&overview);
                    }
                    Ok(Exit::Success)
                }
                What::Inventory => {
                    let links = router.ledger().links().await?;
                    let used = inventory(&links);
                    if global.json {
                        to_json(&used);
                    } else {
                        view::inventory(&used, &router.settings().prices.currency);
                    }
                    Ok(Exit::Success)
                }
                What::Ban(ban) => {
                    let family = known(&router, &ban.family)?;
                    let routes: BTreeSet<Route> = ban.route.into_iter().collect();
                    let entry = Entry::Banned(Ban { family, routes, by: ban.by, why: ban.why });
                    write(global, &router, &entry).await
                }
                What::Allow { family, why, by } => {
                    let family = known(&router, &family)?;
                    write(global, &router, &Entry::Allowed { family, by, why }).await
                }
                What::Try(attempt) => attempt.run(global, &mill, &router).await,
                What::Statement(statement) => statement.run(global, &mill, &router).await,
            }
        })
    }
}

fn known(router: &Router, family: &str) -> Result<String, Failure> {
    let family = family.to_ascii_lowercase();
    let mut stated = router.settings().providers.values().flat_map(|provider| provider.families.values());
    if families().contains_key(&family) || stated.any(|known| *known == family) {
        return Ok(family);
    }
    Err(Failure::new(Exit::Usage, UnknownFamily(family)))
}

async fn write(global: &Global, router: &Router, entry: &Entry) -> Result<Exit, Failure> {
    let link = router.ledger().write(entry).await?;
    match (global.json, entry) {
        (true, _) => to_json(&link),
        (false, Entry::Banned(ban)) => {
            say!("{} is banned from now on (entry {} of the log)", ban.family, link.n);
        }
        (false, _) => say!("it may be used again (entry {} of the log)", link.n),
    }
    Ok(Exit::Success)
}

async fn overview(router: &Router, team: Option<&str>) -> Result<Overview, Failure> {
    let settings = router.settings();
    let books = router.ledger().follow().await?;
    let named =
        settings.routes.values().flatten().chain(settings.teams.values().flat_map(|team| &team.models));
    let named: BTreeSet<&ModelRef> = named.filter(|model| model.model != "*").collect();
    let listed = named.into_iter().map(|model| {
        let provider = settings.providers.get(&model.provider);
        let identity = provider.and_then(|provider| provider.identify(&model.model));
        let refused = match settings.permits(model, team) {
            Err(why) => Some(why),
            Ok((_, identity)) => {
                books.banned(&identity).map(|ban| format!("{} is banned: {}", ban.family, ban.why))
            }
        };
        let routes = settings.routes.iter().filter(|(_, route)| route.contains(model));
        Listed {
            model: model.to_string(),
            routes: routes.map(|(class, _)| class.clone()).collect(),
            family: identity.as_ref().map(|identity| identity.family()),
            route: identity.map(|identity| identity.route),
            region: provider.and_then(|provider| provider.region.clone()),
            price: settings.price(model).copied(),
            refused,
        }
    });
    let (models, bans) = (listed.collect(), books.bans().to_vec());
    Ok(Overview { models, bans, currency: settings.prices.currency.clone() })
}

impl Statement {
    async fn run(self, global: &Global, mill: &Mill, router: &Router) -> Result<Exit, Failure> {
        let now = mill.world.clock.now();
        let family = known(router, &self.family)?;
        let until = self.until.map_or(now, |until| until.before(now));
        let span = (self.from.before(now), until);
        let links = router.ledger().links().await?;
        let (said, envelope) = match absence(&links, &family, span, now, &mill.world.signer) {
            Ok(stated) => stated,
            Err(error @ StatementError::Used { .. }) => return Err(Failure::new(Exit::Gate, error)),
            Err(error @ StatementError::Span { .. }) => return Err(Failure::new(Exit::Usage, error)),
            Err(error) => return Err(error.into()),
        };
        let envelope: serde_json::Value = serde_json::from_str(&envelope.to_json()).unwrap_or_default();
        document::write(&envelope, self.output.as_deref())?;
        if self.output.is_some() && !global.json {
            say!(
                "{family} was not used between {} and {}, as far as {} entries of the log say",
                said.from,
                said.until,
                said.log_entries
            );
        }
        Ok(Exit::Success)
    }
}
