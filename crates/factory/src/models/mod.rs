//! Models of any provider: whose they are, which task goes to which, what they may cost, and the log of all of it.

mod account;
pub mod family;
mod ledger;
mod log;
mod pass;
mod price;
mod router;
mod settings;

pub use account::{StatementError, Use, absence, inventory};
pub use ledger::{Books, Ledger, Spent};
pub use log::{Asked, Ban, Chain, Entry, Head, Link, LogError, subject};
pub use pass::{Admitted, Passed};
pub use price::{Price, Prices};
pub use router::{RouteError, Router, Taken, Taker, Wanted};
pub use settings::{Allowance, DEFAULT_ROUTE, ModelRef, Provider, Settings, Team};
