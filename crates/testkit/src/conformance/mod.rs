//! One suite per port. A suite panics with the clause of the contract that was broken.
//!
//! Each suite takes a function that opens a fresh and empty backend, so every clause starts from nothing.

mod advisories;
mod blobs;
mod concurrency;
mod journal;
mod model;
pub mod provider;
mod queue;
mod records;
mod scanner;
mod tokens;
mod webhook;

pub use advisories::{Holding, advisories};
pub use blobs::blobs;
pub use concurrency::queue_concurrency;
pub use journal::journal;
pub use model::queue_model;
pub use queue::queue;
pub use records::records;
pub use scanner::scanner;
pub use tokens::tokens;
pub use webhook::webhook;
