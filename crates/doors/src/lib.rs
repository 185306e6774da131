//! The guard's doors: what joins the decision point to agents, to their tools, and to the people who decide.
//!
//! * [`log`] keeps the record: one line each, a chain of hashes, on disk before what it allows happens;
//! * [`engine`] is the decision point: one at a time per folder, whatever door a call comes through;
//! * [`socket`] lets several doors share it, [`desk`] is what they ask;
//! * [`stdio`] stands between an MCP client and an MCP server that talk over standard input and output;
//! * [`mcp`] is one endpoint over HTTP for many MCP servers;
//! * [`keys`] show which session an agent's requests belong to;
//! * [`models`] passes agents' requests on to models' providers;
//! * [`page`] is where people look and decide, [`questions`] call them there;
//! * [`hook`] answers agents that ask before each tool call.

mod clock;
pub mod desk;
pub mod engine;
pub mod hook;
pub mod keys;
pub mod log;
pub mod mcp;
pub mod models;
pub mod page;
pub mod questions;
pub mod socket;
pub mod standard;
pub mod stdio;
