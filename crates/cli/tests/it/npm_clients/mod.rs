//! Real npm, pnpm, both yarns and bun, against a mill that runs inside the test.
//!
//! The clients come from the registry that this machine's own npm is configured for, once, into the target folder.

mod audit;
pub(crate) mod client;
mod mill;
mod real;
mod refusals;
