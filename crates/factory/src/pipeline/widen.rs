//! Recipe repair: where the ladder ended without the published bytes, a wider search goes on from its best attempt, one
//! change of the recipe at a time. What helped is kept and built upon; what comes out is a definition, which is data.

use super::rebuild::{self, Climb};
use super::{fetch, resolve, source};
use crate::{StepError, World};
use serde::Serialize;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::port::ecosystem::{DefinitionFile, Task};
use trustmill_core::{Purl, Verdict};

/// What came of one published file of a release.
#[derive(Debug, Clone, Serialize)]
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
    /// The recipe as data, where it is better than the one that was inferred.
    pub definition: Option<DefinitionFile>,
    /// Why there is none, or what is still in the way.
    pub left: Option<String>,
}

/// How near an attempt came: the verdict, then what still differs. The least is the best.
type Distance = (Verdict, usize);

/// Searches for a better recipe of each published file of a release whose bytes did not come out, with at most so many
/// builds for each.
///
/// # Errors
/// [`StepError`] where nothing can be said of the release.
pub async fn widen(world: &World, purl: &Purl, most: usize) -> Result<Vec<Widened>, StepError> {
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
    let definition = better.and_then(|best| {
        let reason = format!(
            "Found by a search over recipes: {after} instead of {before}, after {builds} more {}. How it came about: {}",
            if builds == 1 { "build" } else { "builds" },
            best.recipe.reasons.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("; "),
        );
        ecosystem.definition(&evidence, &best.recipe, &reason)
    });
    Ok(Widened {
        file,
        before,
        after,
        differences: (differences != usize::MAX).then_some(differences),
        builds,
        left: best.as_ref().and_then(in_the_way),
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
