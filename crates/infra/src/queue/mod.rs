//! The queue of keys; what every operation means is decided in `entry`, whatever the medium.

mod entry;
pub mod sqlite;

pub use sqlite::SqliteQueue;
