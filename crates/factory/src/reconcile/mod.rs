//! Reconcile: keys are leased, brought where they should be, and given back.

mod backoff;
mod dispatch;

pub use dispatch::{Dispatcher, Drained, Settings};
