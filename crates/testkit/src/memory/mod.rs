//! Each storage port in memory, as plainly as possible: the reference that other backends are compared with.

mod blobs;
mod queue;
mod records;
mod repositories;

pub use blobs::MemBlobs;
pub use queue::MemQueue;
pub use records::MemRecords;
pub use repositories::MemRepositories;
