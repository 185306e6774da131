//! Models of any provider: whose they are, which task goes to which, what they may cost, and the log of all of it.

pub mod family;
mod ledger;
mod log;
mod price;
mod router;
mod settings;

pub use ledger::{Books, Ledger, Spent};
pub use log::{Asked, Ban, Chain, Entry, Head, Link, LogError, subject};
pub use price::{Price, Prices};
pub use router::{RouteError, Router, Taken, Taker, Wanted};
pub use settings::{Allowance, DEFAULT_ROUTE, ModelRef, Provider, Settings, Team};
