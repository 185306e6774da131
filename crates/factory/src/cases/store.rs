//! Where cases are kept, and how the end of a session becomes one.

use super::{Case, Index, Outcome};
use crate::agent::{Ended, Step, Task, Transcript, TranscriptError, unified};
use crate::facts;
use crate::repair::{Miss, Repaired};
use std::collections::BTreeMap;
use trustmill_core::conversation::Tokens;
use trustmill_core::fact::Fact;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::repair::{Patch, Proposer, Ruling};
use trustmill_core::{Purl, Sha256};

/// Why cases cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// No case has the id, or more than one begins with it.
    #[error("no case, or more than one, has an id that begins with {id:?}")]
    Unknown {
        /// The id.
        id: String,
    },
    /// A stored case cannot be read.
    #[error("a case cannot be read: {0}")]
    Unreadable(String),
    /// The session that a case is of.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The blobs.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Coded for CaseError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "TM1440",
            Self::Unreadable(_) => "TM1441",
            Self::Transcript(error) => error.code(),
            Self::Records(error) => error.code(),
            Self::Blobs(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unknown { .. } => "`trustmill cases list` shows the ids".into(),
            Self::Unreadable(_) => {
                "use the version of trustmill that wrote this data folder, or a later one".into()
            }
            Self::Transcript(error) => error.help(),
            Self::Records(error) => error.help(),
            Self::Blobs(error) => error.help(),
        }
    }
}

/// The cases of a mill.
#[derive(Clone, Copy)]
pub struct Cases<'a> {
    /// Facts.
    pub records: &'a dyn Records,
    /// Logs, transcripts and patches.
    pub blobs: &'a dyn Blobs,
}

impl Cases<'_> {
    /// Writes one down; the same one again changes nothing.
    ///
    /// # Errors
    /// The records cannot be written.
    pub async fn put(&self, case: &Case) -> Result<(), CaseError> {
        let fact = facts::fact(&case.release, Some(&case.id), case.at, case);
        let fact = fact.map_err(|error| CaseError::Unreadable(error.to_string()))?;
        Ok(self.records.append(&[fact]).await?)
    }

    /// Every case, oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn all(&self) -> Result<Vec<Case>, CaseError> {
        let mut cases = Vec::new();
        for (_, fact) in self.records.of_kind(<Case as facts::Kind>::NAME, 0).await? {
            cases.push(facts::read::<Case>(&fact).map_err(|error| CaseError::Unreadable(error.to_string()))?);
        }
        for (_, fact) in self.records.of_kind(<Repaired as facts::Kind>::NAME, 0).await? {
            cases.extend(facts::read::<Repaired>(&fact).ok().and_then(|one| of_repaired(one, &fact)));
        }
        for (_, fact) in self.records.of_kind(<Miss as facts::Kind>::NAME, 0).await? {
            cases.extend(facts::read::<Miss>(&fact).ok().map(|one| of_miss(one, &fact)));
        }
        cases.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        Ok(cases)
    }

    /// The one whose id begins with `id`, if it is the only one.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub async fn find(&self, id: &str) -> Result<Case, CaseError> {
        let all = self.all().await?;
        let mut fit = all.into_iter().filter(|case| id.len() >= 4 && case.id.starts_with(id));
        match (fit.next(), fit.next()) {
            (Some(case), None) => Ok(case),
            _ => Err(CaseError::Unknown { id: id.chars().take(64).collect() }),
        }
    }

    /// A blob as text; empty where there is none.
    ///
    /// # Errors
    /// The blobs cannot be read.
    pub async fn text(&self, blob: Option<&Sha256>) -> Result<String, CaseError> {
        let Some(digest) = blob else { return Ok(String::new()) };
        let bytes = self.blobs.get(digest).await?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The solved cases that a task may learn from; those that are held out are not among them.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn index(&self, release: &Purl, task: &str) -> Result<Index, CaseError> {
        let cases: Vec<Case> = self.all().await?.into_iter().filter(|case| !case.is_held_out()).collect();
        let mut read = Vec::new();
        for case in &cases {
            let (log, patch) = (self.text(case.log.as_ref()).await?, self.text(case.patch.as_ref()).await?);
            read.push((case, format!("{} {log} {patch}", case.why), patch));
        }
        Ok(Index::new(read, &release.to_string(), task))
    }

    /// The end of a session as a case, written down.
    ///
    /// # Errors
    /// The transcript cannot be read, or the case not be written.
    pub async fn of_session(
        &self,
        kind: &str,
        goal: &str,
        transcript: &Transcript<'_>,
        ended: &Ended,
        fallback: Proposer,
    ) -> Result<Case, CaseError> {
        let session = transcript.session().to_string();
        let task = transcript.begun().map(|begun| begun.task.clone());
        let Some(task) = task else { return Err(CaseError::Unknown { id: session }) };
        let (outcome, why, judgement, by, patch) = said(ended, fallback);
        let patch = match patch {
            Some(patch) => Some(self.blobs.put(unified(patch).into()).await?),
            None => None,
        };
        let tree = transcript.begun().map(|begun| ("source".to_owned(), begun.tree));
        let spent = spent(transcript.steps());
        let case = Case {
            id: session.clone(),
            release: task.release.clone(),
            kind: kind.to_owned(),
            class: task.class.clone(),
            goal: goal.to_owned(),
            inputs: tree.into_iter().chain(inputs(&task)).collect(),
            by,
            log: Some(self.blobs.put(known(&task).into()).await?),
            session: Some(session),
            patch,
            outcome,
            why,
            judgement,
            tokens: spent.tokens,
            cost_micros: spent.micros,
            millis: spent.millis,
            at: transcript.steps().last().map(Step::at).unwrap_or_default(),
        };
        self.put(&case).await?;
        Ok(case)
    }
}

/// What a strategy or a person repaired. What a model did is a case of its own, with its session.
fn of_repaired(one: Repaired, fact: &Fact) -> Option<Case> {
    if matches!(one.proposer, Proposer::Model { .. }) {
        return None;
    }
    Some(Case {
        id: short(fact),
        release: one.release,
        kind: "backport".into(),
        class: "carried".into(),
        goal: one.advisories.join(" "),
        inputs: BTreeMap::new(),
        by: one.proposer,
        log: None,
        session: None,
        patch: Some(one.difference),
        outcome: one.ruling.into(),
        why: one.derived_from.join(", "),
        judgement: Some(one.judgement),
        tokens: Tokens::default(),
        cost_micros: Some(0),
        millis: one.millis,
        at: one.at,
    })
}

/// What no strategy could repair.
fn of_miss(one: Miss, fact: &Fact) -> Case {
    Case {
        id: short(fact),
        release: fact.about.clone(),
        kind: "backport".into(),
        class: one.class.as_str().to_owned(),
        goal: one.advisories.join(" "),
        inputs: BTreeMap::new(),
        by: Proposer::Strategy { name: "all".into(), version: one.version },
        log: one.log,
        session: None,
        patch: None,
        outcome: Outcome::Missed,
        why: one.why,
        judgement: None,
        tokens: Tokens::default(),
        cost_micros: Some(0),
        millis: one.millis,
        at: one.at,
    }
}

fn short(fact: &Fact) -> String {
    fact.address().to_hex().chars().take(16).collect()
}

type Said<'a> = (Outcome, String, Option<trustmill_core::repair::Judgement>, Proposer, Option<&'a Patch>);

fn said(ended: &Ended, fallback: Proposer) -> Said<'_> {
    match ended {
        Ended::Accepted { candidate, judgement } => {
            let ruling: Ruling = judgement.ruling();
            let by = candidate.proposer.clone();
            let why = "the oracle took it".to_owned();
            (ruling.into(), why, Some((**judgement).clone()), by, Some(&candidate.fix))
        }
        Ended::Spent { what } => (Outcome::Spent, format!("budget: {what}"), None, fallback, None),
        Ended::TakenOver { by } => (Outcome::TakenOver, format!("{by} took it over"), None, fallback, None),
        Ended::GaveUp { why } => (Outcome::GaveUp, why.clone(), None, fallback, None),
        Ended::Parked { question } => {
            (Outcome::Missed, format!("it waits for a person: {question}"), None, fallback, None)
        }
        Ended::Stopped => (Outcome::Missed, "it was stopped, and goes on".into(), None, fallback, None),
    }
}

/// What the task was told, by digest.
fn inputs(task: &Task) -> BTreeMap<String, Sha256> {
    task.data.iter().map(|datum| (datum.name.clone(), Sha256::of(datum.text.as_bytes()))).collect()
}

/// What the task was told, as text: what similar tasks are found by.
fn known(task: &Task) -> String {
    let data = task.data.iter().map(|datum| format!("{}\n{}\n", datum.name, datum.text));
    format!("{}\n{}", task.goal, data.collect::<String>())
}

#[derive(Default)]
struct Spent {
    tokens: Tokens,
    micros: Option<u64>,
    millis: u64,
}

fn spent(steps: &[Step]) -> Spent {
    let mut spent = Spent { micros: Some(0), ..Spent::default() };
    for step in steps {
        match step {
            Step::Replied { reply, cost_micros, millis, .. } => {
                spent.tokens = spent.tokens.plus(&reply.tokens);
                spent.micros = spent.micros.zip(*cost_micros).map(|(sum, one)| sum.saturating_add(one));
                spent.millis += millis;
            }
            Step::Did { millis, .. } => spent.millis += millis,
            _ => {}
        }
    }
    spent
}
