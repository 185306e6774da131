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
use trustmill_factory::cases::Case;
use trustmill_factory::cases::contest::{Promotion, Try, compare, recorded};
use trustmill_factory::facts;
use trustmill_factory::models::{ModelRef, Router};
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
    /// Has a model try the held-out misses that it did not try yet.
    async fn fill(&self, side: &mut BTreeMap<String, Try>, name: &str, all: &[Case]) -> Result<(), Failure> {
        let Some(model) = name.strip_prefix("model:").and_then(|name| name.parse::<ModelRef>().ok()) else {
            return Ok(());
        };
        let misses =
            all.iter().filter(|case| case.is_held_out() && !case.is_accepted() && case.session.is_none());
        let open: Vec<&Case> =
            misses.filter(|case| !side.contains_key(&case.key())).take(self.most).collect();
        for case in open {
            complain!("{} {}: {} works on it", case.release, case.goal, model);
            if let Some(tried) = self.run(case, Some(&model)).await? {
                side.insert(case.key(), tried);
            }
        }
        Ok(())
    }

    /// Has strategies try what was accepted before, as if it never had been; nothing is kept of it.
    async fn again(&self, case: &Case) -> Result<Option<Try>, Failure> {
        let repairs = self.mill.repairs();
        let Some(finding) = finding(&repairs, &case.release, &case.goal).await else { return Ok(None) };
        let begun = Instant::now();
        let accepted = repairs.would_repair(&finding).await?;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Try { accepted, cost_micros: Some(0), millis }))
    }

    /// Tries one case again; `None` where there is nothing to try.
    async fn run(&self, case: &Case, model: Option<&ModelRef>) -> Result<Option<Try>, Failure> {
        let repairs = self.mill.repairs();
        let Some(finding) = finding(&repairs, &case.release, &case.goal).await else { return Ok(None) };
        let begun = Instant::now();
        let millis = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let miss: Miss = match repairs.repair(&finding).await? {
            Outcome::Repaired(_) => {
                return Ok(Some(Try { accepted: true, cost_micros: Some(0), millis: millis() }));
            }
            Outcome::Missed(miss) => *miss,
        };
        let Some(model) = model.filter(|_| helps(miss.class)) else {
            return Ok(Some(Try { accepted: false, cost_micros: Some(0), millis: millis() }));
        };
        let agent = Agent {
            router: self.router,
            allowance: self.router.settings().task,
            team: None,
            only: Some(model),
            stopped: &|| false,
        };
        let attempted = repairs.by_agent(&finding, &miss, &agent).await?;
        let spent = match &attempted {
            Some(attempted) => self.router.ledger().follow().await?.task(attempted.session.as_str()),
            None => return Ok(None),
        };
        let accepted = attempted.is_some_and(|attempted| matches!(attempted.outcome, Outcome::Repaired(_)));
        let cost_micros = Some(spent.micros).filter(|_| spent.unpriced == 0);
        Ok(Some(Try { accepted, cost_micros, millis: millis() }))
    }
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
