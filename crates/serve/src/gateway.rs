//! The far end of a build's only connection: the registries as of an instant, and a record of every request.
//!
//! A build sees no present: without an instant in the path there is nothing, so that what it resolves is
//! what could be resolved then, and stands in its provenance.

use crate::app::App;
use crate::connection::connection;
use crate::options::{Options, ServerLimits};
use crate::respond::{ServedFile, unavailable};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trustmill_core::attempt::RecordedRequest;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::Registry;
use trustmill_core::port::sandbox::{Gateway, Gateways, RecordingGateway};

/// Most requests of one build. An environment of hundreds of packages needs a few thousand.
const MAX_REQUESTS: usize = 50_000;
/// Most connections of one build at once.
const MAX_CONNECTIONS: usize = 128;

/// Opens a gateway per build onto the same registries.
pub struct RegistryGateways {
    app: Arc<App>,
    limits: ServerLimits,
}

impl RegistryGateways {
    /// Gateways onto `registries`, whose files are in `blobs`.
    pub fn new(registries: Vec<Arc<dyn Registry>>, blobs: Arc<dyn Blobs>) -> Self {
        let limits = ServerLimits { connections: MAX_CONNECTIONS, ..ServerLimits::default() };
        Self { app: Arc::new(App::new(registries, blobs, Options::default())), limits }
    }
}

impl Gateways for RegistryGateways {
    fn open(&self) -> Arc<dyn RecordingGateway> {
        Arc::new(RegistryGateway {
            app: self.app.clone(),
            limits: self.limits.clone(),
            record: Arc::default(),
        })
    }
}

/// One build's gateway.
struct RegistryGateway {
    app: Arc<App>,
    limits: ServerLimits,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record(Mutex<Vec<RecordedRequest>>);

impl Record {
    /// Takes down a request and how it was answered.
    fn keep(&self, request: RecordedRequest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() >= MAX_REQUESTS
    }
}

impl RecordingGateway for RegistryGateway {
    fn requests(&self) -> Vec<RecordedRequest> {
        self.record.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Gateway for RegistryGateway {
    async fn serve(&self, listener: TcpListener) {
        let listener =
            listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the gateway's socket cannot be used");
                return;
            }
        };
        let places = Arc::new(Semaphore::new(self.limits.connections));
        // Dropped with this future: no connection outlives its build.
        let mut connections = JoinSet::new();
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let (app, record) = (self.app.clone(), self.record.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (app, record) = (app.clone(), record.clone());
                async move { Ok::<_, Infallible>(answer(&app, &record, request).await) }
            });
            let connection = connection(stream, &self.limits, service);
            connections.spawn(async move {
                let _place = place;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a build's connection ended early");
                }
            });
            while connections.try_join_next().is_some() {}
        }
    }
}

async fn answer(app: &App, record: &Record, request: Request<Incoming>) -> Response {
    if record.is_full() {
        return unavailable("this build asks too much", None);
    }
    let (request, body) = request.into_parts();
    let response = app.answer(&request, Body::new(body), true).await;
    record.keep(RecordedRequest {
        method: request.method.to_string(),
        path: request.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        status: response.status().as_u16(),
        sha256: response.extensions().get::<ServedFile>().map(|file| file.0),
    });
    response
}
