//! The application: keys are reconciled through the pipeline until each is where it should be.
//!
//! It knows ports and pure functions, no backend: the same code runs over memory in tests, over one
//! folder on a laptop, and over servers.

pub mod agent;
pub mod alerts;
pub mod audit;
pub mod cases;
pub mod error;
pub mod facts;
pub mod firewall;
pub mod ignores;
pub mod inbox;
pub mod inventory;
pub mod models;
pub mod pipeline;
pub mod progress;
pub mod reconcile;
pub mod repair;
pub mod report;
pub mod screen;
pub mod stance;
mod world;

pub use error::StepError;
pub use world::{ServePolicy, World};
