//! The listening side: a bound address, a bounded number of connections, an orderly end.

use crate::access::Peer;
use crate::connection::{From, connection};
use crate::options::ServerLimits;
use crate::tls::Tls;
use axum::Router;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use trustmill_core::port::Coded;

/// A pause after the system could not accept, for instance because it ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest that a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A bound server that does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    limits: ServerLimits,
    tls: Option<Tls>,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there already.
    #[error("the address {addr} is in use by another program")]
    Taken {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The system refuses.
    #[error("cannot listen on {addr}")]
    Refused {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Coded for BindError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "TM0701",
            Self::Refused { .. } => "TM0702",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Taken { addr, .. } => format!(
                "stop the other program, or listen elsewhere with --listen {}:PORT; port 0 takes any that is free",
                addr.ip()
            ),
            Self::Refused { addr, .. } if addr.port() < 1024 => {
                "ports below 1024 need a privilege: take a higher one".into()
            }
            Self::Refused { .. } => "listen on an address of this machine, such as 127.0.0.1".into(),
        }
    }
}

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they outlived the deadline.
    pub cut: usize,
}

impl Server {
    /// Binds `addr`; port 0 takes any free one, see [`Self::addr`].
    ///
    /// # Errors
    /// The address is taken, or the system refuses it.
    pub async fn bind(addr: SocketAddr, limits: ServerLimits) -> Result<Self, BindError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken { addr, source },
            _ => BindError::Refused { addr, source },
        };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr: bound, limits, tls: None })
    }

    /// Speaks TLS only.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The address that was bound.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers with `app` until `stop` is done, then lets open requests end within the deadline.
    pub async fn run(self, app: Router, stop: impl Future<Output = ()> + Send) -> Drained {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let mut stop = pin!(stop);
        let mut renewal = JoinSet::new();
        if let Some(tls) = &self.tls {
            renewal.spawn(tls.clone().follow());
        }
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let Some((stream, address, place)) = accepted else { break };
            let open = Open { stream, address, limits: self.limits.clone(), app: app.clone() };
            let (watcher, tls) = (graceful.watcher(), self.tls.clone());
            connections.spawn(async move {
                open.serve(tls.as_ref(), watcher).await;
                drop(place);
            });
            while connections.try_join_next().is_some() {}
        }
        drop(self.listener);
        tracing::info!(open = connections.len(), "no new connections; open requests end");
        if tokio::time::timeout(self.limits.drain_time, graceful.shutdown()).await.is_ok() {
            return Drained { cut: 0 };
        }
        while connections.try_join_next().is_some() {}
        let cut = connections.len();
        connections.shutdown().await;
        Drained { cut }
    }
}

/// A connection that was accepted.
struct Open {
    stream: TcpStream,
    address: SocketAddr,
    limits: ServerLimits,
    app: Router,
}

impl Open {
    /// Answers until the client has enough, or the server is told to stop.
    async fn serve(self, tls: Option<&Tls>, watcher: Watcher) {
        // Small answers leave at once; an old kernel that refuses is no reason to refuse the client.
        let _ = self.stream.set_nodelay(true);
        let peer = Peer { address: self.address, secure: tls.is_some() };
        let service = From { peer, service: TowerToHyperService::new(self.app) };
        let ended = match tls {
            None => watcher.watch(connection(self.stream, &self.limits, service)).await,
            Some(tls) => {
                let agreed = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(self.stream)).await;
                match agreed {
                    Ok(Ok(stream)) => watcher.watch(connection(stream, &self.limits, service)).await,
                    Ok(Err(error)) => return tracing::debug!(%error, "no agreement on TLS"),
                    Err(_) => return tracing::debug!("no agreement on TLS in time"),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// The next connection and its place among the open ones.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // Never closed; if it were, there would be no place for anybody.
    let place = places.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return Some((stream, address, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
