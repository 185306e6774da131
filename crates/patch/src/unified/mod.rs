//! Unified differences as `diff -u` and git write them.

mod read;
mod write;

pub use read::{FileChange, ReadError, Run, read};
pub use write::write;
