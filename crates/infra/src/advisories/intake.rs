//! From rows to the file: one transaction per update, and the checks before it counts.

use super::error::FeedError;
use super::feed::State;
use super::read::{AllHeld, Digest, Held, Item, Reader, Row};
use super::report::{Progress, Report, Way};
use super::{archive, folder, read};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use trustmill_core::{Timestamp, port::advisories::AdvisoriesError};

/// Records between reading and writing.
const AHEAD: usize = 256;
/// Refusals that are told.
const REFUSALS: usize = 20;
/// A feed may lose this many records without being asked about it.
const LOSS: u64 = 20;
/// A clock may be so far ahead; a record from beyond does not count as the newest, or it would lock the feed.
pub(super) const AHEAD_OF_US: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Where records come from.
pub(super) enum Source {
    Folder(PathBuf),
    Archive(File),
    Record(PathBuf),
    /// Changed records that were fetched; `None` for one that is too large.
    Fetched(Vec<(String, Option<Bytes>)>),
}

impl Source {
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::Archive(_))
    }

    fn give(self, sink: &mut dyn read::Sink) -> Result<(), FeedError> {
        match self {
            Self::Folder(root) => folder::records(&root, sink),
            Self::Archive(file) => archive::records(file, sink),
            Self::Record(path) => {
                sink.total(1);
                folder::record(&path, sink).map(|_| ())
            }
            Self::Fetched(records) => {
                sink.total(records.len() as u64);
                for (id, bytes) in &records {
                    sink.take(id, bytes.as_deref().map_or(read::Piece::TooLarge, read::Piece::Whole));
                }
                Ok(())
            }
        }
    }
}

/// What is to be read, and how it is judged.
pub(super) struct Batch {
    pub(super) feed: String,
    pub(super) only: Option<String>,
    /// Whether a feed may go back or shrink.
    pub(super) accept_loss: bool,
    pub(super) now: Timestamp,
}

/// Reads a source into the file: all of it or nothing. `remember` adds to what is known of the feed.
pub(super) fn take_in(
    c: &Connection,
    batch: &Batch,
    source: Source,
    progress: &Progress,
    remember: impl FnOnce(&mut State),
) -> rusqlite::Result<Result<Report, FeedError>> {
    c.execute_batch("SAVEPOINT intake")?;
    let done = fill(c, batch, source, progress, remember);
    // A full disk makes SQLite undo the whole transaction by itself.
    if !c.is_autocommit() {
        let keep = matches!(done, Ok(Ok(_)));
        c.execute_batch(if keep { "RELEASE intake" } else { "ROLLBACK TO intake; RELEASE intake" })?;
    }
    done
}

fn fill(
    c: &Connection,
    batch: &Batch,
    source: Source,
    progress: &Progress,
    remember: impl FnOnce(&mut State),
) -> rusqlite::Result<Result<Report, FeedError>> {
    let held = held(c, &batch.feed)?;
    let whole = source.is_whole();
    let single = matches!(source, Source::Record(_));
    let mut intake = Intake::new(c, batch, &held);
    let (out, items) = sync_channel(AHEAD);
    let (applied, read) = std::thread::scope(|scope| {
        let mut reader = Reader { held: &held, only: batch.only.as_deref(), progress, out };
        let reading = scope.spawn(move || source.give(&mut reader));
        let applied = items.iter().try_for_each(|item| intake.apply(item));
        // The reader stops when nobody listens any more.
        drop(items);
        (applied, reading.join())
    });
    applied?;
    if let Err(error) = read.unwrap_or_else(|_| Err(FeedError::Archive("its reader failed".to_owned()))) {
        return Ok(Err(error));
    }
    let mut state = state(c, &batch.feed)?;
    if let Err(error) = intake.judge(&state, whole, whole || single) {
        return Ok(Err(error));
    }
    if whole {
        intake.remove_the_gone()?;
    }
    let report = intake.finish(&mut state, whole)?;
    remember(&mut state);
    save(c, &batch.feed, &state)?;
    Ok(Ok(report))
}

/// One update under way.
struct Intake<'a> {
    c: &'a Connection,
    batch: &'a Batch,
    held: &'a AllHeld,
    /// What the feed has, as far as it was read: row, time and digest of what counts now.
    seen: HashMap<Box<str>, Held>,
    /// File names of what was refused: what is held of them stays.
    unread: HashSet<Box<str>>,
    /// The newest that the feed has.
    newest: Option<i64>,
    report: Report,
}

impl<'a> Intake<'a> {
    fn new(c: &'a Connection, batch: &'a Batch, held: &'a AllHeld) -> Self {
        let report = Report { feed: batch.feed.clone(), ..Report::default() };
        Self { c, batch, held, seen: HashMap::new(), unread: HashSet::new(), newest: None, report }
    }

    fn apply(&mut self, item: Item) -> rusqlite::Result<()> {
        self.report.seen += 1;
        match item {
            Item::Same(id) => self.same(id),
            Item::Row(row) => self.row(*row)?,
            Item::Foreign(id) => {
                self.report.foreign += 1;
                // Fetched alone, it is no longer about anything of ours.
                if let Some(held) = self.held.get(&id).filter(|_| !self.seen.contains_key(&id)) {
                    delete(self.c, held.row)?;
                    self.report.removed += 1;
                }
            }
            Item::Refused(refusal) => {
                self.report.refused += 1;
                self.unread.insert(refusal.record.trim_end_matches(".json").into());
                if self.report.refusals.len() < REFUSALS {
                    self.report.refusals.push(refusal);
                }
            }
        }
        Ok(())
    }

    fn same(&mut self, id: Box<str>) {
        let Some(held) = self.held.get(&id) else { return };
        self.count(held.modified);
        match self.seen.get(&id) {
            Some(first) => self.report.conflicts += u64::from(first.digest != held.digest),
            None => {
                self.seen.insert(id, *held);
            }
        }
    }

    fn row(&mut self, row: Row) -> rusqlite::Result<()> {
        self.count(row.modified);
        if let Some(first) = self.seen.get(&row.id) {
            if first.digest == row.digest {
                return Ok(());
            }
            self.report.conflicts += 1;
            if first.modified >= row.modified {
                return Ok(());
            }
        }
        let held = self.seen.get(&row.id).or_else(|| self.held.get(&row.id)).copied();
        if let Some(held) = held.filter(|held| held.modified > row.modified && !self.batch.accept_loss) {
            self.report.older += 1;
            self.seen.insert(row.id, held);
            return Ok(());
        }
        match held {
            _ if self.seen.contains_key(&row.id) => {}
            Some(_) => self.report.changed += 1,
            None => self.report.added += 1,
        }
        self.report.withdrawn += u64::from(row.withdrawn);
        if let Some(held) = held {
            delete(self.c, held.row)?;
        }
        let at = insert(self.c, &self.batch.feed, &row)?;
        self.seen.insert(row.id, Held { row: at, modified: row.modified, digest: row.digest });
        Ok(())
    }

    fn count(&mut self, modified: i64) {
        let horizon = self.batch.now.saturating_add(AHEAD_OF_US).map_or(i64::MAX, Timestamp::as_microsecond);
        if modified <= horizon {
            self.newest = self.newest.max(Some(modified));
        }
    }

    /// Whether what was read may count. `alone` says that it is more than a few changes of a feed that is known.
    fn judge(&self, state: &State, whole: bool, alone: bool) -> Result<(), FeedError> {
        let Report { refused, seen, refusals, .. } = &self.report;
        if alone && *refused > 0 && refused.saturating_mul(2) > *seen {
            let first = refusals.first().map(|refusal| refusal.why.clone()).unwrap_or_default();
            return Err(FeedError::Refused { refused: *refused, records: *seen, first });
        }
        if alone && self.seen.is_empty() {
            return Err(FeedError::Empty);
        }
        if !whole || self.batch.accept_loss {
            return Ok(());
        }
        let theirs = self.newest.and_then(|at| Timestamp::from_microsecond(at).ok());
        if let (Some(theirs), Some(ours)) = (theirs, state.newest)
            && theirs.as_microsecond() < ours.as_microsecond()
        {
            return Err(FeedError::Rollback { theirs, ours });
        }
        let (gone, held) = (self.gone().count() as u64, self.held.len() as u64);
        if gone > LOSS.max(held / 4) { Err(FeedError::Shrunk { gone, held }) } else { Ok(()) }
    }

    /// What is held and is not in the feed.
    fn gone(&self) -> impl Iterator<Item = &Held> {
        let still = |id: &str| self.seen.contains_key(id) || self.unread.contains(id);
        self.held.iter().filter(move |(id, _)| !still(id)).map(|(_, held)| held)
    }

    fn remove_the_gone(&mut self) -> rusqlite::Result<()> {
        let rows: Vec<i64> = self.gone().map(|held| held.row).collect();
        for row in &rows {
            delete(self.c, *row)?;
        }
        self.report.removed = rows.len() as u64;
        Ok(())
    }

    /// Counts what is held now, and moves the generation if an answer may have changed.
    fn finish(mut self, state: &mut State, whole: bool) -> rusqlite::Result<Report> {
        let report = &mut self.report;
        report.way = if whole { Way::Whole } else { Way::Changes };
        if report.added + report.changed + report.removed > 0 {
            self.c.prepare_cached("UPDATE meta SET generation = generation + 1")?.execute([])?;
        }
        (report.held, report.malicious) = self
            .c
            .prepare_cached(
                "SELECT count(*), coalesce(sum(malicious AND NOT withdrawn), 0) FROM record WHERE feed = ?1",
            )?
            .query_row([&self.batch.feed], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let newest = self.newest.and_then(|at| Timestamp::from_microsecond(at).ok());
        state.newest = if whole { newest } else { state.newest.max(newest) };
        (state.records, state.malicious) = (report.held, report.malicious);
        // Of a list of changes, those refused before are not known anew.
        state.refused = if whole { report.refused } else { state.refused.max(report.refused) };
        state.types = types(self.c, &self.batch.feed)?;
        state.succeeded(self.batch.now);
        if whole {
            state.whole_at = Some(self.batch.now);
        }
        Ok(self.report)
    }
}

/// The records that are held of a feed.
pub(super) fn held(c: &Connection, feed: &str) -> rusqlite::Result<AllHeld> {
    let mut select = c.prepare_cached("SELECT advisory, id, modified, digest FROM record WHERE feed = ?1")?;
    let mut rows = select.query([feed])?;
    let mut held = AllHeld::new();
    while let Some(row) = rows.next()? {
        let id: Box<str> = row.get_ref(0)?.as_str()?.into();
        held.insert(id, Held { row: row.get(1)?, modified: row.get(2)?, digest: row.get::<_, Digest>(3)? });
    }
    Ok(held)
}

/// The package URL types of the projects that a feed speaks of, ordered. A project is `pkg:TYPE/…`.
fn types(c: &Connection, feed: &str) -> rusqlite::Result<Vec<String>> {
    c.prepare_cached(
        "SELECT DISTINCT substr(project, 5, instr(project, '/') - 5) FROM subject \
         JOIN record ON record.id = subject.record WHERE feed = ?1 ORDER BY 1",
    )?
    .query_map([feed], |row| row.get(0))?
    .collect()
}

fn insert(c: &Connection, feed: &str, row: &Row) -> rusqlite::Result<i64> {
    c.prepare_cached(
        "INSERT INTO record (feed, advisory, modified, withdrawn, malicious, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![feed, &*row.id, row.modified, row.withdrawn, row.malicious, row.digest])?;
    let at = c.last_insert_rowid();
    c.prepare_cached("INSERT INTO body VALUES (?1, ?2)")?.execute(params![at, row.json])?;
    let mut subject = c.prepare_cached("INSERT INTO subject VALUES (?1, ?2)")?;
    for project in &row.projects {
        subject.execute(params![project, at])?;
    }
    let mut alias = c.prepare_cached("INSERT INTO alias VALUES (?1, ?2)")?;
    for name in &row.aliases {
        alias.execute(params![name, at])?;
    }
    Ok(at)
}

fn delete(c: &Connection, row: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM subject WHERE record = ?1",
        "DELETE FROM alias WHERE record = ?1",
        "DELETE FROM body WHERE record = ?1",
        "DELETE FROM record WHERE id = ?1",
    ] {
        c.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

/// Forgets a feed; `false` if nothing is known of it.
pub(super) fn forget(c: &Connection, feed: &str) -> rusqlite::Result<bool> {
    for held in held(c, feed)?.values() {
        delete(c, held.row)?;
    }
    c.execute("UPDATE meta SET generation = generation + 1", [])?;
    Ok(c.execute("DELETE FROM feed WHERE name = ?1", [feed])? == 1)
}

/// What is known of a feed; the default if it was never read. A state of another shape is as good as none: the feed
/// is read as a whole again.
pub(super) fn state(c: &Connection, feed: &str) -> rusqlite::Result<State> {
    let row = c.prepare_cached("SELECT state FROM feed WHERE name = ?1")?;
    let json = { row }.query_row([feed], |row| row.get::<_, String>(0)).optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

/// What is known of every feed, by name.
pub(super) fn states(c: &Connection) -> rusqlite::Result<Vec<(String, State)>> {
    c.prepare_cached("SELECT name, state FROM feed ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?
        .map(|row| row.map(|(name, json)| (name, serde_json::from_str(&json).unwrap_or_default())))
        .collect()
}

/// Changes what is known of a feed.
pub(super) fn amend(c: &Connection, feed: &str, change: impl FnOnce(&mut State)) -> rusqlite::Result<()> {
    let mut state = state(c, feed)?;
    change(&mut state);
    save(c, feed, &state)
}

fn save(c: &Connection, feed: &str, state: &State) -> rusqlite::Result<()> {
    let json = serde_json::to_string(state)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    c.prepare_cached("INSERT OR REPLACE INTO feed VALUES (?1, ?2)")?.execute([feed, &json])?;
    Ok(())
}

/// The writer's refusal to begin, where another process is writing.
pub(super) fn is_busy(error: &AdvisoriesError) -> bool {
    use crate::sqlite::DbError;
    let db = error.source.downcast_ref::<DbError>();
    matches!(db, Some(DbError::Sqlite(error)) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy))
}
