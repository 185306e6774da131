//! The application over an in-memory world: a scripted ecosystem, stores that fail on purpose, a clock that
//! a test moves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod agent;
mod alerts;
mod dispatch;
mod faults;
mod firewall;
mod mending;
mod mending_models;
mod oracle;
mod pipeline;
mod screen;
mod source;
mod watch;
mod widen;
mod workshop;
mod world;
