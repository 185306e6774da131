//! The words of the domain and the ports.
//!
//! Pure data: no clock, no file, no socket, no async runtime. Every other crate points here and this
//! crate points at nothing of ours. A trait in [`port`] is a contract; an adapter in `ecosystems`,
//! `sandbox` or `infra` keeps it, and `cli` joins the two.

pub mod advisory;
pub mod alert;
pub mod attempt;
pub mod comparison;
pub mod content;
pub mod conversation;
pub mod digest;
pub mod fact;
pub mod key;
pub mod lockfile;
pub mod outcome;
pub mod overrides;
pub mod package;
pub mod port;
pub mod recipe;
pub mod release;
pub mod repair;
pub mod ruling;
pub mod scan;
pub mod shelf;
pub mod source;
pub mod sse;
pub mod token;
pub mod trusted;
pub mod verdict;
pub mod version;

pub use digest::Sha256;
pub use jiff::Timestamp;
pub use key::Key;
pub use package::Purl;
pub use verdict::Verdict;
