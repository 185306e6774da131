//! The decision point and its doors, in one process: what passes, what waits, what is refused, and what is recorded.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod engine;
mod labels;
mod mcp;
mod models;
mod once;
mod page;
mod questions;
mod stdio;
mod support;
