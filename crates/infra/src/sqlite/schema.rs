//! The shape of a database file, its version, and how older shapes become this one.

use super::readers::keep_plans;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// What a file of the mill looks like.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Marks the file as the mill's own (`PRAGMA application_id`).
    pub(crate) application_id: i32,
    /// Each entry brings the file from version `index` to `index + 1` (`PRAGMA user_version`).
    pub(crate) migrations: &'static [&'static str],
}

/// `state.db`: "TMil".
pub(crate) const STATE: Shape = Shape {
    application_id: 0x544D_696C,
    migrations: &[include_str!("schema.sql"), include_str!("version2.sql")],
};

impl Shape {
    /// The version that this code reads and writes.
    fn version(&self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }
}

/// Why the state file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer version of the mill wrote it.
    #[error("the state has format {found}, this version reads up to {known}")]
    Newer {
        /// In the file.
        found: u32,
        /// The newest this code reads.
        known: u32,
    },
    /// It is a database of another program, or no database, or a damaged one.
    #[error("the state file is not a database of the mill, or it is damaged")]
    Foreign(#[source] Option<rusqlite::Error>),
    /// No room is left.
    #[error("no space left while opening the state file")]
    Full,
    /// The medium failed.
    #[error("the state file cannot be opened")]
    Failed(#[source] rusqlite::Error),
    /// The thread that writes could not be started.
    #[error("the state's writer cannot be started")]
    Thread(#[from] std::io::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Foreign(Some(error)),
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Failed(error),
        }
    }
}

/// Opens the file for writing, makes it this version's shape.
pub(super) fn open(path: &Path, shape: &Shape) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    refuse_foreign(&connection, shape)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection, shape)?;
    Ok(connection)
}

/// Nothing is written to a file before it is known to be ours, or empty.
fn refuse_foreign(connection: &Connection, shape: &Shape) -> Result<(), OpenError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = version(connection)?;
    if found > shape.version() && application == shape.application_id {
        return Err(OpenError::Newer { found, known: shape.version() });
    }
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if application == shape.application_id || empty { Ok(()) } else { Err(OpenError::Foreign(None)) }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Writes nothing where nothing is to be done: a full volume can still be opened.
fn migrate(connection: &mut Connection, shape: &Shape) -> Result<(), OpenError> {
    if version(connection)? == shape.version() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    let from = usize::try_from(version(&transaction)?).unwrap_or(usize::MAX);
    for step in shape.migrations.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", shape.application_id)?;
    transaction.pragma_update(None, "user_version", shape.version())?;
    transaction.commit()?;
    Ok(())
}
