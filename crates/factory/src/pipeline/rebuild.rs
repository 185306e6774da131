//! Rebuild: climb the ladder of recipes until the published bytes come out, or the ladder ends.

use super::source::Found;
use super::{Archive, PIPELINE, blocking, step, widen};
use crate::facts::{self, Kind, Winner};
use crate::{StepError, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trustmill_core::Purl;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Usage};
use trustmill_core::port::ecosystem::{Build, BuildRequest, Evidence};
use trustmill_core::port::records::Records;
use trustmill_core::recipe::Recipe;
use trustmill_inspect::{archive::Limits, compare};

/// Recipes tried for one file before the ladder ends, whatever the ecosystem would still propose.
const RUNGS: usize = 8;

/// An attempt as it is kept, so that a run that was cut off does not build again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rung {
    pipeline: u32,
    /// When the attempt ended.
    pub(crate) ended: Timestamp,
    pub(crate) attempt: Attempt,
}

impl Kind for Rung {
    const NAME: &'static str = "attempt";
}

/// What climbing gave: the published file, if there is one, and every rung in order.
pub(crate) struct Climb {
    pub(crate) published: Option<Archive>,
    pub(crate) found: Found,
    pub(crate) rungs: Vec<Rung>,
}

/// What every attempt at one file has in common.
pub(crate) struct Ground<'a> {
    published: Option<&'a Archive>,
    found: &'a Found,
    /// The file, as facts name it.
    subject: String,
    uploaded: Timestamp,
    remembered: Vec<Recipe>,
    kept: Vec<Rung>,
}

impl<'a> Ground<'a> {
    async fn of(
        world: &World,
        purl: &Purl,
        published: Option<&'a Archive>,
        found: &'a Found,
    ) -> Result<Self, StepError> {
        let uploaded_source = found.sources.archive.as_ref().and_then(|source| source.archive());
        let uploaded_source = uploaded_source.map(|(artifact, _)| artifact);
        let subject = published.map_or_else(
            || {
                let version = uploaded_source.map(|artifact| artifact.version.as_str());
                format!("mill:{}", version.unwrap_or_else(|| purl.version().unwrap_or_default()))
            },
            |archive| archive.artifact.filename.clone(),
        );
        let uploaded = published.and_then(|archive| {
            archive.artifact.upload_time.or(uploaded_source.and_then(|artifact| artifact.upload_time))
        });
        let remembered = remembered(world, purl).await?;
        let kept = kept(world, purl, &subject).await?;
        let uploaded = uploaded.unwrap_or_else(|| today(world.clock.now()));
        Ok(Self { published, found, subject, uploaded, remembered, kept })
    }

    /// What recipes are inferred from.
    pub(super) fn evidence<'b>(&'b self, purl: &'b Purl) -> Evidence<'b> {
        Evidence {
            purl,
            published: self.published.map(|archive| (&archive.artifact, archive.contents.as_ref())),
            sources: &self.found.sources,
            uploaded: self.uploaded,
            remembered: &self.remembered,
        }
    }

    /// Runs a recipe, or takes what it gave in an earlier run.
    async fn rung(&self, world: &World, purl: &Purl, recipe: Recipe) -> Result<Rung, StepError> {
        if let Some(rung) = self.kept.iter().find(|rung| rung.attempt.recipe == recipe) {
            return Ok(rung.clone());
        }
        let attempt = run(world, purl, self.published, self.found, recipe).await?;
        let ended = world.clock.now();
        let rung = Rung { pipeline: PIPELINE, ended, attempt };
        world.records.append(&[facts::fact(purl, Some(&self.subject), ended, &rung)?]).await?;
        Ok(rung)
    }

    /// The same, for what came of it alone.
    pub(super) async fn attempt(
        &self,
        world: &World,
        purl: &Purl,
        recipe: Recipe,
    ) -> Result<Attempt, StepError> {
        Ok(self.rung(world, purl, recipe).await?.attempt)
    }
}

impl Climb {
    /// The ground that was climbed, with what was built since.
    pub(super) async fn ground(&self, world: &World, purl: &Purl) -> Result<Ground<'_>, StepError> {
        Ground::of(world, purl, self.published.as_ref(), &self.found).await
    }
}

/// Tries recipe after recipe.
pub(super) async fn climb(
    world: &World,
    purl: &Purl,
    published: Option<Archive>,
    found: Found,
) -> Result<Climb, StepError> {
    let ground = Ground::of(world, purl, published.as_ref(), &found).await?;
    let mut rungs: Vec<Rung> = Vec::new();
    let mut attempts: Vec<Attempt> = Vec::new();
    while attempts.len() < RUNGS && !attempts.last().is_some_and(reached) {
        let Some(recipe) = world.ecosystem(purl)?.next_recipe(&ground.evidence(purl), &attempts) else {
            break;
        };
        step(world, purl, format!("build {}", attempts.len() + 1));
        let rung = ground.rung(world, purl, recipe).await?;
        attempts.push(rung.attempt.clone());
        rungs.push(rung);
    }
    if !attempts.last().is_some_and(reached)
        && let Some((recipe, _)) = widen::found(world, purl).await?.remove(&ground.subject)
    {
        step(world, purl, "build what a search found");
        rungs.push(ground.rung(world, purl, recipe).await?);
    }
    Ok(Climb { published, found, rungs })
}

/// The start of the day (UTC). Where nothing is published there is nothing to reproduce, so today's tools build
/// it, as they would for anybody who installs the source; a day keeps the recipe the same over a run.
fn today(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(86_400)).unwrap_or(now)
}

/// Whether there is nothing left to try for.
fn reached(attempt: &Attempt) -> bool {
    match &attempt.result {
        AttemptResult::Compared(comparison) => comparison.verdict.same_bytes(),
        AttemptResult::Built { .. } => true,
        AttemptResult::Failed { .. } => false,
    }
}

/// The recipes that gave the published bytes of the project's other releases, nearest in time first.
async fn remembered(world: &World, purl: &Purl) -> Result<Vec<Recipe>, StepError> {
    let mut winners = facts::all::<Winner>(world.records.as_ref(), &purl.without_version()).await?;
    winners.retain(|(fact, _)| fact.about != *purl);
    if winners.len() > 1 {
        let project = world.ecosystem(purl)?.project(&purl.name()).await?;
        if let Some(here) = purl.version().and_then(|version| project.uploaded(version)) {
            winners.sort_by_key(|(_, winner)| (winner.recipe.as_of.as_second() - here.as_second()).abs());
        }
    }
    Ok(winners.into_iter().map(|(_, winner)| winner.recipe).collect())
}

/// Attempts of an earlier run of this pipeline on the same file.
async fn kept(world: &World, purl: &Purl, subject: &str) -> Result<Vec<Rung>, StepError> {
    let rungs = facts::all::<Rung>(world.records.as_ref(), purl).await?;
    Ok(rungs
        .into_iter()
        .filter(|(fact, rung)| fact.subject.as_deref() == Some(subject) && rung.pipeline == PIPELINE)
        .map(|(_, rung)| rung)
        .collect())
}

/// Every attempt about `purl`, with the file it is for, oldest first: for reports.
pub(crate) async fn attempts(
    records: &dyn Records,
    purl: &Purl,
) -> Result<Vec<(Option<String>, Attempt)>, StepError> {
    let rungs = facts::all::<Rung>(records, purl).await?;
    Ok(rungs.into_iter().map(|(fact, rung)| (fact.subject, rung.attempt)).collect())
}

/// Runs one recipe and compares what comes out.
async fn run(
    world: &World,
    purl: &Purl,
    published: Option<&Archive>,
    found: &Found,
    recipe: Recipe,
) -> Result<Attempt, StepError> {
    let source = found.sources.of(recipe.source).ok_or_else(|| {
        StepError::Internal(format!("a recipe builds from {}, which there is not", recipe.source.as_str()))
    })?;
    let request = BuildRequest {
        purl,
        recipe: &recipe,
        source,
        expect: published.map(|archive| archive.artifact.filename.as_str()),
    };
    let Build { result, materials, requests, install_scripts, layers, environment_usage, build_usage, log } =
        world.ecosystem(purl)?.build(request).await?;
    let log = if log.is_empty() { None } else { Some(world.blobs.put(log).await?) };
    let result = match result {
        Err(failure) => AttemptResult::Failed { class: failure.class, detail: failure.detail },
        Ok((filename, bytes)) => {
            let sha256 = world.blobs.put(bytes.clone()).await?;
            match published {
                None => AttemptResult::Built { filename, sha256 },
                Some(archive) => {
                    step(world, purl, "compare");
                    compared(archive, bytes).await?
                }
            }
        }
    };
    Ok(Attempt {
        recipe,
        result,
        materials,
        requests,
        install_scripts,
        layers,
        environment_usage,
        build_usage,
        log,
    })
}

/// Compares a rebuild with the published file; a rebuild that is no archive is a failure of its class.
async fn compared(published: &Archive, rebuilt: bytes::Bytes) -> Result<AttemptResult, StepError> {
    let (name, published) = (published.artifact.filename.clone(), published.bytes.clone());
    let result = blocking(move || compare::compare(&name, &published, &rebuilt, &Limits::default())).await?;
    Ok(match result {
        Ok(comparison) => AttemptResult::Compared(Box::new(comparison)),
        Err(error) => AttemptResult::Failed { class: FailureClass::WrongArtifact, detail: error.to_string() },
    })
}

/// CPU, wall time and memory over several attempts: environments, then back ends.
pub(crate) fn usage(rungs: &[Rung]) -> (Usage, Usage) {
    let mut total = (Usage::default(), Usage::default());
    for rung in rungs {
        total.0 += rung.attempt.environment_usage;
        total.1 += rung.attempt.build_usage;
    }
    total
}
