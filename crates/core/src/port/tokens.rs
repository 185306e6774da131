//! The tokens by which teams are known.

use crate::token::TokenRecord;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;

/// The memory of tokens: their hashes, never their text.
///
/// * `add` and `revoke` MUST be durable when they return.
/// * `find` MUST see what any process added or revoked before; it is asked for every request, and MUST NOT wait for
///   the medium as long as nothing changed.
/// * `used` MUST NOT wait for the medium. What it notes is written within a minute and when the process ends in order; a
///   crash may lose it.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Remembers a token; `false` if its id is taken.
    async fn add(&self, token: &TokenRecord) -> Result<bool, TokensError>;

    /// The token with this id, whether it is still good or not.
    async fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, TokensError>;

    /// Every token, oldest first.
    async fn list(&self) -> Result<Vec<TokenRecord>, TokensError>;

    /// Revokes a token for good; `false` if there is none, or if it was revoked before.
    async fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, TokensError>;

    /// A token is being used.
    fn used(&self, id: &str, at: Timestamp);

    /// Writes down what was noted so far.
    async fn flush(&self) -> Result<(), TokensError>;
}

/// Why tokens could not be read or written: then nobody who shows one is let in.
#[derive(Debug, thiserror::Error)]
#[error("the tokens cannot be {what}")]
pub struct TokensError {
    /// `read` or `written`.
    pub what: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl super::Coded for TokensError {
    fn code(&self) -> &'static str {
        "TM0632"
    }

    fn help(&self) -> String {
        "check that the volume of the data folder is writable and has room".into()
    }
}
