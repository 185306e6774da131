//! Each storage port in memory, as plainly as possible: the reference that other backends are compared with.

mod blobs;
mod journal;
mod queue;
mod records;
mod repositories;
mod tokens;

pub use blobs::MemBlobs;
pub use journal::MemJournal;
pub use queue::MemQueue;
pub use records::MemRecords;
pub use repositories::MemRepositories;
pub use tokens::MemTokens;
