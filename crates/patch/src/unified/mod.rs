//! Unified differences as `diff -u` and git write them.

mod apply;
mod read;
mod write;

pub use apply::{Unfit, apply};
pub use read::{FileChange, ReadError, Run, read};
pub use write::write;
