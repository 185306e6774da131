//! Recipe repair: where the ladder ended without the published bytes, a wider search goes on from its best attempt, one
//! change of the recipe at a time. What helped is kept and built upon; what comes out is a definition, which is data. The
//! next rebuild of the release tries it, and only what that finds counts.

use super::rebuild::{self, Climb};
use super::{PIPELINE, fetch, resolve, source};
use crate::facts::{self, Kind};
use crate::{StepError, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::fact::Fact;
use trustmill_core::port::ecosystem::{DefinitionFile, Task};
use trustmill_core::recipe::Recipe;
use trustmill_core::{Purl, Verdict};

/// The version of the search. Raised when it looks further, so that it is made again.
pub const SEARCH: u32 = 1;

/// A search that was made. About the release; the subject is the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Searched {
    /// The version of the search.
    pub version: u32,
    /// The version of the pipeline that it went on from.
    pub pipeline: u32,
    /// Builds that it was allowed.
    pub most: usize,
    /// What came of it.
    pub found: Widened,
    /// When it ended.
    pub at: Timestamp,
}

impl Kind for Searched {
    const NAME: &'static str = "recipe-search";
}

/// What came of one published file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widened {
    /// The file.
    pub file: String,
    /// What the ladder reached.
    pub before: Verdict,
    /// What the search reached.
    pub after: Verdict,
    /// How many members still differ; `None` where nothing came out that could be compared.
    pub differences: Option<usize>,
    /// Builds that the search made.
    pub builds: usize,
    /// The recipe, where it is better than those that were inferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// The same as a definition.
    pub definition: Option<DefinitionFile>,
    /// Why there is none, or what is still in the way.
    pub left: Option<String>,
}

/// How near an attempt came: the verdict, then what still differs. The least is the best.
type Distance = (Verdict, usize);

/// Searches for a better recipe of each published file of a release whose bytes did not come out, with at most so many
/// builds for each. What came of it is kept.
///
/// # Errors
/// [`StepError`] where nothing can be said of the release.
pub async fn widen(world: &World, purl: &Purl, most: usize) -> Result<Vec<Widened>, StepError> {
    let all = of_each(world, purl, most).await?;
    let at = world.clock.now();
    let kept = all.iter().map(|found| {
        let searched = Searched { version: SEARCH, pipeline: PIPELINE, most, found: found.clone(), at };
        facts::fact(purl, Some(&found.file), at, &searched)
    });
    world.records.append(&kept.collect::<Result<Vec<_>, _>>()?).await?;
    Ok(all)
}

/// The newest recipe that a search found for each file, and when.
pub(super) async fn found(
    world: &World,
    purl: &Purl,
) -> Result<BTreeMap<String, (Recipe, Timestamp)>, StepError> {
    let searches = facts::all::<Searched>(world.records.as_ref(), purl).await?;
    let of_file = |(fact, search): (Fact, Searched)| Some((fact.subject?, (search.found.recipe?, search.at)));
    Ok(searches.into_iter().filter_map(of_file).collect())
}

async fn of_each(world: &World, purl: &Purl, most: usize) -> Result<Vec<Widened>, StepError> {
    let plan = resolve::plan(world, purl, purl.version().unwrap_or_default()).await?;
    let mut sourcing = source::Sourcing::new(world, purl, plan.source.as_ref());
    let mut all = Vec::new();
    for subject in plan.subjects.iter().filter(|subject| matches!(subject.task, Task::Rebuild)) {
        let Some(artifact) = &subject.artifact else { continue };
        let stuck = |left: String| Widened {
            file: artifact.filename.clone(),
            before: Verdict::NoSource,
            after: Verdict::NoSource,
            differences: None,
            builds: 0,
            recipe: None,
            definition: None,
            left: Some(left),
        };
        if !sourcing.is_possible() {
            all.push(stuck("there is no source to build from".to_owned()));
            continue;
        }
        let published = match fetch::published(world, purl, Some(artifact)).await? {
            Some(fetch::Opened::Archive(archive)) => *archive,
            Some(fetch::Opened::Hostile(refused)) => {
                all.push(stuck(format!("the published file is refused: {}", refused.why)));
                continue;
            }
            None => continue,
        };
        match sourcing.open(Some(&published)).await? {
            Ok(found) if !found.is_empty() => {
                let climb = rebuild::climb(world, purl, Some(published), found).await?;
                all.push(search(world, purl, climb, most).await?);
            }
            Ok(_) => all.push(stuck("there is no source to build from".to_owned())),
            Err(refused) => all.push(stuck(format!("the source is refused: {}", refused.why))),
        }
    }
    Ok(all)
}

/// Goes on from where the ladder ended.
async fn search(world: &World, purl: &Purl, climb: Climb, most: usize) -> Result<Widened, StepError> {
    let ecosystem = world.ecosystem(purl)?;
    let ground = climb.ground(world, purl).await?;
    let evidence = ground.evidence(purl);
    let mut tried: Vec<Attempt> = climb.rungs.iter().map(|rung| rung.attempt.clone()).collect();
    let mut best = tried.iter().min_by_key(|attempt| distance(attempt)).cloned();
    let before = best.as_ref().map_or(Verdict::BuildFailed, |best| distance(best).0);
    let mut builds = 0;
    'search: while let Some(base) = best.clone().filter(|best| !is_reached(best)) {
        for recipe in ecosystem.variations(&evidence, &base, &tried) {
            if builds == most {
                break 'search;
            }
            builds += 1;
            super::step(world, purl, format!("recipe {builds} of at most {most}: {}", last(&recipe.reasons)));
            let attempt = ground.attempt(world, purl, recipe).await?;
            tried.push(attempt.clone());
            if distance(&attempt) < distance(&base) {
                best = Some(attempt);
                continue 'search;
            }
        }
        break;
    }
    let file = climb.published.as_ref().map(|it| it.artifact.filename.clone()).unwrap_or_default();
    let (after, differences) = best.as_ref().map_or((Verdict::BuildFailed, usize::MAX), distance);
    let better = best.as_ref().filter(|_| after < before && after <= Verdict::Explained);
    let reason = better.map(|best| {
        let more = if builds == 1 { "build" } else { "builds" };
        let how: Vec<_> = best.recipe.reasons.iter().rev().take(3).rev().cloned().collect();
        format!(
            "Found by a search over recipes: {after} instead of {before}, after {builds} more {more}. How it came about: {}",
            how.join("; "),
        )
    });
    let definition = better.zip(reason.as_deref());
    let definition =
        definition.and_then(|(best, reason)| ecosystem.definition(&evidence, &best.recipe, reason));
    // Who reads what is signed sees that no person wrote it.
    let recipe = better.map(|best| {
        let mut recipe = best.recipe.clone();
        recipe.reasons.extend(reason);
        recipe
    });
    Ok(Widened {
        file,
        before,
        after,
        differences: (differences != usize::MAX).then_some(differences),
        builds,
        left: best.as_ref().and_then(in_the_way),
        recipe,
        definition,
    })
}

fn last(reasons: &[String]) -> &str {
    reasons.last().map_or("", String::as_str)
}

fn is_reached(attempt: &Attempt) -> bool {
    distance(attempt).0 <= Verdict::Normalised
}

fn distance(attempt: &Attempt) -> Distance {
    match &attempt.result {
        AttemptResult::Compared(comparison) => (comparison.verdict, comparison.differences.len()),
        AttemptResult::Built { .. } => (Verdict::Built, 0),
        AttemptResult::Failed { .. } => (Verdict::BuildFailed, usize::MAX),
    }
}

/// What is still in the way of the published bytes.
fn in_the_way(best: &Attempt) -> Option<String> {
    match &best.result {
        AttemptResult::Failed { class, detail } => Some(format!("{}: {detail}", class.as_str())),
        AttemptResult::Compared(comparison) if !is_reached(best) => {
            let members: Vec<&str> =
                comparison.differences.iter().map(|one| one.member.as_str()).take(5).collect();
            Some(format!("{} differ", members.join(", ")))
        }
        _ => None,
    }
}
