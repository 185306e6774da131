//! What strategies missed, a model may mend: the task as a workbench for the loop, with the same oracle.

use super::oracle::{self, Files};
use super::{Miss, Oracle, Outcome, Repairs, Task, VERSION, facts, find, publish, task};
use crate::StepError;
use crate::agent::{
    self, BenchError, Built, Datum, Ended, Outline, Overhead, Session, SessionError, SessionId, Step,
    Transcript, TranscriptError, Workbench,
};
use crate::cases::{CaseError, Cases};
use crate::error::Disposition;
use crate::models::{Allowance, ModelRef, Router};
use async_trait::async_trait;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use trustmill_core::Purl;
use trustmill_core::advisory::Finding;
use trustmill_core::content::Contents;
use trustmill_core::port::Coded;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{
    Candidate, CheckOutcome, Judgement, MissClass, Patch, Proposer, Role, Ruling, TestReport,
};

/// The most of a log that the loop can read, in bytes.
const LOG: usize = 256 << 10;

/// What a loop for repairs is given.
pub struct Agent<'a> {
    /// Asks models.
    pub router: &'a Router,
    /// What one task may spend.
    pub allowance: Allowance,
    /// For which team.
    pub team: Option<&'a str>,
    /// The only model that may be asked, for a bench.
    pub only: Option<&'a ModelRef>,
    /// Whether the process is to end.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// What came of a loop.
#[derive(Debug)]
pub struct Attempted {
    /// The session.
    pub session: SessionId,
    /// How it stands.
    pub ended: Ended,
    /// Where the time went.
    pub overhead: Overhead,
    /// The repair, if there is one.
    pub outcome: Outcome,
}

/// Why a loop could not go on; it is resumed when the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The mill or the world around it.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The loop.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The case.
    #[error(transparent)]
    Case(#[from] CaseError),
}

impl Coded for AgentError {
    fn code(&self) -> &'static str {
        match self {
            Self::Step(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Case(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Step(error) => error.help(),
            Self::Session(error) => error.help(),
            Self::Case(error) => error.help(),
        }
    }
}

impl AgentError {
    /// What this means for a key that was worked on. Nothing is lost: what waits for a provider, the sandbox or another
    /// process goes on when that is there again.
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Session(SessionError::Transcript(TranscriptError::Unreadable { .. }))
            | Self::Case(CaseError::Unreadable(_)) => Disposition::Final,
            _ => Disposition::Infrastructure,
        }
    }
}

impl From<TranscriptError> for AgentError {
    fn from(error: TranscriptError) -> Self {
        Self::Session(error.into())
    }
}

/// Whether a model can do anything about a miss: without a source, a fix or tests there is nothing to work with.
pub const fn helps(class: MissClass) -> bool {
    matches!(
        class,
        MissClass::NotCarried
            | MissClass::TestsFail
            | MissClass::BuildDiffers
            | MissClass::NewCapability
            | MissClass::ForbiddenPath
            | MissClass::Incomplete
    )
}

impl Repairs {
    /// Has a model work on what strategies missed, from the beginning or where a session was left.
    ///
    /// # Errors
    /// [`AgentError`]; then the session, if it began, can be resumed.
    pub async fn by_agent(
        &self,
        finding: &Finding,
        miss: &Miss,
        agent: &Agent<'_>,
    ) -> Result<Option<Attempted>, AgentError> {
        let begun = Instant::now();
        let Some((task, workshop)) = self.prepared(finding).await? else { return Ok(None) };
        let world = &self.world;
        let (records, blobs) = (world.records.as_ref(), world.blobs.as_ref());
        let wanted = words(&task, workshop, miss, agent.team);
        let cases = Cases { records, blobs };
        let known: String = wanted.data.iter().map(|datum| format!("{} ", datum.text)).collect();
        let index = cases.index(&task.release, &format!("{} {known}", wanted.class)).await?;
        let bench = RepairBench::new(self, &task, workshop, miss).await?;
        let session = Session {
            router: agent.router,
            bench: &bench,
            similar: &index,
            records,
            blobs,
            clock: world.clock.as_ref(),
            allowance: agent.allowance,
            only: agent.only,
            stopped: agent.stopped,
        };
        let open = self.unfinished(finding, agent.only).await?;
        // Edits are edits of one tree; another repair of the release may have been put below this one meanwhile.
        let open = match open {
            Some(open) if open.begun.tree != bench.tree.digest() => {
                self.close(&open, "the source that it began with is not what the release is now").await?;
                None
            }
            open => open,
        };
        let release = open.as_ref().map_or(&task.release, |open| &open.begun.task.release);
        let (id, mut ended, overhead) = match &open {
            Some(open) => session.resume(release, &open.session).await?,
            None => session.start(wanted.clone()).await?,
        };
        let transcript = Transcript::open(records, blobs, release, &id).await?;
        if !matches!(ended, Ended::Parked { .. } | Ended::Stopped) {
            let by = last_taker(&transcript);
            cases.of_session("backport", &task.ids.join(" "), &transcript, &ended, by).await?;
        }
        let outcome = match &ended {
            Ended::Accepted { candidate, .. } => match bench.files(candidate).await? {
                Some((judgement, files)) => {
                    // One is enough: in a contest, several work on what the first of them mended.
                    let known = facts::repaired(world, &task.release).await?;
                    let done = match known.into_iter().find(|done| done.counts_for(finding)) {
                        Some(done) => done,
                        None => publish::keep(world, &task, candidate, judgement, files, begun).await?,
                    };
                    Outcome::Repaired(Box::new(done))
                }
                None => {
                    // It was taken by another process, which did not get to keep it.
                    let why = "the oracle does not take any more what it took".to_owned();
                    if let Some(open) = &open {
                        self.close(open, &why).await?;
                    }
                    ended = Ended::GaveUp { why };
                    Outcome::Missed(Box::new(miss.clone()))
                }
            },
            _ => Outcome::Missed(Box::new(miss.clone())),
        };
        Ok(Some(Attempted { session: id, ended, overhead, outcome }))
    }

    async fn prepared(&self, finding: &Finding) -> Result<Option<(Task, &dyn Workshop)>, StepError> {
        let Some(workshop) = self.world.ecosystem(&finding.release)?.workshop() else { return Ok(None) };
        Ok(task::make(self, finding, workshop).await?.ok().map(|task| (task, workshop)))
    }

    /// The sessions about a finding, in the order in which they began.
    pub(super) async fn sessions(&self, finding: &Finding) -> Result<Vec<Outline>, TranscriptError> {
        let (records, blobs) = (self.world.records.as_ref(), self.world.blobs.as_ref());
        let release = &finding.release;
        let scheme = self.schemes.iter().find(|scheme| scheme.ty() == release.ty());
        // A session calls the release as its project does, which may spell the version otherwise.
        let same = |other: &Purl| {
            let versions = release.version().zip(other.version());
            let order = scheme.zip(versions).and_then(|(scheme, (one, two))| scheme.compare(one, two));
            other == release || order == Some(Ordering::Equal)
        };
        let mut sessions = Transcript::outlines(records, blobs, &release.without_version()).await?;
        sessions.retain(|one| {
            let task = &one.begun.task;
            same(&task.release) && task.goal == goal(&finding.ids, &task.release)
        });
        Ok(sessions)
    }

    /// The session about a finding that is gone on with, rather than paid for again: one that has not ended, or that the
    /// oracle ended by taking what then was never kept. In a contest, only what the same model began.
    pub(super) async fn unfinished(
        &self,
        finding: &Finding,
        only: Option<&ModelRef>,
    ) -> Result<Option<Outline>, AgentError> {
        let known = facts::repaired(&self.world, &finding.release).await?;
        let kept = known.iter().any(|done| done.version == VERSION && done.is_about(finding));
        for one in self.sessions(finding).await? {
            let is_open = match &one.last {
                Step::Ended { how, .. } => how == "accepted" && !kept && only.is_none(),
                _ => true,
            };
            if is_open && self.is_by(&one, only).await? {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    /// Whether nobody but this model took a turn.
    async fn is_by(&self, session: &Outline, only: Option<&ModelRef>) -> Result<bool, TranscriptError> {
        let Some(only) = only else { return Ok(true) };
        let transcript = self.transcript(session).await?;
        let theirs = |step: &Step| matches!(step, Step::Replied { taker, .. } if taker.model != *only);
        Ok(!transcript.steps().iter().any(theirs))
    }

    /// Ends a session that leads nowhere.
    async fn close(&self, session: &Outline, why: &str) -> Result<(), TranscriptError> {
        let at = self.world.clock.now();
        let end = Step::Ended { how: "gave-up".into(), why: why.to_owned(), at };
        self.transcript(session).await?.push(end).await
    }

    async fn transcript(&self, session: &Outline) -> Result<Transcript<'_>, TranscriptError> {
        let (records, blobs) = (self.world.records.as_ref(), self.world.blobs.as_ref());
        Transcript::open(records, blobs, &session.begun.task.release, &session.session).await
    }
}

/// What a session is to do: by this the sessions about a release and an advisory are found.
fn goal(ids: &[String], release: &Purl) -> String {
    format!("carry the fix of {} to {release}", ids.join(", "))
}

/// The task in words: ours the goal, everything else is data.
fn words(task: &Task, workshop: &dyn Workshop, miss: &Miss, team: Option<&str>) -> agent::Task {
    let advisory = serde_json::json!({
        "ids": task.ids, "summary": task.advisory.summary,
    });
    let fixes = task.material.iter().filter(|material| find::has_fix(material, workshop)).map(|material| {
        let patch = Patch::between(&material.before, &material.after);
        Datum { name: format!("the fix upstream, {}", material.origin), text: agent::unified(&patch) }
    });
    let advisory = Datum { name: "advisory".into(), text: advisory.to_string() };
    let tried = Datum { name: "what strategies said".into(), text: miss.why.clone() };
    agent::Task {
        release: task.release.clone(),
        class: miss.class.as_str().to_owned(),
        goal: goal(&task.ids, &task.release),
        data: [advisory, tried].into_iter().chain(fixes).collect(),
        team: team.map(str::to_owned),
        metadata: false,
    }
}

/// Who took the last turn; a session without a turn was nobody's.
fn last_taker(transcript: &Transcript<'_>) -> Proposer {
    let prompt = transcript.begun().map(|begun| begun.prompt);
    let taken = transcript.steps().iter().rev().find_map(|step| match step {
        Step::Replied { reply, taker, .. } => Some((reply, taker)),
        _ => None,
    });
    Proposer::Model {
        provider: taken.map(|(_, taker)| taker.model.provider.clone()).unwrap_or_default(),
        family: taken.map(|(_, taker)| taker.identity.family()).unwrap_or_default(),
        model: taken.map(|(reply, _)| reply.model.clone()).unwrap_or_default(),
        prompt: prompt.unwrap_or_else(|| trustmill_core::Sha256::of(b"")),
        cost_micros: None,
    }
}

/// A release and an advisory as the loop sees them.
struct RepairBench<'a> {
    repairs: &'a Repairs,
    task: &'a Task,
    workshop: &'a dyn Workshop,
    tree: Contents,
    logs: BTreeMap<String, String>,
    /// The files of the candidate that was taken last, so that it is not built again.
    taken: Mutex<Option<(Judgement, Files)>>,
}

impl<'a> RepairBench<'a> {
    async fn new(
        repairs: &'a Repairs,
        task: &'a Task,
        workshop: &'a dyn Workshop,
        miss: &Miss,
    ) -> Result<Self, StepError> {
        let mut logs = BTreeMap::from([("strategies".to_owned(), miss.why.clone())]);
        if let Some(log) = &miss.log {
            let bytes = repairs.world.blobs.get(log).await?.unwrap_or_default();
            let text: String = String::from_utf8_lossy(&bytes).chars().take(LOG).collect();
            logs.insert("last-attempt".to_owned(), text);
        }
        let tree = task.with_tests(&task.tree);
        Ok(Self { repairs, task, workshop, tree, logs, taken: Mutex::default() })
    }

    /// The files of what was taken; built again where another process took it.
    async fn files(&self, candidate: &Candidate) -> Result<Option<(Judgement, Files)>, StepError> {
        if let Some(taken) = self.taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(Some(taken));
        }
        let oracle = Oracle::new(&self.repairs.world, self.workshop);
        let oracle::Examined { judgement, files, .. } = oracle.examine(self.task, candidate).await?;
        Ok(files.filter(|_| judgement.ruling() != Ruling::Refused).map(|files| (judgement, files)))
    }
}

#[async_trait]
impl Workbench for RepairBench<'_> {
    fn tree(&self) -> &Contents {
        &self.tree
    }

    fn role(&self, path: &str) -> Role {
        self.workshop.role(path)
    }

    fn logs(&self) -> &BTreeMap<String, String> {
        &self.logs
    }

    async fn test(&self, tree: &Contents, only: Option<&[String]>) -> Result<TestReport, BenchError> {
        let report = self.workshop.test(&self.task.bench(), tree, only).await;
        report.map_err(|error| BenchError::of(&StepError::from(error)))
    }

    async fn build(&self, tree: &Contents) -> Result<Built, BenchError> {
        // What the repository adds is run, and not packed.
        let mut packed = tree.clone();
        for path in &self.task.repository_tests.order {
            if self.task.tree.get(path).is_none() {
                packed.set(path, None);
            }
        }
        let built = self.workshop.pack(&self.task.bench(), &packed).await;
        Ok(match built.map_err(|error| BenchError::of(&StepError::from(error)))? {
            Ok(files) => {
                Built::Files(files.into_iter().map(|(name, bytes)| (name, bytes.len() as u64)).collect())
            }
            Err(failure) => Built::Failed { class: failure.class.as_str().to_owned(), log: failure.detail },
        })
    }

    async fn judge(&self, candidate: &Candidate) -> Result<Judgement, BenchError> {
        let oracle = Oracle::new(&self.repairs.world, self.workshop);
        let examined = oracle.examine(self.task, candidate).await;
        let oracle::Examined { judgement, files, .. } = examined.map_err(|error| BenchError::of(&error))?;
        let holds = judgement.checks.iter().all(|checked| checked.outcome != CheckOutcome::Broken);
        if let Some(files) = files.filter(|_| holds) {
            *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some((judgement.clone(), files));
        }
        Ok(judgement)
    }
}
