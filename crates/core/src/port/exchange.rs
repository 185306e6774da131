//! One exchange over HTTP with an answer that may be a stream: what stands behind a proxy of ours.

use super::registry::Secret;
use async_trait::async_trait;
use bytes::Bytes;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What is done.
    pub verb: Verb,
    /// Where: an `http` or `https` address.
    pub url: String,
    /// Header fields; their values may be keys.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is still to come.
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// Header fields, their names in lower case; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Box<dyn Body>,
}

impl Incoming {
    /// A header field's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, up to `limit` bytes; `None` if it is longer.
    ///
    /// # Errors
    /// It broke off.
    pub async fn whole(&mut self, limit: usize) -> Result<Option<Vec<u8>>, ExchangeError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.body.piece().await? {
            if whole.len() + piece.len() > limit {
                return Ok(None);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some(whole))
    }
}

/// The body of an answer, in pieces. Dropping it MUST close the exchange.
#[async_trait]
pub trait Body: Send {
    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, ExchangeError>;
}

/// Somebody who speaks HTTP to servers that the operator named.
///
/// * `send` MUST send the request once, MUST NOT follow redirects, and MUST NOT add a cookie or a credential of its own.
/// * It MUST hand on the answer as it came: neither status nor body is judged.
/// * Values of header fields MUST reach no log and no error.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// Sends a request; gives the answer as soon as its head is there.
    async fn send(&self, request: Outgoing) -> Result<Incoming, ExchangeError>;
}

/// Why there is no answer, or none any more. `why` names neither addresses nor credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Request(&'static str),
    /// No connection, or it broke off.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing came in time.
    #[error("the server is silent")]
    Silent,
}
