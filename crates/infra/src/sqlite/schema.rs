//! The shape of the state file, its version, and how older shapes become this one.

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Marks the file as the mill's own (`PRAGMA application_id`): "TMil".
const APPLICATION_ID: i32 = 0x544D_696C;

/// Each entry brings the file from version `index` to `index + 1` (`PRAGMA user_version`).
const MIGRATIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("version2.sql")];

/// The version of the shape that this code reads and writes.
pub(super) const VERSION: u32 = 2;

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
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    refuse_foreign(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

/// Nothing is written to a file before it is known to be ours, or empty.
fn refuse_foreign(connection: &Connection) -> Result<(), OpenError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = version(connection)?;
    if found > VERSION && application == APPLICATION_ID {
        return Err(OpenError::Newer { found, known: VERSION });
    }
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if application == APPLICATION_ID || empty { Ok(()) } else { Err(OpenError::Foreign(None)) }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Writes nothing where nothing is to be done: a full volume can still be opened.
fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    let from = usize::try_from(version(&transaction)?).unwrap_or(usize::MAX);
    for step in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
