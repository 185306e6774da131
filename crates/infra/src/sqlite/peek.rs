//! One read-only connection for looks that take microseconds and happen for every request: they are not worth a
//! thread's turn.

use super::{DbError, readers};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub(super) struct Peek {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Peek {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Mutex::default() }
    }

    pub(super) fn run<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DbError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match connection.take() {
            Some(open) => open,
            None => readers::open(&self.path)?,
        };
        let found = look(&open);
        *connection = Some(open);
        Ok(found?)
    }
}
