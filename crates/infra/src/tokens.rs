//! Tokens in the state file.

use crate::sqlite::{Db, DbError, Flusher, data_version};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use trustmill_core::Sha256;
use trustmill_core::port::tokens::{Tokens, TokensError};
use trustmill_core::token::TokenRecord;

/// How long the last use of a token may stay unwritten.
const LAZY: Duration = Duration::from_secs(30);

/// Tokens that survive their process.
#[derive(Debug)]
pub struct SqliteTokens {
    inner: Arc<Inner>,
    flusher: OnceLock<Option<Flusher>>,
}

#[derive(Debug)]
struct Inner {
    db: Arc<Db>,
    known: Mutex<Known>,
    used: Mutex<HashMap<String, Timestamp>>,
}

/// All tokens as they were at some instant: a mill has tens or hundreds.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The file's version when it was last looked at.
    version: Option<i64>,
    /// The counter that grows with every change of tokens.
    counter: Option<i64>,
    tokens: Arc<HashMap<String, Arc<TokenRecord>>>,
}

impl SqliteTokens {
    /// The tokens of an open state file.
    pub fn new(db: Arc<Db>) -> Self {
        let inner = Inner { db, known: Mutex::default(), used: Mutex::default() };
        Self { inner: Arc::new(inner), flusher: OnceLock::new() }
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, if it is still so. Both numbers are read before the tokens are, so that what is newer than they
    /// say is at worst read again.
    fn current(&self) -> Result<Result<Known, (i64, i64)>, DbError> {
        let known = self.known().clone();
        let version = self.db.peek(data_version)?;
        if known.version == Some(version) {
            return Ok(Ok(known));
        }
        let counter = self.db.peek(counter)?;
        if known.counter == Some(counter) {
            self.known().version = Some(version);
            return Ok(Ok(known));
        }
        Ok(Err((version, counter)))
    }

    async fn tokens(&self) -> Result<Arc<HashMap<String, Arc<TokenRecord>>>, TokensError> {
        let (version, counter) = match self.current().map_err(read_failed)? {
            Ok(known) => return Ok(known.tokens),
            Err(numbers) => numbers,
        };
        let tokens = self.db.read(all).await.map_err(read_failed)?;
        let tokens: HashMap<_, _> =
            tokens.into_iter().map(|token| (token.id.clone(), Arc::new(token))).collect();
        let tokens = Arc::new(tokens);
        *self.known() = Known { version: Some(version), counter: Some(counter), tokens: Arc::clone(&tokens) };
        Ok(tokens)
    }

    fn take_used(&self) -> HashMap<String, Timestamp> {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Tokens for SqliteTokens {
    async fn add(&self, token: &TokenRecord) -> Result<bool, TokensError> {
        let token = token.clone();
        self.inner.db.write(move |c| insert(c, &token)).await.map_err(written)
    }

    async fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, TokensError> {
        Ok(self.inner.tokens().await?.get(id).cloned())
    }

    async fn list(&self) -> Result<Vec<TokenRecord>, TokensError> {
        self.inner.db.read(all).await.map_err(read_failed)
    }

    async fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, TokensError> {
        let (id, at) = (id.to_owned(), at.to_string());
        let write = move |c: &Connection| {
            let changed = c
                .prepare_cached("UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL")?
                .execute([id, at])?;
            count(c)?;
            Ok(changed == 1)
        };
        self.inner.db.write(write).await.map_err(written)
    }

    fn used(&self, id: &str, at: Timestamp) {
        let mut used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.get_mut(id) {
            Some(last) => *last = (*last).max(at),
            None => drop(used.insert(id.to_owned(), at)),
        }
        drop(used);
        self.flusher.get_or_init(|| {
            let inner = Arc::clone(&self.inner);
            let started = Flusher::start("token-writer", LAZY, move || {
                let used = inner.take_used();
                if let Err(error) = inner.db.write_blocking(move |c| write_used(c, &used)) {
                    tracing::warn!(%error, "the last use of tokens cannot be written");
                }
            });
            started.inspect_err(|error| tracing::error!(%error, "no thread for the use of tokens")).ok()
        });
    }

    async fn flush(&self) -> Result<(), TokensError> {
        let used = self.inner.take_used();
        self.inner.db.write(move |c| write_used(c, &used)).await.map_err(written)
    }
}

fn write_used(c: &Connection, used: &HashMap<String, Timestamp>) -> rusqlite::Result<()> {
    // RFC 3339 in UTC with a fixed number of digits would compare as text; ours has no fixed number, and the newest
    // that this process saw is at most a minute behind another's.
    let mut update = c.prepare_cached("UPDATE token SET last_used = ?2 WHERE id = ?1")?;
    for (id, at) in used {
        update.execute([id, &at.to_string()])?;
    }
    Ok(())
}

fn insert(c: &Connection, token: &TokenRecord) -> rusqlite::Result<bool> {
    let text = |at: &Option<Timestamp>| at.map(|at| at.to_string());
    let changed = c
        .prepare_cached(
            "INSERT INTO token (id, hash, team, agent, admin, note, created, expires, revoked, last_used) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            token.id,
            token.hash.as_bytes(),
            token.team,
            token.agent,
            token.admin,
            token.note,
            token.created.to_string(),
            text(&token.expires),
            text(&token.revoked),
            text(&token.last_used),
        ])?;
    count(c)?;
    Ok(changed == 1)
}

/// Lets every process notice that tokens changed.
fn count(c: &Connection) -> rusqlite::Result<()> {
    c.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'tokens'")?.execute([])?;
    Ok(())
}

fn counter(c: &Connection) -> rusqlite::Result<i64> {
    c.prepare_cached("SELECT value FROM counter WHERE name = 'tokens'")?.query_row([], |row| row.get(0))
}

fn all(c: &Connection) -> rusqlite::Result<Vec<TokenRecord>> {
    c.prepare_cached(
        "SELECT id, hash, team, agent, admin, note, created, expires, revoked, last_used FROM token \
         ORDER BY created, id",
    )?
    .query_map([], record)?
    .collect()
}

fn record(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let instant = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
        let text: Option<String> = row.get(at)?;
        let parse = |text: String| {
            text.parse().map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
            })
        };
        text.map(parse).transpose()
    };
    Ok(TokenRecord {
        id: row.get(0)?,
        hash: Sha256::from_bytes(row.get(1)?),
        team: row.get(2)?,
        agent: row.get(3)?,
        admin: row.get(4)?,
        note: row.get(5)?,
        created: instant(6)?.unwrap_or_default(),
        expires: instant(7)?,
        revoked: instant(8)?,
        last_used: instant(9)?,
    })
}

fn written(error: DbError) -> TokensError {
    TokensError { what: "written", source: Box::new(error) }
}

fn read_failed(error: DbError) -> TokensError {
    TokensError { what: "read", source: Box::new(error) }
}
