//! Facts, first-seen digests and the watch set.

mod revisions;
pub mod sqlite;

pub use sqlite::SqliteRecords;

use trustmill_core::fact::Fact;
use trustmill_core::port::records::RecordsError;

/// Refuses a record whose shape this code does not know.
fn known(format: u32) -> Result<(), RecordsError> {
    if format > Fact::FORMAT {
        return Err(RecordsError::Newer { found: format, known: Fact::FORMAT });
    }
    Ok(())
}
