//! Tokens in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use trustmill_core::port::tokens::{Tokens, TokensError};
use trustmill_core::token::TokenRecord;

/// Tokens that end with their process.
#[derive(Debug, Default)]
pub struct MemTokens(Mutex<Vec<TokenRecord>>);

impl MemTokens {
    /// No tokens.
    pub fn new() -> Self {
        Self::default()
    }

    fn change<T>(&self, id: &str, change: impl FnOnce(&mut TokenRecord) -> T) -> Option<T> {
        self.0.lock().unwrap().iter_mut().find(|token| token.id == id).map(change)
    }
}

#[async_trait]
impl Tokens for MemTokens {
    async fn add(&self, token: &TokenRecord) -> Result<bool, TokensError> {
        let new = self.change(&token.id, |_| ()).is_none();
        if new {
            self.0.lock().unwrap().push(token.clone());
        }
        Ok(new)
    }

    async fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, TokensError> {
        Ok(self.change(id, |token| Arc::new(token.clone())))
    }

    async fn list(&self) -> Result<Vec<TokenRecord>, TokensError> {
        let mut tokens = self.0.lock().unwrap().clone();
        tokens.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        Ok(tokens)
    }

    async fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, TokensError> {
        let revoke = |token: &mut TokenRecord| token.revoked.replace(token.revoked.unwrap_or(at)).is_none();
        Ok(self.change(id, revoke).unwrap_or(false))
    }

    fn used(&self, id: &str, at: Timestamp) {
        self.change(id, |token| token.last_used = token.last_used.max(Some(at)));
    }

    async fn flush(&self) -> Result<(), TokensError> {
        Ok(())
    }
}
