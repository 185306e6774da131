//! What holds for every request at an address for agents.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
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

    /// Whether a request for `host`, from a page of `origin` if from any, is let through.
    pub fn lets(&self, host: &str, origin: Option<&str>) -> bool {
        let known = self.hosts.iter().any(|known| known == host);
        let own = origin.is_none_or(|origin| origin.split_once("://").is_some_and(|(_, from)| from == host));
        known && own
    }
}

/// Refuses what comes from elsewhere.
pub(crate) async fn guarded(State(fence): State<Arc<Fence>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    match fence.lets(host, origin) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this address answers to its own name alone\n").into_response(),
    }
}
