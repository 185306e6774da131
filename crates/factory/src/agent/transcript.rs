//! What happened in a session, append-only: each step is a blob, and a fact says where it stands. It is written before
//! anything follows from it, and read back by whoever goes on, on this machine or another.

use crate::facts::{self, Kind};
use crate::models::Taken;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use trustmill_core::conversation::{Answer, Reply};
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::repair::{Edit, Judgement, Patch};
use trustmill_core::{Purl, Sha256, Timestamp};

use super::prompt::Task;
use crate::models::Taker;

/// The name under which places are locked.
const PLACES: &str = "agent-session";

/// A session: by what was begun and when, so that no two are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// The session that begins with this.
    fn of(begun: &Begun) -> Result<Self, TranscriptError> {
        let mut id = Sha256::of(&encode(&Step::Begun(Box::new(begun.clone())))?).to_hex();
        id.truncate(16);
        Ok(Self(id))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How a session begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The task.
    pub task: Task,
    /// Digest of the tree that edits are made on.
    pub tree: Sha256,
    /// Digest of instructions and tools.
    pub prompt: Sha256,
    /// When.
    pub at: Timestamp,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The session begins.
    Begun(Box<Begun>),
    /// A model took a turn.
    Replied {
        /// The turn, from 0.
        turn: u32,
        /// What it said.
        reply: Box<Reply>,
        /// Who it was.
        taker: Taker,
        /// What it cost.
        cost_micros: Option<u64>,
        /// How long it took.
        millis: u64,
        /// When it ended.
        at: Timestamp,
    },
    /// A tool did what a reply called for.
    Did {
        /// The turn.
        turn: u32,
        /// Which of its calls.
        call: u32,
        /// What the model reads.
        answer: Answer,
        /// The edits so far, where the call changed them: path to the digests of both sides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edits: Option<StoredPatch>,
        /// What the oracle said, where it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judgement: Option<Box<Judgement>>,
        /// How long it took.
        millis: u64,
        /// When it ended.
        at: Timestamp,
    },
    /// A person is asked.
    Parked {
        /// The question.
        question: String,
        /// When.
        at: Timestamp,
    },
    /// A person answered.
    Answered {
        /// Who.
        by: String,
        /// What they said.
        text: String,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Ended {
        /// `accepted`, `spent`, `gave-up`, `taken-over`.
        how: String,
        /// One sentence.
        why: String,
        /// When.
        at: Timestamp,
    },
}

impl Step {
    const fn name(&self) -> &'static str {
        match self {
            Self::Begun(_) => "begun",
            Self::Replied { .. } => "replied",
            Self::Did { .. } => "did",
            Self::Parked { .. } => "parked",
            Self::Answered { .. } => "answered",
            Self::Ended { .. } => "ended",
        }
    }
}

/// Both sides of each edit by digest; the bytes are blobs.
pub type StoredPatch = BTreeMap<String, (Option<Sha256>, Option<Sha256>)>;

/// Where a step stands. About the release; the subject is the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFact {
    /// Its place, from 0.
    pub n: u64,
    /// What it is, for those who only look.
    pub step: String,
    /// The step.
    pub blob: Sha256,
}

impl Kind for StepFact {
    const NAME: &'static str = "agent-step";
}

/// Why a transcript cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// Somebody else works on the session.
    #[error("the session {session} is being worked on elsewhere")]
    Elsewhere {
        /// The session.
        session: String,
    },
    /// What is stored cannot be read.
    #[error("step {n} of the session {session} cannot be read: {why}")]
    Unreadable {
        /// The session.
        session: String,
        /// The place.
        n: u64,
        /// The reason.
        why: String,
    },
    /// It is not known here.
    #[error("there is no session {session}")]
    Unknown {
        /// The session.
        session: String,
    },
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The blobs.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Coded for TranscriptError {
    fn code(&self) -> &'static str {
        match self {
            Self::Elsewhere { .. } => "TM1430",
            Self::Unreadable { .. } => "TM1431",
            Self::Unknown { .. } => "TM1432",
            Self::Records(error) => error.code(),
            Self::Blobs(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Elsewhere { .. } => "let the other one end; nothing was asked twice".into(),
            Self::Unreadable { .. } => "the data folder is damaged or of another version: restore it from a backup, or begin the repair anew".into(),
            Self::Unknown { .. } => "`trustmill inbox list` and `trustmill cases list` show the ids".into(),
            Self::Records(error) => error.help(),
            Self::Blobs(error) => error.help(),
        }
    }
}

/// A session as it looks from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The session.
    pub session: SessionId,
    /// How it began.
    pub begun: Begun,
    /// Its last step.
    pub last: Step,
}

/// A session's steps, and where they are kept.
pub struct Transcript<'a> {
    records: &'a dyn Records,
    blobs: &'a dyn Blobs,
    session: SessionId,
    release: Purl,
    steps: Vec<Step>,
}

impl<'a> Transcript<'a> {
    /// Begins a session, or finds it begun.
    ///
    /// # Errors
    /// [`TranscriptError`].
    pub async fn begin(
        records: &'a dyn Records,
        blobs: &'a dyn Blobs,
        begun: Begun,
    ) -> Result<Self, TranscriptError> {
        let session = SessionId::of(&begun)?;
        let release = begun.task.release.clone();
        let mut transcript = Self { records, blobs, session, release, steps: Vec::new() };
        transcript.read().await?;
        if transcript.steps.is_empty() {
            transcript.push(Step::Begun(Box::new(begun))).await?;
        }
        Ok(transcript)
    }

    /// Opens a session of a release.
    ///
    /// # Errors
    /// [`TranscriptError`].
    pub async fn open(
        records: &'a dyn Records,
        blobs: &'a dyn Blobs,
        release: &Purl,
        session: &SessionId,
    ) -> Result<Self, TranscriptError> {
        let (session, release) = (session.clone(), release.clone());
        let mut transcript = Self { records, blobs, session, release, steps: Vec::new() };
        transcript.read().await?;
        if transcript.steps.is_empty() {
            return Err(TranscriptError::Unknown { session: transcript.session.0 });
        }
        Ok(transcript)
    }

    /// The sessions of a release, in the order in which they began, by what their last step is.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn sessions(
        records: &dyn Records,
        release: &Purl,
    ) -> Result<Vec<(SessionId, String)>, TranscriptError> {
        let mut sessions: Vec<(SessionId, String)> = Vec::new();
        for fact in records.facts(release, Some(StepFact::NAME)).await? {
            let Some(subject) = fact.subject.clone() else { continue };
            let step = fact.body.get("step").and_then(|step| step.as_str()).unwrap_or_default().to_owned();
            match sessions.iter_mut().find(|(session, _)| session.0 == subject) {
                Some((_, last)) => *last = step,
                None => sessions.push((SessionId(subject), step)),
            }
        }
        Ok(sessions)
    }

    /// The sessions about a release or about all releases of a project, in the order in which they began. Only the first
    /// and the last step of each are read.
    ///
    /// # Errors
    /// [`TranscriptError`].
    pub async fn outlines(
        records: &dyn Records,
        blobs: &dyn Blobs,
        about: &Purl,
    ) -> Result<Vec<Outline>, TranscriptError> {
        let mut ends: Vec<(SessionId, StepFact, StepFact)> = Vec::new();
        for fact in records.facts(about, Some(StepFact::NAME)).await? {
            let Some(session) = fact.subject.clone().map(SessionId) else { continue };
            let place: StepFact =
                facts::read(&fact).map_err(|error| unreadable(&session, 0, error.to_string()))?;
            match ends.iter_mut().find(|(known, ..)| *known == session) {
                Some((.., last)) => *last = place,
                None => ends.push((session, place.clone(), place)),
            }
        }
        let mut outlines = Vec::new();
        for (session, first, last) in ends {
            if let Step::Begun(begun) = read(blobs, &session, first.n, &first.blob).await? {
                let last = read(blobs, &session, last.n, &last.blob).await?;
                outlines.push(Outline { session, begun: *begun, last });
            }
        }
        Ok(outlines)
    }

    /// The session.
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// Everything that happened.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How it began.
    pub fn begun(&self) -> Option<&Begun> {
        match self.steps.first() {
            Some(Step::Begun(begun)) => Some(begun),
            _ => None,
        }
    }

    async fn read(&mut self) -> Result<(), TranscriptError> {
        let facts = self.records.facts(&self.release, Some(StepFact::NAME)).await?;
        let own = facts.iter().filter(|fact| fact.subject.as_deref() == Some(self.session.as_str()));
        let mut steps = Vec::new();
        for fact in own {
            let n = steps.len() as u64;
            let place: StepFact = facts::read(fact).map_err(|error| self.unreadable(n, error.to_string()))?;
            if place.n != n {
                return Err(self.unreadable(n, format!("step {} stands in its place", place.n)));
            }
            steps.push(self.step(n, &place.blob).await?);
        }
        self.steps = steps;
        // Whoever wrote the next step may have died before its fact was there.
        let n = self.steps.len() as u64;
        if let Some(blob) = self.records.locked(PLACES, &self.place(n)).await? {
            let step = self.step(n, &blob).await?;
            self.file(&step, n, blob).await?;
            self.steps.push(step);
        }
        Ok(())
    }

    async fn step(&self, n: u64, blob: &Sha256) -> Result<Step, TranscriptError> {
        read(self.blobs, &self.session, n, blob).await
    }

    /// Writes down a step; durable when it returns.
    ///
    /// # Errors
    /// [`TranscriptError::Elsewhere`] if its place is taken.
    pub async fn push(&mut self, step: Step) -> Result<(), TranscriptError> {
        let n = self.steps.len() as u64;
        let blob = self.blobs.put(encode(&step)?).await?;
        match self.records.lock(PLACES, &self.place(n), &blob, step.at()).await? {
            FirstSeen::Locked | FirstSeen::Same => {}
            FirstSeen::Conflict { .. } => {
                return Err(TranscriptError::Elsewhere { session: self.session.0.clone() });
            }
        }
        self.file(&step, n, blob).await?;
        self.steps.push(step);
        Ok(())
    }

    async fn file(&self, step: &Step, n: u64, blob: Sha256) -> Result<(), TranscriptError> {
        let place = StepFact { n, step: step.name().to_owned(), blob };
        let fact = facts::fact(&self.release, Some(self.session.as_str()), step.at(), &place);
        let fact = fact.map_err(|error| self.unreadable(n, error.to_string()))?;
        Ok(self.records.append(&[fact]).await?)
    }

    /// Keeps the bytes of a patch.
    ///
    /// # Errors
    /// The blobs cannot be written.
    pub async fn keep(&self, patch: &Patch) -> Result<StoredPatch, TranscriptError> {
        let mut stored = StoredPatch::new();
        for (path, edit) in &patch.edits {
            let after = match &edit.after {
                Some(bytes) => Some(self.blobs.put(bytes.clone()).await?),
                None => None,
            };
            stored.insert(path.clone(), (edit.before.as_ref().map(|bytes| Sha256::of(bytes)), after));
        }
        Ok(stored)
    }

    /// Reads a patch back; its sides before are those of `tree`.
    ///
    /// # Errors
    /// A blob is missing, or the tree is another.
    pub async fn patch(
        &self,
        stored: &StoredPatch,
        tree: &trustmill_core::content::Contents,
    ) -> Result<Patch, TranscriptError> {
        let mut patch = Patch::default();
        let n = self.steps.len() as u64;
        for (path, (before, after)) in stored {
            let here = tree.get(path).map(|member| member.bytes.clone());
            if here.as_ref().map(|bytes| Sha256::of(bytes)) != *before {
                return Err(self.unreadable(n, format!("{path} is not what was edited")));
            }
            let after = match after {
                Some(digest) => {
                    let bytes = self.blobs.get(digest).await?;
                    Some(bytes.ok_or_else(|| self.unreadable(n, format!("the blob of {path} is missing")))?)
                }
                None => None,
            };
            patch.edits.insert(path.clone(), Edit { before: here, after });
        }
        Ok(patch)
    }

    fn place(&self, n: u64) -> String {
        format!("{}/{n}", self.session)
    }

    fn unreadable(&self, n: u64, why: String) -> TranscriptError {
        unreadable(&self.session, n, why)
    }
}

fn unreadable(session: &SessionId, n: u64, why: String) -> TranscriptError {
    TranscriptError::Unreadable { session: session.0.clone(), n, why }
}

async fn read(
    blobs: &dyn Blobs,
    session: &SessionId,
    n: u64,
    blob: &Sha256,
) -> Result<Step, TranscriptError> {
    let bytes = blobs.get(blob).await?;
    let bytes = bytes.ok_or_else(|| unreadable(session, n, format!("its blob {blob} is missing")))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(session, n, error.to_string()))
}

impl Step {
    /// A turn that was taken.
    pub(super) fn replied(turn: u32, taken: Taken, at: Timestamp) -> Self {
        let Taken { reply, taker, cost_micros, millis, .. } = taken;
        Self::Replied { turn, reply: Box::new(reply), taker, cost_micros, millis, at }
    }

    /// When it was.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Begun(begun) => begun.at,
            Self::Replied { at, .. }
            | Self::Did { at, .. }
            | Self::Parked { at, .. }
            | Self::Answered { at, .. }
            | Self::Ended { at, .. } => *at,
        }
    }
}

fn encode(step: &Step) -> Result<Bytes, TranscriptError> {
    let bytes = serde_json::to_vec(step).map_err(|error| TranscriptError::Unreadable {
        session: String::new(),
        n: 0,
        why: error.to_string(),
    })?;
    Ok(bytes.into())
}
