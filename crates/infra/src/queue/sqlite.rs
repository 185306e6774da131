//! The queue in the state file: a row is read, changed by the rules of `entry`, and written back.

use super::entry::{AT_ONCE, Entry, Holder, NEVER, Nanos, State, Wish, nanos, timestamp};
use crate::sqlite::{Db, DbError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, KeyInfo, Lease, Queue, QueueError, Release};

/// A queue that survives its process.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    db: Arc<Db>,
}

impl SqliteQueue {
    /// The queue of an open state file.
    pub fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    /// Ends every lease: for whoever has just taken the folder's lock, and so knows that every holder is
    /// gone. The keys are orphans now, and need not wait until their leases would have ended.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn end_leases(&self) -> Result<(), QueueError> {
        // What was asked meanwhile keeps its floor.
        let end = |c: &Connection| {
            c.execute(
                "UPDATE queue SET until = 0, due = max(0, ifnull(again_floor, 0)), ripe = 0 WHERE state = 1",
                [],
            )
        };
        self.db.write(end).await.map(|_| ()).map_err(written)
    }
}

const COLUMNS: &str = "key, state, priority, not_before, floor, age, attempts, why, token, owner, until, \
                       again_priority, again_not_before, again_floor";

#[async_trait]
impl Queue for SqliteQueue {
    async fn enqueue(&self, requests: &[Enqueue]) -> Result<(), QueueError> {
        let requests = requests.to_vec();
        self.db.write(move |c| enqueue(c, &requests, &mut Age::default())).await.map_err(written)
    }

    async fn lease(
        &self,
        owner: &str,
        limit: usize,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let owner = owner.to_owned();
        let (at, until) = (nanos(now), nanos(now.saturating_add(ttl).unwrap_or(Timestamp::MAX)));
        self.db.write(move |c| lease(c, &owner, limit, at, until)).await.map_err(written)
    }

    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<(), QueueError> {
        let (key, token) = (lease.key.clone(), lease.token);
        let change = move |c: &Connection| {
            let Some(mut entry) = load(c, &key)? else { return Ok(Err(QueueError::LeaseLost { key })) };
            match entry.heartbeat(token, nanos(until)) {
                Ok(()) => store(c, &entry).map(Ok),
                lost => Ok(lost),
            }
        };
        self.db.write(change).await.map_err(written)?
    }

    async fn release(
        &self,
        lease: &Lease,
        how: Release,
        children: &[Enqueue],
        _now: Timestamp,
    ) -> Result<(), QueueError> {
        let (lease, children) = (lease.clone(), children.to_vec());
        self.db.write(move |c| release(c, &lease, &how, &children)).await.map_err(written)?
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, QueueError> {
        let read = |c: &Connection| {
            c.prepare_cached(
                "SELECT min(due) FROM (SELECT min(due) AS due FROM queue WHERE ripe = 0 \
                              UNION ALL SELECT min(due) FROM queue WHERE ripe = 1)",
            )?
            .query_row([], |row| row.get::<_, Option<Nanos>>(0))
        };
        let earliest = self.db.read(read).await.map_err(|error| storage("read", error))?;
        // A key that may run at once has no instant of its own: 1970 is as early as any.
        Ok(earliest.filter(|due| *due != NEVER).map(|due| timestamp(due.max(0))))
    }

    async fn enumerate(&self) -> Result<Vec<KeyInfo>, QueueError> {
        let read = |c: &Connection| {
            let mut statement = c.prepare_cached(&format!("SELECT {COLUMNS} FROM queue ORDER BY key"))?;
            statement.query_map([], |row| Ok(entry(row)?.info()))?.collect()
        };
        self.db.read(read).await.map_err(|error| storage("read", error))
    }
}

fn storage(what: &'static str, error: DbError) -> QueueError {
    QueueError::Storage { what, source: Box::new(error) }
}

fn written(error: DbError) -> QueueError {
    storage("written", error)
}

/// The age of what one operation queues, counted only if it queues anything: a request that asks for
/// nothing new writes nothing, and so waits for no flush.
#[derive(Default)]
struct Age(Option<i64>);

impl Age {
    fn get(&mut self, c: &Connection) -> rusqlite::Result<i64> {
        if let Some(age) = self.0 {
            return Ok(age);
        }
        let age = i64::try_from(advance(c, "age", 1)?).map_or(i64::MAX, |before| before.saturating_add(1));
        self.0 = Some(age);
        Ok(age)
    }
}

fn enqueue(c: &Connection, requests: &[Enqueue], age: &mut Age) -> rusqlite::Result<()> {
    for request in requests {
        let wish = Wish::of(request);
        match load(c, &request.key)?.filter(|known| known.state != State::Parked) {
            None => store(c, &Entry::fresh(request.key.clone(), wish, age.get(c)?))?,
            Some(mut known) => {
                if known.merge(wish) {
                    store(c, &known)?;
                }
            }
        }
    }
    Ok(())
}

/// What may be leased, in order. The index is named because the planner, which has no statistics, would
/// sort every ripe row for each lease instead.
fn choice() -> String {
    format!(
        "SELECT {COLUMNS} FROM queue INDEXED BY queue_ripe WHERE ripe = 1 AND due <= ?1 \
         ORDER BY rank DESC, age, key LIMIT ?2"
    )
}

fn lease(c: &Connection, owner: &str, limit: usize, at: Nanos, until: Nanos) -> rusqlite::Result<Vec<Lease>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    c.prepare_cached("UPDATE queue SET ripe = 1 WHERE ripe = 0 AND due <= ?1")?.execute([at])?;
    // What was ripe for a later clock is left out again: the caller's clock may have gone backwards.
    let mut due: Vec<Entry> = c
        .prepare_cached(&choice())?
        .query_map(params![at, limit], entry)?
        .collect::<rusqlite::Result<_>>()?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let mut token = advance(c, "token", due.len())?;
    let mut leases = Vec::with_capacity(due.len());
    for entry in &mut due {
        token += 1;
        leases.push(entry.lease(owner, token, until));
        store(c, entry)?;
    }
    Ok(leases)
}

fn release(
    c: &Connection,
    lease: &Lease,
    how: &Release,
    children: &[Enqueue],
) -> rusqlite::Result<Result<(), QueueError>> {
    let lost = || QueueError::LeaseLost { key: lease.key.clone() };
    // A stale lease must leave no children behind: an extension by nothing checks the token alone.
    match load(c, &lease.key)?.map(|mut entry| entry.heartbeat(lease.token, AT_ONCE)) {
        Some(Ok(())) => {}
        Some(Err(_)) | None => return Ok(Err(lost())),
    }
    let mut age = Age::default();
    enqueue(c, children, &mut age)?;
    let Some(mut entry) = load(c, &lease.key)? else { return Ok(Err(lost())) };
    match entry.release(lease.token, how, age.get(c)?) {
        Ok(true) => store(c, &entry)?,
        Ok(false) => {
            c.prepare_cached("DELETE FROM queue WHERE key = ?1")?.execute([&lease.key])?;
        }
        Err(error) => return Ok(Err(error)),
    }
    Ok(Ok(()))
}

/// Moves a counter by `by` and returns where it stood.
fn advance(c: &Connection, name: &str, by: usize) -> rusqlite::Result<u64> {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    c.prepare_cached("UPDATE counter SET value = value + ?2 WHERE name = ?1 RETURNING value - ?2")?
        .query_row(params![name, by], |row| row.get(0))
}

fn load(c: &Connection, key: &str) -> rusqlite::Result<Option<Entry>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM queue WHERE key = ?1"))?
        .query_row([key], entry)
        .optional()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let wish = |first: usize| -> rusqlite::Result<Option<Wish>> {
        let Some(priority) = row.get(first)? else { return Ok(None) };
        Ok(Some(Wish { priority, not_before: row.get(first + 1)?, floor: row.get(first + 2)? }))
    };
    let state = match row.get(1)? {
        0 => State::Queued,
        1 => State::Running(Holder {
            token: row.get(8)?,
            owner: row.get(9)?,
            until: row.get(10)?,
            again: wish(11)?,
        }),
        2 => State::Parked,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(1, other)),
    };
    let asked = wish(2)?.ok_or(rusqlite::Error::InvalidColumnType(
        2,
        "priority".into(),
        rusqlite::types::Type::Null,
    ))?;
    Ok(Entry {
        key: row.get(0)?,
        state,
        wish: asked,
        age: row.get(5)?,
        attempts: row.get(6)?,
        why: row.get(7)?,
    })
}

fn store(c: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let (state, holder) = match &entry.state {
        State::Queued => (0, None),
        State::Running(holder) => (1, Some(holder)),
        State::Parked => (2, None),
    };
    let again = holder.and_then(|holder| holder.again);
    let due = entry.due();
    c.prepare_cached(
        "INSERT OR REPLACE INTO queue VALUES \
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        entry.key,
        state,
        entry.wish.priority,
        entry.wish.not_before,
        entry.wish.floor,
        entry.age,
        entry.attempts,
        entry.why,
        holder.map(|holder| holder.token),
        holder.map(|holder| &holder.owner),
        holder.map(|holder| holder.until),
        again.map(|again| again.priority),
        again.and_then(|again| again.not_before),
        again.and_then(|again| again.floor),
        entry.rank(),
        due,
        due == AT_ONCE,
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_reads_no_more_rows_than_it_takes() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(include_str!("../sqlite/schema.sql")).unwrap();
        let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {}", choice())).unwrap();
        let steps = explain.query_map([0, 0], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        assert_eq!(steps, ["SCAN queue USING INDEX queue_ripe"], "in the index's order, without a sort");
    }
}
