//! One thread that writes: it takes what waits, runs it in one transaction, commits once, answers all.

use super::DbError;
use rusqlite::Connection;
use std::fs::File;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A group is committed when nothing more waits, and at the latest after this many operations
const GROUP_OPERATIONS: usize = 500;
/// or this long after its first one began.
const GROUP_TIME: Duration = Duration::from_millis(5);

/// An operation that waits for its group.
trait Operation: Send {
    /// Does the work inside the group's transaction.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// Tells the caller; with `Ok` the work is durable.
    fn answer(self: Box<Self>, result: Result<(), DbError>);
}

struct Pending<T, F> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, DbError>>,
}

impl<T, F> Operation for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(connection)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), DbError>) {
        let Self { value, reply, .. } = *self;
        // The caller may have gone; what it asked for is done nevertheless.
        drop(reply.send(result.and_then(|()| value.ok_or(DbError::Closed))));
    }
}

/// The handle of the thread; dropping it waits until everything accepted is committed.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<Sender<Box<dyn Operation>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It owns the connection, and `guard` until it ends.
    pub(super) fn start(connection: Connection, guard: Option<Arc<File>>) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("state-writer".into()).spawn(move || {
            serve(&connection, &receiver);
            drop(connection);
            drop(guard);
        })?;
        Ok(Self { queue: Mutex::new(Some(sender)), thread: Some(thread) })
    }

    /// Runs `work` in the next group.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(Pending { work: Some(work), value: None, reply }))?;
        answer.await.map_err(|_| DbError::Closed)?
    }

    /// As [`Self::run`], for a thread that may block.
    pub(super) fn run_blocking<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(Pending { work: Some(work), value: None, reply }))?;
        answer.blocking_recv().map_err(|_| DbError::Closed)?
    }

    fn submit(&self, operation: Box<dyn Operation>) -> Result<(), DbError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().ok_or(DbError::Closed)?.send(operation).map_err(|_| DbError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the state's writer ended by a panic");
        }
    }
}

fn serve(connection: &Connection, receiver: &Receiver<Box<dyn Operation>>) {
    while let Ok(first) = receiver.recv() {
        commit_group(connection, first, receiver);
    }
}

/// Runs `first` and what waits behind it in one transaction.
fn commit_group(connection: &Connection, first: Box<dyn Operation>, receiver: &Receiver<Box<dyn Operation>>) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        return first.answer(Err(error.into()));
    }
    let began = Instant::now();
    let mut done = Vec::new();
    let mut next = Some(first);
    while let Some(mut operation) = next {
        match savepoint(connection, operation.as_mut()) {
            Ok(()) => done.push(operation),
            Err(error) => {
                let error = DbError::from(error);
                operation.answer(Err(error.clone()));
                // A full disk or a failing one makes SQLite undo the whole transaction, not this part.
                if connection.is_autocommit() {
                    return answer_all(done, &Err(error));
                }
            }
        }
        let room = done.len() < GROUP_OPERATIONS && began.elapsed() < GROUP_TIME;
        next = if room { receiver.try_recv().ok() } else { None };
    }
    answer_all(done, &commit(connection));
}

/// Runs one operation so that its failure undoes its own writes and no others.
fn savepoint(connection: &Connection, operation: &mut dyn Operation) -> rusqlite::Result<()> {
    connection.prepare_cached("SAVEPOINT operation")?.execute([])?;
    let result = operation.run(connection);
    if result.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO operation")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE operation")?.execute([])?;
    }
    result
}

fn commit(connection: &Connection) -> Result<(), DbError> {
    let result = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    if result.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a failed group could not be undone");
    }
    result.map(|_| ()).map_err(DbError::from)
}

fn answer_all(done: Vec<Box<dyn Operation>>, result: &Result<(), DbError>) {
    for operation in done {
        operation.answer(result.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(connection: &Connection, n: i64) -> rusqlite::Result<()> {
        connection.execute("INSERT INTO t VALUES (?1)", [n]).map(|_| ())
    }

    #[tokio::test]
    async fn an_operation_that_fails_takes_back_its_own_writes_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        let writer = Writer::start(connection, None).unwrap();
        // The first holds the thread until the others wait behind it, so that all are of one group.
        let (hold, held) = channel::<()>();
        let first = writer.run(move |c| {
            held.recv().ok();
            put(c, 1)
        });
        let second = writer.run(|c| put(c, 2).and_then(|()| put(c, 1)));
        let third = writer.run(|c| put(c, 3));
        let release = async { drop(hold) };
        let (first, second, third, ()) = tokio::join!(first, second, third, release);
        assert!(first.is_ok() && third.is_ok());
        assert!(matches!(second, Err(DbError::Sqlite(_))), "{second:?}");
        drop(writer);
        let rows: String = Connection::open(&path)
            .unwrap()
            .query_row("SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY n)", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, "1,3");
    }
}
