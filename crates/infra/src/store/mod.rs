//! Content-addressed bytes.

pub mod fs;

pub use fs::{FsBlobs, Staged};
