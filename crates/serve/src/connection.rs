//! One connection: HTTP/1.1 with bounds on heads, idleness and standstill.

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
use tokio::net::TcpStream;

/// Most headers of a request.
const MAX_HEADERS: usize = 64;

/// The connection that answers through `service`, to be driven by the caller.
pub(crate) fn connection<S>(
    stream: TcpStream,
    limits: &ServerLimits,
    service: S,
) -> http1::Connection<TokioIo<Stalling<TcpStream>>, S>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>
        + HttpService<Incoming, ResBody = Body>,
{
    // Small answers leave at once; an old kernel that refuses is no reason to refuse the client.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(MAX_HEADERS)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.stall_time)), service)
}
