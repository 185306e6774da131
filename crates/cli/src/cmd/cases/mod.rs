//! `trustmill cases`: every attempt at a repair, as data.

mod bench;
mod export;

pub(crate) use bench::{Field, bench};

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{cases as view, curve, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_factory::agent::{Step, Transcript};
use trustmill_factory::cases::curve::{Group, curves};
use trustmill_factory::cases::{Case, Cases as Store, later_fix};
use trustmill_factory::progress::Unobserved;

/// Every attempt at a repair, by strategies, models and people: what went in, what came out, and what was learnt.
#[derive(Args)]
pub(super) struct Cases {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List attempts, the newest first
    List(List),
    /// Show one attempt: what was known, what was said and done, what the oracle found
    Show {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Write attempts as training data, redacted, one JSON object a line
    Export(export::Export),
    /// Try again what was tried: strategies first, then a model if one is named
    Replay(bench::Replay),
    /// Compare two contenders on held-out cases, and promote the candidate if it wins
    Bench(bench::Bench),
    /// Success, cost and time over time, as text or as a plot
    Curve(Curve),
}

/// Which attempts.
#[derive(Args)]
struct List {
    /// Only of this class of misses
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Only with this outcome: proven, unproven, missed, spent, gave-up, taken-over
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    most: usize,
}

/// What curves are of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The class of the miss
    Class,
    /// Who tried
    Who,
    /// Both
    Both,
}

/// How the curves are drawn.
#[derive(Args)]
struct Curve {
    /// What attempts are put together by
    #[arg(long, value_enum, default_value_t = By::Who)]
    by: By,
    /// How many days one point stands for
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
    /// Draw the shares into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// An attempt with all that belongs to it.
#[derive(Debug, Serialize)]
pub(crate) struct CaseShown {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// Whether it is kept out of what is learnt from.
    pub(crate) held_out: bool,
    /// The attempt that mended it later.
    pub(crate) later_fix: Option<String>,
    /// What was known.
    pub(crate) known: String,
    /// The difference.
    pub(crate) difference: String,
    /// What happened.
    pub(crate) transcript: Vec<Step>,
}

impl Cases {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let works = matches!(&self.what, What::Replay(_))
                || matches!(&self.what, What::Bench(bench) if bench.runs());
            let purpose = if works { Purpose::Work } else { Purpose::Look };
            let mill = Mill::open(global, purpose, Arc::new(Unobserved)).await?;
            let store = store(&mill);
            match self.what {
                What::List(list) => {
                    let mut all = store.all().await?;
                    all.reverse();
                    all.retain(|case| {
                        list.class.as_ref().is_none_or(|class| case.class == *class)
                            && list.outcome.as_ref().is_none_or(|outcome| case.outcome.as_str() == outcome)
                    });
                    all.truncate(list.most);
                    if global.json { to_json(&all) } else { view::list(&all) }
                }
                What::Show { id } => {
                    let shown = shown(&mill, &id).await?;
                    if global.json { to_json(&shown) } else { view::show(&shown) }
                }
                What::Export(export) => return export.run(global, &store).await,
                What::Replay(replay) => return replay.run(global, &mill).await,
                What::Bench(bench) => return bench.run(global, &mill).await,
                What::Curve(plot) => return plot.run(global, &store).await,
            }
            Ok(Exit::Success)
        })
    }
}

/// The attempts of a mill.
pub(crate) fn store(mill: &Mill) -> Store<'_> {
    Store { records: mill.world.records.as_ref(), blobs: mill.world.blobs.as_ref() }
}

async fn shown(mill: &Mill, id: &str) -> Result<CaseShown, Failure> {
    let store = store(mill);
    let case = store.find(id).await.map_err(|error| Failure::new(Exit::Usage, error))?;
    let all = store.all().await?;
    let transcript = match steps(&store, &case).await? {
        Some(transcript) => transcript.steps().to_vec(),
        None => Vec::new(),
    };
    Ok(CaseShown {
        held_out: case.is_held_out(),
        later_fix: later_fix(&case, &all).map(|fix| fix.id.clone()),
        known: store.text(case.log.as_ref()).await?,
        difference: store.text(case.patch.as_ref()).await?,
        transcript,
        case,
    })
}

/// What happened in a case's session, where there was one.
pub(super) async fn steps<'a>(store: &Store<'a>, case: &Case) -> Result<Option<Transcript<'a>>, Failure> {
    let Some(session) = &case.session else { return Ok(None) };
    let Ok(id) = serde_json::from_value(session.as_str().into()) else { return Ok(None) };
    Ok(Some(Transcript::open(store.records, store.blobs, &case.release, &id).await?))
}

impl Curve {
    async fn run(self, global: &Global, store: &Store<'_>) -> Result<Exit, Failure> {
        let group = match self.by {
            By::Class => Group::Class,
            By::Who => Group::Contender,
            By::Both => Group::Both,
        };
        let curves = curves(&store.all().await?, group, self.days);
        if let Some(path) = &self.svg {
            let drawn = curve::svg(&curves, self.days);
            crate::document::write_text(&drawn, path)?;
        }
        match (global.json, &self.svg) {
            (true, _) => to_json(&curves),
            (false, Some(path)) => say!("drawn into {}", path.display()),
            (false, None) => view::curves(&curves),
        }
        Ok(Exit::Success)
    }
}
