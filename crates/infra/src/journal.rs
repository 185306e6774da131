//! The journal in the state file: noted in memory, written every second.

use crate::sqlite::{Db, DbError, Flusher};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use trustmill_core::port::journal::{Handed, Journal, JournalError};
use trustmill_core::ruling::Principal;
use trustmill_core::{Purl, Sha256};

/// How long a note may stay unwritten,
const INTERVAL: Duration = Duration::from_secs(1);
/// and how many of them.
const MANY: usize = 500;
/// Most notes that wait while the medium fails; further ones are lost, and the log says so.
const MOST: usize = 50_000;

/// A journal that survives its process.
#[derive(Debug)]
pub struct SqliteJournal {
    inner: Arc<Inner>,
    flusher: OnceLock<Option<Flusher>>,
}

#[derive(Debug)]
struct Inner {
    db: Arc<Db>,
    waiting: Mutex<Waiting>,
}

/// What was noted and is not written.
#[derive(Debug, Default)]
struct Waiting {
    notes: HashMap<Note, Times>,
    lost: u64,
}

/// One file and whoever got it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Note {
    release: Purl,
    filename: String,
    sha256: Sha256,
    principal: Principal,
}

/// When, and how often.
#[derive(Debug, Clone, Copy)]
struct Times {
    first: Timestamp,
    last: Timestamp,
    times: u64,
}

impl Times {
    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            times: self.times.saturating_add(other.times),
        }
    }
}

impl SqliteJournal {
    /// The journal of an open state file.
    pub fn new(db: Arc<Db>) -> Self {
        Self { inner: Arc::new(Inner { db, waiting: Mutex::default() }), flusher: OnceLock::new() }
    }

    fn flusher(&self) -> Option<&Flusher> {
        let started = self.flusher.get_or_init(|| {
            let inner = Arc::clone(&self.inner);
            Flusher::start("journal-writer", INTERVAL, move || inner.write())
                .inspect_err(|error| tracing::error!(%error, "the journal's thread cannot be started"))
                .ok()
        });
        started.as_ref()
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<(Note, Times)> {
        let mut waiting = self.waiting();
        if waiting.lost > 0 {
            tracing::error!(
                notes = waiting.lost,
                "the journal could not be written for long: notes were lost"
            );
            waiting.lost = 0;
        }
        waiting.notes.drain().collect()
    }

    /// Puts back what could not be written.
    fn give_back(&self, notes: &[(Note, Times)]) {
        let mut waiting = self.waiting();
        for (note, times) in notes {
            waiting.note(note.clone(), *times);
        }
    }

    fn write(&self) {
        let notes = Arc::new(self.take());
        if notes.is_empty() {
            return;
        }
        let batch = Arc::clone(&notes);
        if let Err(error) = self.db.write_blocking(move |c| write(c, &batch)) {
            tracing::warn!(%error, notes = notes.len(), "the journal cannot be written; it is tried again");
            self.give_back(&notes);
        }
    }
}

impl Waiting {
    fn note(&mut self, note: Note, times: Times) {
        if let Some(known) = self.notes.get_mut(&note) {
            *known = known.and(times);
        } else if self.notes.len() < MOST {
            self.notes.insert(note, times);
        } else {
            self.lost = self.lost.saturating_add(times.times);
        }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn note(&self, release: &Purl, filename: &str, sha256: Sha256, principal: &Principal, at: Timestamp) {
        let note = Note {
            release: release.clone(),
            filename: filename.to_owned(),
            sha256,
            principal: principal.clone(),
        };
        let many = {
            let mut waiting = self.inner.waiting();
            waiting.note(note, Times { first: at, last: at, times: 1 });
            waiting.notes.len() % MANY == MANY - 1
        };
        if let Some(flusher) = self.flusher()
            && many
        {
            flusher.hurry();
        }
    }

    async fn handed(&self, about: &Purl) -> Result<Vec<Handed>, JournalError> {
        self.flush().await?;
        let about = about.clone();
        self.inner.db.read(move |c| handed(c, &about)).await.map_err(read_failed)
    }

    async fn releases_since(&self, since: Timestamp) -> Result<Vec<Purl>, JournalError> {
        self.flush().await?;
        let read = move |c: &Connection| {
            c.prepare_cached("SELECT DISTINCT project, version FROM journal WHERE last >= ?1")?
                .query_map([nanoseconds(since)], |row| release(row, 0))?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut releases = self.inner.db.read(read).await.map_err(read_failed)?;
        releases.sort();
        Ok(releases)
    }

    async fn forget_before(&self, at: Timestamp) -> Result<u64, JournalError> {
        self.flush().await?;
        let forget = move |c: &Connection| {
            c.prepare_cached("DELETE FROM journal WHERE last < ?1")?.execute([nanoseconds(at)])
        };
        let gone = self.inner.db.write(forget).await.map_err(written)?;
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    async fn flush(&self) -> Result<(), JournalError> {
        let notes = Arc::new(self.inner.take());
        if notes.is_empty() {
            return Ok(());
        }
        // A task of its own: a caller that is dropped meanwhile must not lose what was taken.
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move {
            let batch = Arc::clone(&notes);
            let result = inner.db.write(move |c| write(c, &batch)).await;
            result.inspect_err(|_| inner.give_back(&notes))
        });
        task.await.unwrap_or(Err(DbError::Closed)).map_err(written)
    }
}

fn write(c: &Connection, notes: &[(Note, Times)]) -> rusqlite::Result<()> {
    let mut insert = c.prepare_cached(
        "INSERT INTO journal (project, version, filename, sha256, team, token, agent, first, last, times) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (project, version, filename, sha256, team, token, agent) DO UPDATE SET \
         first = min(first, excluded.first), last = max(last, excluded.last), times = times + excluded.times",
    )?;
    for (Note { release, filename, sha256, principal }, Times { first, last, times }) in notes {
        insert.execute(params![
            release.without_version().to_string(),
            release.version().unwrap_or_default(),
            filename,
            sha256.as_bytes(),
            principal.team.as_deref().unwrap_or_default(),
            principal.token.as_deref().unwrap_or_default(),
            principal.agent.as_deref().unwrap_or_default(),
            nanoseconds(*first),
            nanoseconds(*last),
            i64::try_from(*times).unwrap_or(i64::MAX),
        ])?;
    }
    Ok(())
}

fn handed(c: &Connection, about: &Purl) -> rusqlite::Result<Vec<Handed>> {
    let rows = params![about.without_version().to_string(), about.version()];
    c.prepare_cached(
        "SELECT project, version, filename, sha256, team, token, agent, first, last, times FROM journal \
         WHERE project = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY first, version, filename, id",
    )?
    .query_map(rows, |row| {
        let named =
            |at: usize| Ok::<_, rusqlite::Error>(Some(row.get::<_, String>(at)?).filter(|n| !n.is_empty()));
        Ok(Handed {
            release: release(row, 0)?,
            filename: row.get(2)?,
            sha256: Sha256::from_bytes(row.get(3)?),
            principal: Principal { team: named(4)?, token: named(5)?, agent: named(6)? },
            first: instant(row, 7)?,
            last: instant(row, 8)?,
            times: row.get(9)?,
        })
    })?
    .collect()
}

/// The release in the columns `at` (the project) and the next (its version, or nothing).
fn release(row: &Row<'_>, at: usize) -> rusqlite::Result<Purl> {
    let (project, version): (String, String) = (row.get(at)?, row.get(at + 1)?);
    let project: Purl = project.parse().map_err(|error| unreadable(at, error))?;
    Ok(if version.is_empty() { project } else { project.at(&version) })
}

/// Nanoseconds since 1970; instants after 2262 are that year's.
fn nanoseconds(at: Timestamp) -> i64 {
    let within = at.as_nanosecond().clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(within).unwrap_or(i64::MAX)
}

fn instant(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    let nanoseconds: i64 = row.get(at)?;
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|error| unreadable(at, error))
}

fn unreadable(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
}

fn written(error: DbError) -> JournalError {
    JournalError { what: "written", source: Box::new(error) }
}

fn read_failed(error: DbError) -> JournalError {
    JournalError { what: "read", source: Box::new(error) }
}
