//! For tests only: fakes and one conformance suite per port.
//!
//! An adapter is accepted when it passes the suite of its port in [`conformance`]. [`memory`] keeps each
//! storage port in the plainest way that can be checked by reading: it is the reference of the suites and
//! the world of the application's tests. [`faults`] makes any of them fail, before or after a write landed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests speak by panicking, and this crate is only ever part of tests"
)]

pub mod advisories;
pub mod agents;
pub mod authority;
pub mod clock;
pub mod conformance;
pub mod dotted;
pub mod faults;
pub mod fetch;
pub mod gate;
pub mod memory;
pub mod model;
pub mod once;
pub mod osv;
pub mod scanner;
pub mod server;
pub mod webhook;
pub mod wire;

pub use advisories::ScriptedAdvisories;
pub use authority::Authority;
pub use clock::ManualClock;
pub use dotted::Dotted;
pub use faults::{Faults, When};
pub use fetch::ScriptedFetch;
pub use gate::ScriptedGate;
pub use memory::{MemBlobs, MemJournal, MemQueue, MemRecords, MemRepositories, MemTokens};
pub use model::ScriptedModel;
pub use scanner::ScriptedScanner;
pub use webhook::ScriptedWebhook;
