//! One connection: HTTP/1.1 with bounds on heads, idleness and standstill.

use crate::access::Peer;
use crate::options::ServerLimits;
use crate::stall::Stalling;
use axum::body::Body;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use tokio::io::{AsyncRead, AsyncWrite};

/// Most headers of a request.
const MAX_HEADERS: usize = 64;

/// The connection that answers through `service`, to be driven by the caller.
pub(crate) fn connection<I, S>(
    stream: I,
    limits: &ServerLimits,
    service: S,
) -> http1::Connection<TokioIo<Stalling<I>>, S>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>
        + HttpService<Incoming, ResBody = Body>,
{
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(MAX_HEADERS)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.stall_time)), service)
}

/// A service whose requests say who is at the other end.
pub(crate) struct From<S> {
    pub(crate) peer: Peer,
    pub(crate) service: S,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for From<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}
