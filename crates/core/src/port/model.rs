//! A model behind a provider: one turn of a conversation.

use crate::conversation::{Piece, Reply, TurnRequest};
use async_trait::async_trait;
use std::time::Duration;

/// Hears a reply while it is being written. What it hears is for people; only the finished reply counts.
pub trait Listener: Send {
    /// The next piece.
    fn hear(&mut self, piece: Piece);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unheard;

impl Listener for Unheard {
    fn hear(&mut self, _: Piece) {}
}

/// A model, or rather all models that one provider has.
///
/// * `turn` MUST send the request once and MUST NOT try again by itself: who asks decides what a second try may cost.
/// * A reply MUST be whole: a stream that ends before the provider said that it is finished is
///   [`ModelError::Passing`], never a short reply.
/// * Every turn MUST end: within `limits.seconds`, and with [`ModelError::TooMuch`] once more than
///   `limits.reply_bytes` came.
/// * Dropping the future MUST close the connection, so that a model that may no longer be used stops writing.
/// * Events, members and finish reasons that are not known MUST be passed over where the protocol allows new ones, and
///   MUST NOT become a tool call.
/// * A call whose arguments are no JSON object MUST be in the reply as such; a call without a name or of a broken frame
///   is [`ModelError::Malformed`].
/// * The key MUST be read for every turn, MUST reach no log, no error and no other host, and redirects MUST NOT be
///   followed.
#[async_trait]
pub trait Model: Send + Sync {
    /// Has the model take one turn.
    async fn turn(&self, request: &TurnRequest, listener: &mut dyn Listener) -> Result<Reply, ModelError>;
}

/// What passed a turn by, and may be gone the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// 429: too many requests, or too many tokens.
    Limited,
    /// 529 and 503: the provider has too much to do.
    Overloaded,
    /// Another 5xx, or an error within the stream.
    Failed,
    /// No answer in time.
    TimedOut,
    /// The connection could not be made.
    Unreachable,
    /// The stream ended before the reply did.
    Cut,
}

impl Passing {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limited => "too many requests",
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
            Self::TimedOut => "no answer in time",
            Self::Unreachable => "out of reach",
            Self::Cut => "the reply broke off",
        }
    }
}

/// Why there is no reply. `why` is the provider's own word, cut and without control characters, or the mill's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Trying again, or elsewhere, may help.
    #[error("{provider}: {}: {why}", kind.as_str())]
    Passing {
        /// Which provider.
        provider: String,
        /// What it was.
        kind: Passing,
        /// More about it.
        why: String,
        /// How long the provider asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The key is missing, wrong, revoked, or not allowed to do this (401, 402, 403).
    #[error("{provider} refuses the key: {why}")]
    Refused {
        /// Which provider.
        provider: String,
        /// More about it.
        why: String,
    },
    /// The conversation is longer than the model takes.
    #[error("the conversation is longer than {model} at {provider} takes: {why}")]
    TooLong {
        /// Which provider.
        provider: String,
        /// Which model.
        model: String,
        /// More about it.
        why: String,
    },
    /// The provider does not know the model, or there is no such address.
    #[error("{provider} does not know the model {model}: {why}")]
    UnknownModel {
        /// Which provider.
        provider: String,
        /// Which model.
        model: String,
        /// More about it.
        why: String,
    },
    /// The reply is not what its wire format says: a call without a name, a broken event.
    #[error("{provider} sent a reply that is malformed: {why}")]
    Malformed {
        /// Which provider.
        provider: String,
        /// What is wrong.
        why: String,
    },
    /// The reply is larger than the turn's limit.
    #[error("{provider} sent more than {limit} bytes")]
    TooMuch {
        /// Which provider.
        provider: String,
        /// The limit.
        limit: u64,
    },
    /// The provider refuses the request itself (other 4xx).
    #[error("{provider} refuses the request: {why}")]
    Rejected {
        /// Which provider.
        provider: String,
        /// More about it.
        why: String,
    },
}

impl ModelError {
    /// Whether the same request to the same provider may get a reply.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Passing { .. })
    }

    /// The word in the log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passing { kind: Passing::Limited, .. } => "limited",
            Self::Passing { kind: Passing::Overloaded, .. } => "overloaded",
            Self::Passing { kind: Passing::Failed, .. } => "failed",
            Self::Passing { kind: Passing::TimedOut, .. } => "timed-out",
            Self::Passing { kind: Passing::Unreachable, .. } => "unreachable",
            Self::Passing { kind: Passing::Cut, .. } => "cut",
            Self::Refused { .. } => "refused",
            Self::TooLong { .. } => "too-long",
            Self::UnknownModel { .. } => "unknown-model",
            Self::Malformed { .. } => "malformed",
            Self::TooMuch { .. } => "too-much",
            Self::Rejected { .. } => "rejected",
        }
    }
}

impl super::Coded for ModelError {
    fn code(&self) -> &'static str {
        match self {
            Self::Passing { .. } => "TM1401",
            Self::Refused { .. } => "TM1402",
            Self::TooLong { .. } => "TM1403",
            Self::UnknownModel { .. } => "TM1404",
            Self::Malformed { .. } => "TM1405",
            Self::TooMuch { .. } => "TM1406",
            Self::Rejected { .. } => "TM1407",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Passing { .. } => "nothing is lost: the work goes on with the next model of its route, or later",
            Self::Refused { .. } => "check the variable or file that [[models.providers]] names for this provider's key, and the key's rights there",
            Self::TooLong { .. } => "put a model that takes more into the route, or lower [models.budget] turns",
            Self::UnknownModel { .. } => "check the model's name and the provider's `url`: `trustmill models try PROVIDER/MODEL`",
            Self::Malformed { .. } => "check that `wire` of the provider is what its server speaks; `trustmill models try PROVIDER/MODEL` shows what it does",
            Self::TooMuch { .. } => "the reply was dropped; a model that does so again and again is of no use: take it out of the route",
            Self::Rejected { .. } => "check `wire` and `url` of the provider: `trustmill models try PROVIDER/MODEL` shows what it says",
        }
        .into()
    }
}
