//! The listening side: a bound address, a bounded number of connections, an orderly end.

use crate::connection::connection;
use crate::options::ServerLimits;
use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
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

/// A bound server that does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    limits: ServerLimits,
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
        Ok(Self { listener, addr: bound, limits })
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
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let Some((stream, place)) = accepted else { break };
            let service = TowerToHyperService::new(app.clone());
            let connection = graceful.watch(connection(stream, &self.limits, service));
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
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

/// The next connection and its place among the open ones.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    // Never closed; if it were, there would be no place for anybody.
    let place = places.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
