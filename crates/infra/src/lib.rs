//! The outside world: stores, queue, one HTTP client, git, and advisory feeds.
//!
//! [`DataDir`] is the embedded state in one folder: blobs as files, queue and records in one SQLite file.
//! [`HttpFetch`] reads foreign servers. Every adapter keeps the contract of its port in
//! `trustmill_core::port`; the conformance suites in `testkit` decide.

pub mod advisories;
pub mod clock;
pub mod data_dir;
pub mod exchange;
pub mod git;
pub mod http;
pub mod journal;
pub mod model;
pub mod queue;
pub mod records;
pub mod sqlite;
pub mod store;
pub mod tokens;
pub mod webhook;

pub use advisories::AdvisoryStore;
pub use clock::SystemClock;
pub use data_dir::{DataDir, DataDirError};
pub use exchange::HttpExchange;
pub use git::{GitConfig, GitRepositories, is_usable_for_ssh};
pub use http::{FetchConfig, HttpFetch};
pub use journal::SqliteJournal;
pub use model::HttpModel;
pub use tokens::SqliteTokens;
pub use webhook::HttpWebhook;
