//! What holds for every request at an address for agents.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::SocketAddr;
use std::sync::Arc;

/// The hosts that a request may name. A name that somebody made to point here is none of them.
#[derive(Debug, Clone)]
pub struct Fence {
    hosts: Vec<String>,
}

impl Fence {
    /// For what is listened on at `address`, and further names that lead there.
    pub fn new(address: SocketAddr, hosts: &[String]) -> Self {
        let port = address.port();
        let local = [format!("{address}"), format!("localhost:{port}")];
        Self { hosts: local.into_iter().chain(hosts.iter().cloned()).collect() }
    }

    /// Whether a request is let through: for a host of these, and from a page of the same origin, if from any. Two header
    /// fields of one name may be read differently by two programs, and are none.
    pub fn lets(&self, headers: &HeaderMap) -> bool {
        let only = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().map(|value| value.to_str().unwrap_or_default());
            values.next().is_none().then_some(first)
        };
        let (Some(Some(host)), Some(origin)) = (only(header::HOST), only(header::ORIGIN)) else {
            return false;
        };
        let known = self.hosts.iter().any(|known| known == host);
        let own = origin.is_none_or(|origin| origin.split_once("://").is_some_and(|(_, from)| from == host));
        known && own
    }
}

/// Refuses what comes from elsewhere.
pub(crate) async fn guarded(State(fence): State<Arc<Fence>>, request: Request, next: Next) -> Response {
    match fence.lets(request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this address answers to its own name alone\n").into_response(),
    }
}
