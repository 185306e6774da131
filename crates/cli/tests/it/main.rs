//! The user's view: the real binary, real packages, real pip and uv.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod access;
mod advisories;
mod cargo_client;
mod check;
mod clients;
mod crash;
mod errors;
mod examples;
mod gate;
mod guard;
mod models;
mod npm_clients;
mod output;
mod policy;
mod repair;
mod scan;
mod secure;
mod support;
mod verify;
mod yara;
