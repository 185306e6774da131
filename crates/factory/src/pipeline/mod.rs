//! How one release flows: resolve → fetch → source → rebuild (build and compare, rung by rung) → decide → attest →
//! publish, and what was fetched is scanned. One step, one file. Each step reads facts and appends facts, so a run that was cut off at any
//! instant goes on where it was.

mod attest;
mod decide;
mod fetch;
mod locate;
mod publish;
mod rebuild;
mod resolve;
mod scan;
mod source;
mod watch;
mod widen;

use crate::facts::{self, Judgement};
use crate::progress::Event;
use crate::{StepError, World};
use jiff::SignedDuration;
pub(crate) use rebuild::attempts;
use std::sync::Arc;
use trustmill_core::outcome::Outcome;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::ecosystem::{Plan, Subject, Task};
use trustmill_core::{Purl, Verdict};
pub use widen::{SEARCH, Searched, Widened, widen};

/// The version of the pipeline. Raised when its judgement changes, so that releases are judged again.
pub const PIPELINE: u32 = 1;

/// Brings one key where it should be: a release is judged, a project is looked at for new releases.
pub async fn reconcile(world: &World, key: &Purl) -> Result<Outcome, StepError> {
    match key.version() {
        Some(version) => release(world, key, version).await,
        None => watch::project(world, key).await,
    }
}

/// What rests on a forge that was out of reach is judged again after this long.
const PROVISIONAL: SignedDuration = SignedDuration::from_hours(1);

/// Whether a provisional judgement has stood for long enough.
fn is_due(world: &World, judgement: &Judgement) -> bool {
    world.clock.now().duration_since(judgement.decided_at) >= PROVISIONAL
}

/// Judges every file of a release that is not judged yet.
async fn release(world: &World, purl: &Purl, version: &str) -> Result<Outcome, StepError> {
    step(world, purl, "resolve");
    let plan = resolve::plan(world, purl, version).await?;
    let judged = facts::all::<Judgement>(world.records.as_ref(), purl).await?;
    let found = widen::found(world, purl).await?;
    let mut source = source::Sourcing::new(world, purl, plan.source.as_ref());
    let mut verdicts = Vec::new();
    let mut left = Vec::new();
    for subject in &plan.subjects {
        let name = subject_name(&plan, subject);
        let published = subject.artifact.as_ref().and_then(|artifact| artifact.sha256);
        let newest = judged.iter().rev().find(|(fact, _)| fact.subject.as_deref() == Some(&name));
        let known = newest.filter(|(_, judgement)| {
            judgement.pipeline == PIPELINE
                // A recipe that was found since is tried.
                && found.get(&name).is_none_or(|(_, at)| *at < judgement.decided_at)
                && !(judgement.provisional && is_due(world, judgement))
                // What was left alone may be tried by now.
                && (judgement.verdict != Verdict::NotAttempted || matches!(subject.task, Task::Leave(_)))
                && (published.is_none() || judgement.published == published)
                && judgement.serves == publish::serves(world, judgement)
        });
        let native = subject.artifact.as_ref().is_some_and(|file| file.kind == ArtifactKind::Native);
        let verdict = match (known, &subject.task) {
            (Some((_, judgement)), _) => judgement.verdict,
            (None, Task::Leave(reason)) => {
                let finding = decide::left(subject, reason);
                left.extend(publish::facts(world, purl, subject, &name, &finding, None).await?);
                finding.verdict
            }
            (None, Task::Rebuild | Task::Build) => judge(world, purl, subject, &name, &mut source).await?,
        };
        verdicts.push((verdict, native));
    }
    world.records.append(&left).await?;
    scan::files(world, purl, &plan).await?;
    let verdict = crate::report::weakest(verdicts.into_iter());
    world.observer.observe(&Event::Settled { purl: purl.clone(), verdict });
    Ok(Outcome::Done)
}

/// Runs the steps for one file and publishes what they found.
async fn judge(
    world: &World,
    purl: &Purl,
    subject: &Subject,
    name: &str,
    source: &mut source::Sourcing<'_>,
) -> Result<Verdict, StepError> {
    if !source.is_possible() {
        // Nothing to build from, whatever the file says: it need not be downloaded.
        return publish(world, purl, subject, name, decide::left_without_source(subject)).await;
    }
    let finding = match fetch::published(world, purl, subject.artifact.as_ref()).await? {
        Some(fetch::Opened::Hostile(refusal)) => decide::hostile(refusal),
        Some(fetch::Opened::Archive(archive)) => rebuilt(world, purl, Some(*archive), source).await?,
        None => rebuilt(world, purl, None, source).await?,
    };
    publish(world, purl, subject, name, finding).await
}

/// Writes down what was found about one file.
async fn publish(
    world: &World,
    purl: &Purl,
    subject: &Subject,
    name: &str,
    finding: decide::Finding,
) -> Result<Verdict, StepError> {
    step(world, purl, "publish");
    let bundle = attest::bundle(world, purl, name, &finding).await?;
    let facts = publish::facts(world, purl, subject, name, &finding, bundle).await?;
    world.records.append(&facts).await?;
    Ok(finding.verdict)
}

/// What building a file from the release's sources gives.
async fn rebuilt(
    world: &World,
    purl: &Purl,
    published: Option<Archive>,
    source: &mut source::Sourcing<'_>,
) -> Result<decide::Finding, StepError> {
    Ok(match source.open(published.as_ref()).await? {
        Err(refused) => decide::bad_source(published.as_ref(), &refused),
        Ok(found) if found.is_empty() => decide::without_source(published.as_ref(), found.problem.as_ref()),
        Ok(found) => decide::from_rungs(rebuild::climb(world, purl, published, found).await?),
    })
}

/// The name under which facts speak of a file: its file name, or for a build of the mill's own, `mill:`.
fn subject_name(plan: &Plan, subject: &Subject) -> String {
    match &subject.artifact {
        Some(artifact) => artifact.filename.clone(),
        None => format!("mill:{}", plan.version),
    }
}

/// Tells those who watch that a step began.
fn step(world: &World, purl: &Purl, step: impl Into<String>) {
    world.observer.observe(&Event::Step { purl: purl.clone(), step: step.into() });
}

/// How often a step that takes long says so.
const LONG: std::time::Duration = std::time::Duration::from_secs(5);

/// Tells those who watch that a step began, and again how long it takes as long as it does.
async fn long_step<T>(world: &World, purl: &Purl, name: &str, work: impl Future<Output = T>) -> T {
    step(world, purl, name);
    let mut work = std::pin::pin!(work);
    let mut taken = std::time::Duration::ZERO;
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(LONG) => {
                taken += LONG;
                step(world, purl, format!("{name}, {} s", taken.as_secs()));
            }
        }
    }
}

/// Runs CPU-bound work away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StepError::Internal(error.to_string()))
}

/// An archive that was read: where it came from, its bytes and what is in it.
pub(crate) struct Archive {
    pub(crate) artifact: trustmill_core::package::Artifact,
    pub(crate) digest: trustmill_core::Sha256,
    pub(crate) bytes: bytes::Bytes,
    pub(crate) contents: Arc<trustmill_core::content::Contents>,
}

/// Fetches and opens the source archive of a release, with the limits and the first-seen digest of every other one;
/// why it is refused, in words, where it is.
pub(crate) async fn source_archive(
    world: &World,
    purl: &Purl,
    artifact: &trustmill_core::package::Artifact,
) -> Result<Result<Archive, String>, StepError> {
    use trustmill_inspect::archive::{Limits, published, sdist};
    // Where no source is uploaded, what is published is all the source that there is.
    let is_built = |name: &str| [".tgz", ".crate"].iter().any(|ending| name.ends_with(ending));
    let opened = if is_built(&artifact.filename) {
        let read = |name: &str, bytes: &bytes::Bytes| published::read(name, bytes, &Limits::default());
        fetch::open(world, purl, artifact, read).await?
    } else {
        let read = |name: &str, bytes: &bytes::Bytes| sdist::read(name, bytes, &Limits::default());
        fetch::open(world, purl, artifact, read).await?
    };
    Ok(match opened {
        fetch::Opened::Archive(archive) => Ok(*archive),
        fetch::Opened::Hostile(refused) => Err(format!("the source archive is refused: {}", refused.why)),
    })
}
