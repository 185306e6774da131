//! What waits for a person: sessions whose model asked something. A person answers, and the loop goes on; or takes the
//! work over, and what they propose is judged by the same oracle.

use crate::agent::{SessionId, Step, StepFact, Task, Transcript, TranscriptError};
use crate::facts::{self, Kind};
use serde::Serialize;
use std::collections::BTreeMap;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::Records;
use trustmill_core::{Purl, Timestamp};

/// The longest answer, in bytes.
const LONGEST: usize = 4 << 10;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The session.
    pub id: SessionId,
    /// The release.
    pub release: Purl,
    /// The class of the miss.
    pub class: String,
    /// What is wanted.
    pub goal: String,
    /// The question.
    pub question: String,
    /// Since when.
    pub since: Timestamp,
    /// Turns so far.
    pub turns: u32,
}

/// Why it cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// It does not wait.
    #[error("nothing in the inbox has the id {id:?}")]
    Unknown {
        /// The id.
        id: String,
    },
    /// The answer says nothing, or does not end.
    #[error("an answer has 1 to {LONGEST} bytes")]
    Words,
    /// The session.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
}

impl Coded for InboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "TM1442",
            Self::Words => "TM1443",
            Self::Transcript(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unknown { .. } => "`trustmill inbox list` shows what waits".into(),
            Self::Words => "say in a few sentences what was asked for".into(),
            Self::Transcript(error) => error.help(),
        }
    }
}

/// The inbox of a mill.
#[derive(Clone, Copy)]
pub struct Inbox<'a> {
    /// Facts.
    pub records: &'a dyn Records,
    /// Steps.
    pub blobs: &'a dyn Blobs,
}

impl<'a> Inbox<'a> {
    /// Everything that waits, oldest first.
    ///
    /// # Errors
    /// The sessions cannot be read.
    pub async fn list(&self) -> Result<Vec<Waiting>, InboxError> {
        let mut last: BTreeMap<(Purl, String), String> = BTreeMap::new();
        let facts = self.records.of_kind(StepFact::NAME, 0).await.map_err(TranscriptError::from)?;
        for (_, fact) in facts {
            let Some(session) = fact.subject.clone() else { continue };
            if let Ok(step) = facts::read::<StepFact>(&fact) {
                last.insert((fact.about, session), step.step);
            }
        }
        let mut waiting = Vec::new();
        for ((release, session), _) in last.into_iter().filter(|(_, step)| step == "parked") {
            let transcript = self.open(&release, &session).await?;
            waiting.extend(of(&transcript));
        }
        waiting.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.id.cmp(&b.id)));
        Ok(waiting)
    }

    async fn open(&self, release: &Purl, session: &str) -> Result<Transcript<'a>, InboxError> {
        let id: SessionId = serde_json::from_value(session.into())
            .map_err(|_| InboxError::Unknown { id: session.chars().take(64).collect() })?;
        Ok(Transcript::open(self.records, self.blobs, release, &id).await?)
    }

    /// The question whose id begins with `id`, if it is the only one, with everything that happened.
    ///
    /// # Errors
    /// [`InboxError`].
    pub async fn find(&self, id: &str) -> Result<(Waiting, Transcript<'a>), InboxError> {
        let all = self.list().await?;
        let mut fit = all.into_iter().filter(|one| id.len() >= 4 && one.id.as_str().starts_with(id));
        match (fit.next(), fit.next()) {
            (Some(one), None) => {
                let transcript = self.open(&one.release, one.id.as_str()).await?;
                Ok((one, transcript))
            }
            _ => Err(InboxError::Unknown { id: id.chars().take(64).collect() }),
        }
    }

    /// Answers a question; the session goes on when it is resumed.
    ///
    /// # Errors
    /// [`InboxError`]; then nothing was written.
    pub async fn answer(&self, id: &str, by: &str, text: &str, at: Timestamp) -> Result<Waiting, InboxError> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || by.trim().is_empty() {
            return Err(InboxError::Words);
        }
        let (waiting, mut transcript) = self.find(id).await?;
        transcript.push(Step::Answered { by: by.trim().to_owned(), text: text.to_owned(), at }).await?;
        Ok(waiting)
    }

    /// Takes the work over: the loop does not go on with it.
    ///
    /// # Errors
    /// [`InboxError`]; then nothing was written.
    pub async fn take(&self, id: &str, by: &str, at: Timestamp) -> Result<(Waiting, Task), InboxError> {
        let (waiting, mut transcript) = self.find(id).await?;
        let task = transcript.begun().map(|begun| begun.task.clone());
        let task = task.ok_or_else(|| InboxError::Unknown { id: waiting.id.to_string() })?;
        transcript.push(Step::Ended { how: "taken-over".into(), why: by.trim().to_owned(), at }).await?;
        Ok((waiting, task))
    }
}

fn of(transcript: &Transcript<'_>) -> Option<Waiting> {
    let begun = transcript.begun()?;
    let Some(Step::Parked { question, at }) = transcript.steps().last() else { return None };
    let turns = transcript.steps().iter().filter(|step| matches!(step, Step::Replied { .. })).count();
    Some(Waiting {
        id: transcript.session().clone(),
        release: begun.task.release.clone(),
        class: begun.task.class.clone(),
        goal: begun.task.goal.clone(),
        question: question.clone(),
        since: *at,
        turns: u32::try_from(turns).unwrap_or(u32::MAX),
    })
}
