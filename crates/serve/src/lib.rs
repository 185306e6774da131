//! HTTP: what package managers and people read.
//!
//! Knows the ports of `core` and no ecosystem: a [`Registry`](trustmill_core::port::registry::Registry)
//! says what to answer, this crate says it in HTTP/1.1 (RFC 9110, RFC 9112). It goes on reading when the
//! factory is stopped.

mod access;
mod alerts;
mod api;
mod app;
mod asked;
mod conditional;
mod connection;
mod file;
mod gateway;
mod options;
mod overrides;
mod range;
mod respond;
mod server;
mod stall;
mod status;
mod tls;
mod view;

pub use access::{Access, BadNetwork, Forwarded, Network, Rate};
pub use app::router;
pub use gateway::RegistryGateways;
pub use options::{Options, PublicKey, ServerLimits};
pub use server::{BindError, Drained, Server};
pub use tls::{Tls, TlsError};
