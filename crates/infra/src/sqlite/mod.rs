//! The embedded state: one SQLite file that queue and records share.
//!
//! WAL with `synchronous=FULL`: a commit that returned survives a power cut, not only a killed process,
//! because the ports promise durability and the first-seen digests are worth nothing without it. One
//! fsync costs milliseconds, so one thread writes and commits whatever arrived meanwhile as one group.

mod flusher;
mod peek;
mod readers;
mod schema;
mod writer;

pub use schema::OpenError;
pub(crate) use schema::Shape;

pub(crate) use flusher::Flusher;

use peek::Peek;
use readers::Readers;
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// Why the state could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// SQLite's own reason; shared, because one failed commit fails every operation of its group.
    #[error("the state database failed")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The thread that serves the file has ended.
    #[error("the state database is closed")]
    Closed,
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// An open state file: one writer, a few readers.
#[derive(Debug)]
pub struct Db {
    // The writer is dropped last: the last connection that closes writes the log back into the file, which one that
    // only reads cannot, and whoever opens the file next would have to read the whole log first.
    readers: Readers,
    peek: Peek,
    writer: Writer,
}

impl Db {
    /// Opens or creates the file. `guard` is held for as long as the file is open.
    pub fn open(path: &Path, guard: Option<Arc<File>>) -> Result<Self, OpenError> {
        Self::open_as(path, guard, &schema::STATE)
    }

    /// As [`Self::open`], for a file of another shape.
    pub(crate) fn open_as(path: &Path, guard: Option<Arc<File>>, shape: &Shape) -> Result<Self, OpenError> {
        let connection = schema::open(path, shape)?;
        let (readers, peek) = (Readers::new(path.to_owned()), Peek::new(path.to_owned()));
        Ok(Self { writer: Writer::start(connection, guard)?, readers, peek })
    }

    /// Runs `work` in the writer's next group, all of it or nothing; durable when this returns. Runs even
    /// if the caller no longer waits.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// Runs `work` on a read-only connection that sees everything that was committed.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.run(work).await
    }

    /// As [`Self::write`], for a thread that may block.
    pub(crate) fn write_blocking<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.run_blocking(work)
    }

    /// Runs a look of microseconds on the calling thread. For what is asked for every request: reading a counter, and
    /// [`data_version`].
    pub(crate) fn peek<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        self.peek.run(look)
    }
}

/// A number that differs from the last one that this connection gave if anybody committed meanwhile, from whichever
/// process (`PRAGMA data_version`).
pub(crate) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
