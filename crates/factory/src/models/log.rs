//! The log of what was asked of models: a chain of hashes, written before a request goes out and after it came back.
//!
//! What is not in it was not asked: an entry is durable before the first byte leaves. Its place is taken by locking a
//! digest under the place's number, so that of two processes one has it; a writer that dies between the lock and the
//! fact leaves the entry's bytes as a blob, and whoever writes next puts the fact in.

use crate::facts::{self, Kind};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use trustmill_core::conversation::Tokens;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::{Purl, Sha256, Timestamp};

use super::family::Route;

/// The name under which places are locked.
const PLACES: &str = "model-log";
/// How many times a writer that lost its place tries the next.
const TRIES: u32 = 1000;

/// Whom the log is about.
pub fn subject() -> Purl {
    Purl::project("generic", "trustmill-models")
}

/// What was asked, or decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Entry {
    /// A request goes out.
    Asked(Box<Asked>),
    /// A reply came.
    Answered {
        /// The request's key.
        key: String,
        /// The model's id as the provider reports it.
        reported: String,
        /// What it used.
        tokens: Tokens,
        /// What it cost, in millionths; `None` where the price is not known.
        cost_micros: Option<u64>,
        /// From the request to the end of the reply.
        millis: u64,
        /// Request and reply, where contents are kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Sha256>,
    },
    /// None came, or it was dropped.
    Failed {
        /// The request's key.
        key: String,
        /// `limited`, `refused`, `cut`, `banned`, `other-family`, …
        how: String,
        /// The error's code.
        code: String,
        /// From the request until then.
        millis: u64,
        /// What a reply that came and was dropped used.
        #[serde(default)]
        tokens: Tokens,
        /// What that cost.
        #[serde(default)]
        cost_micros: Option<u64>,
    },
    /// A family is no longer used.
    Banned(Ban),
    /// It may be used again.
    Allowed {
        /// The family.
        family: String,
        /// Who says so.
        by: String,
        /// Why.
        why: String,
    },
}

/// A request that goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// By which reply and request find each other; the same for each try of one turn with one model.
    pub key: String,
    /// The session or the verb.
    pub task: String,
    /// The class of the task.
    pub class: String,
    /// For which team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The turn, from 0.
    pub turn: u32,
    /// The configured provider.
    pub provider: String,
    /// Whose the model is.
    pub families: BTreeSet<String>,
    /// How it is reached.
    pub route: Route,
    /// Its name there.
    pub model: String,
    /// Where the provider computes, as the configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What it may cost at most; `None` where the price is not known.
    pub reserve_micros: Option<u64>,
}

/// What may no longer be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// The family.
    pub family: String,
    /// Only over these routes; all where none is named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<Route>,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its place, from 1.
    pub n: u64,
    /// The digest of the link before; `None` for the first.
    pub prev: Option<Sha256>,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub entry: Entry,
}

impl Kind for Link {
    const NAME: &'static str = "model-log";
}

impl Link {
    fn bytes(&self) -> Result<Bytes, LogError> {
        let mut value = serde_json::to_value(self).map_err(|error| LogError::Encode(error.to_string()))?;
        value.sort_all_objects();
        Ok(value.to_string().into())
    }

    /// SHA-256 of its JSON with sorted keys.
    ///
    /// # Errors
    /// It cannot be written as JSON, which it has no reason for.
    pub fn digest(&self) -> Result<Sha256, LogError> {
        Ok(Sha256::of(&self.bytes()?))
    }
}

/// The newest link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many links there are.
    pub n: u64,
    /// The digest of the newest; `None` of an empty log.
    pub digest: Option<Sha256>,
}

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A link is missing, doubled, or is not what the next one says it is.
    #[error("the log of models does not hold together at entry {n}: {why}")]
    Broken {
        /// The place.
        n: u64,
        /// What is wrong.
        why: String,
    },
    /// It cannot be written as JSON.
    #[error("an entry cannot be written: {0}")]
    Encode(String),
    /// Others took every place.
    #[error("the log of models is written by too many at once")]
    Crowded,
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The blobs.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Coded for LogError {
    fn code(&self) -> &'static str {
        match self {
            Self::Broken { .. } => "TM1420",
            Self::Encode(_) | Self::Crowded => "TM1421",
            Self::Records(error) => error.code(),
            Self::Blobs(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Broken { .. } => "somebody changed the state of the mill, or its disk did: compare `state.db` with a backup; no model is asked, and nothing is stated, until the log is whole".into(),
            Self::Encode(_) | Self::Crowded => "nothing was asked; run it again, and report it if it stays".into(),
            Self::Records(error) => error.help(),
            Self::Blobs(error) => error.help(),
        }
    }
}

/// Holds links against each other as they are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chain {
    head: Head,
}

impl Chain {
    /// The newest link that was read.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Takes the next link.
    ///
    /// # Errors
    /// [`LogError::Broken`] if it does not follow.
    pub fn take(&mut self, link: &Link) -> Result<(), LogError> {
        let broken = |why: &str| LogError::Broken { n: link.n, why: why.to_owned() };
        if link.n != self.head.n + 1 {
            return Err(broken(&format!("it follows entry {}", self.head.n)));
        }
        if link.prev != self.head.digest {
            return Err(broken("what it follows is not what stands before it"));
        }
        self.head = Head { n: link.n, digest: Some(link.digest()?) };
        Ok(())
    }
}

/// Writes `entry` behind `head`, which is brought up to date by `read` whenever somebody else was faster.
///
/// # Errors
/// [`LogError`]; then the entry is not in the log, or is put in by whoever writes next.
pub(super) async fn append(
    records: &dyn Records,
    blobs: &dyn Blobs,
    entry: &Entry,
    at: Timestamp,
    mut head: Head,
) -> Result<Link, AppendError> {
    for _ in 0..TRIES {
        let link = Link { n: head.n + 1, prev: head.digest, at, entry: entry.clone() };
        let bytes = link.bytes()?;
        let digest = blobs.put(bytes).await.map_err(LogError::from)?;
        let lock = records.lock(PLACES, &link.n.to_string(), &digest, at).await;
        match lock.map_err(LogError::from)? {
            FirstSeen::Locked | FirstSeen::Same => {
                put(records, &link).await?;
                return Ok(link);
            }
            FirstSeen::Conflict { first } => {
                // Whoever has the place may have died before its fact was there: facts are stored once.
                let bytes = blobs.get(&first).await.map_err(LogError::from)?;
                let theirs = bytes.as_deref().and_then(|bytes| serde_json::from_slice::<Link>(bytes).ok());
                let theirs = theirs.filter(|theirs| theirs.n == link.n && theirs.prev == link.prev);
                let Some(theirs) = theirs else {
                    return Err(AppendError::Behind);
                };
                put(records, &theirs).await?;
                head = Head { n: theirs.n, digest: Some(first) };
            }
        }
    }
    Err(LogError::Crowded.into())
}

/// Why an entry could not be put behind a head.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// The head is not what the place's holder has before it.
    #[error("the log has moved on")]
    Behind,
    /// Anything else.
    #[error(transparent)]
    Log(#[from] LogError),
}

async fn put(records: &dyn Records, link: &Link) -> Result<(), LogError> {
    let fact = facts::fact(&subject(), Some(&link.n.to_string()), link.at, link);
    let fact = fact.map_err(|error| LogError::Encode(error.to_string()))?;
    Ok(records.append(&[fact]).await?)
}
