//! `trustmill cases replay` and `bench`: trying again, and who is better at it.

use super::super::Global;
use super::store;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{complain, say};
use crate::render::{cases as view, to_json};
use crate::wire::Mill;
use clap::Args;
use std::collections::BTreeMap;
use std::time::Instant;
use trustmill_core::Purl;
use trustmill_core::repair::Proposer;
use trustmill_factory::cases::Case;
use trustmill_factory::cases::contest::{Promotion, Try, compare, recorded};
use trustmill_factory::facts;
use trustmill_factory::models::{ModelRef, Router};
use trustmill_factory::repair::facts::missed;
use trustmill_factory::repair::{Agent, Miss, Outcome, helps};

/// Try again what was tried.
#[derive(Args)]
pub(super) struct Replay {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// This model works on what strategies miss: PROVIDER/MODEL
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<ModelRef>,
}

/// Compare two contenders.
#[derive(Args)]
pub(super) struct Bench {
    /// Who wants to be promoted: model:PROVIDER/MODEL, strategies, strategy:NAME, prompt:DIGEST, models, person
    #[arg(long, value_name = "WHO")]
    candidate: String,
    /// Who is there
    #[arg(long, value_name = "WHO")]
    baseline: String,
    /// Run what was not tried yet by models that are named; else what is recorded counts
    #[arg(long)]
    run: bool,
    /// At most so many cases
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
    /// If it wins, ask it first for this class of tasks
    #[arg(long, value_name = "CLASS")]
    promote: Option<String>,
    /// Who promotes [default: the user of this process, as far as it says]
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
    by: String,
}

impl Bench {
    pub(super) fn runs(&self) -> bool {
        self.run
    }

    pub(super) async fn run(self, global: &Global, mill: &Mill) -> Result<Exit, Failure> {
        let router = mill.models().await?;
        let field = Field { mill, router: &router, most: self.most };
        let promote = self.promote.as_deref().map(|class| (class, self.by.as_str()));
        bench(global, &field, &self.candidate, &self.baseline, promote, self.run).await
    }
}

/// What a contest is held on.
pub(crate) struct Field<'a> {
    pub(crate) mill: &'a Mill,
    pub(crate) router: &'a Router,
    /// At most so many cases are run.
    pub(crate) most: usize,
}

/// Holds a contest. Exits with 1 unless the candidate wins.
pub(crate) async fn bench(
    global: &Global,
    field: &Field<'_>,
    candidate: &str,
    baseline: &str,
    promote: Option<(&str, &str)>,
    run: bool,
) -> Result<Exit, Failure> {
    let all = store(field.mill).all().await?;
    let mut sides = [recorded(&all, candidate), recorded(&all, baseline)];
    if run {
        for (side, name) in sides.iter_mut().zip([candidate, baseline]) {
            field.fill(side, name, &all).await?;
        }
    }
    let [first, second] = &sides;
    let contest = compare((candidate, first), (baseline, second));
    if global.json {
        to_json(&contest);
    } else {
        view::contest(&contest, &field.router.settings().prices.currency);
    }
    if let Some((class, by)) = promote.filter(|_| contest.wins) {
        let at = field.mill.world.clock.now();
        let said = Promotion { class: class.to_owned(), contest: contest.clone(), by: by.to_owned(), at };
        let fact = facts::fact(&trustmill_factory::models::subject(), Some(class), at, &said)?;
        field.mill.world.records.append(&[fact]).await?;
        if !global.json {
            say!("{candidate} is asked first for {class} from now on");
        }
    }
    Ok(if contest.wins { Exit::Success } else { Exit::Gate })
}

impl Field<'_> {
    /// Has a model try the held-out misses of strategies that it did not try yet, each once.
    async fn fill(&self, side: &mut BTreeMap<String, Try>, name: &str, all: &[Case]) -> Result<(), Failure> {
        let Some(model) = name.strip_prefix("model:").and_then(|name| name.parse::<ModelRef>().ok()) else {
            return Ok(());
        };
        let strategies = |case: &&Case| matches!(case.by, Proposer::Strategy { .. });
        let misses = all.iter().filter(strategies).filter(|case| case.is_held_out());
        // The newest attempt counts: what strategies mended since is no miss.
        let newest: BTreeMap<String, &Case> = misses.map(|case| (case.key(), case)).collect();
        let open = newest.into_iter().filter(|(key, case)| !case.is_accepted() && !side.contains_key(key));
        let open: Vec<_> = open.collect();
        let mut tried = 0;
        for (key, case) in open {
            if tried == self.most {
                break;
            }
            let Some(miss) = self.miss(case).await?.filter(|miss| helps(miss.class)) else { continue };
            complain!("{} {}: {} works on it", case.release, case.goal, model);
            if let Some(one) = self.by_model(case, &miss, &model).await? {
                side.insert(key, one);
                tried += 1;
            }
        }
        Ok(())
    }

    /// What was written down when a case was missed.
    async fn miss(&self, case: &Case) -> Result<Option<Miss>, Failure> {
        let all = missed(self.mill.world.records.as_ref(), &case.release).await?;
        Ok(all.into_iter().find(|miss| miss.advisories.join(" ") == case.goal))
    }

    /// Has one model work on a miss, whoever mended it meanwhile.
    async fn by_model(&self, case: &Case, miss: &Miss, model: &ModelRef) -> Result<Option<Try>, Failure> {
        let repairs = self.mill.repairs();
        let Some(finding) = finding(&repairs, &case.release, &case.goal).await else { return Ok(None) };
        let begun = Instant::now();
        let agent = Agent {
            router: self.router,
            allowance: self.router.settings().task,
            team: None,
            only: Some(model),
            stopped: &|| false,
        };
        let Some(attempted) = repairs.by_agent(&finding, miss, &agent).await? else { return Ok(None) };
        let spent = self.router.ledger().follow().await?.task(attempted.session.as_str());
        let accepted = matches!(attempted.outcome, Outcome::Repaired(_));
        let cost_micros = Some(spent.micros).filter(|_| spent.unpriced == 0);
        Ok(Some(Try { accepted, cost_micros, millis: millis(begun) }))
    }

    /// Has strategies try what was accepted before, as if it never had been; nothing is kept of it.
    async fn again(&self, case: &Case) -> Result<Option<Try>, Failure> {
        let repairs = self.mill.repairs();
        let Some(finding) = finding(&repairs, &case.release, &case.goal).await else { return Ok(None) };
        let begun = Instant::now();
        let accepted = repairs.would_repair(&finding).await?;
        Ok(Some(Try { accepted, cost_micros: Some(0), millis: millis(begun) }))
    }

    /// Tries one case again: strategies, and then the model; `None` where there is nothing to try.
    async fn run(&self, case: &Case, model: Option<&ModelRef>) -> Result<Option<Try>, Failure> {
        let repairs = self.mill.repairs();
        let Some(finding) = finding(&repairs, &case.release, &case.goal).await else { return Ok(None) };
        let begun = Instant::now();
        let of_strategies = |accepted| Try { accepted, cost_micros: Some(0), millis: millis(begun) };
        match (repairs.repair(&finding).await?, model) {
            (Outcome::Repaired(_), _) => Ok(Some(of_strategies(true))),
            (Outcome::Missed(miss), Some(model)) if helps(miss.class) => {
                self.by_model(case, &miss, model).await
            }
            (Outcome::Missed(_), _) => Ok(Some(of_strategies(false))),
        }
    }
}

fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The finding that a case was about.
async fn finding(
    repairs: &trustmill_factory::repair::Repairs,
    release: &Purl,
    goal: &str,
) -> Option<trustmill_core::advisory::Finding> {
    for id in goal.split_whitespace() {
        if let Ok(found) = repairs.hits(release, Some(id)).await {
            return found.into_iter().next();
        }
    }
    None
}

impl Replay {
    pub(super) async fn run(self, global: &Global, mill: &Mill) -> Result<Exit, Failure> {
        let router = mill.models().await?;
        let case = store(mill).find(&self.id).await.map_err(|error| Failure::new(Exit::Usage, error))?;
        let field = Field { mill, router: &router, most: 1 };
        let tried = match &self.model {
            None if case.is_accepted() => field.again(&case).await?,
            model => field.run(&case, model.as_ref()).await?,
        };
        let accepted = tried.is_some_and(|tried| tried.accepted);
        match (global.json, tried) {
            (true, tried) => to_json(&tried),
            (false, None) => say!("{}: no advisory that is held hits it any more", case.release),
            (false, Some(tried)) => view::replayed(&case, &tried, &router.settings().prices.currency),
        }
        Ok(if accepted { Exit::Success } else { Exit::Gate })
    }
}
