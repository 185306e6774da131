//! The ports: one contract per file, in the words of RFC 2119.
//!
//! An adapter is accepted when it passes the port's conformance suite in `testkit`.

pub mod advisories;
pub mod blobs;
pub mod clock;
pub mod ecosystem;
pub mod exchange;
pub mod fetch;
pub mod gate;
pub mod journal;
pub mod model;
pub mod overrides;
pub mod queue;
pub mod records;
pub mod registry;
pub mod repositories;
pub mod sandbox;
pub mod scanner;
pub mod tokens;
pub mod webhook;
pub mod workshop;

/// An error that a user meets: a stable code and what to do. `Display` says what and where, and never
/// prints its source: the edge prints the chain once.
pub trait Coded: std::error::Error {
    /// `TM` and four digits; `docs/errors/CODE.md` explains it. A code is never reused.
    fn code(&self) -> &'static str;

    /// What the user can do, in one or two sentences.
    fn help(&self) -> String;
}
