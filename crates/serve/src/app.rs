//! Which path leads where.

use crate::options::Options;
use crate::respond::{plain, respond, text, unavailable};
use crate::view::{self, View};
use crate::{api, asked, status};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::{self, Registry};
use trustmill_core::ruling::Action;

/// Everything that answers.
pub(crate) struct App {
    pub(crate) registries: Vec<Arc<dyn Registry>>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) options: Options,
    pub(crate) started: Instant,
    pub(crate) summary: status::SummaryCache,
}

/// The routes of the server: `/` for people, `/healthz` and `/readyz` for supervisors, `/keys` and
/// `/keys.pem`, `/api/v1/packages/{purl}`, and every registry under its type.
pub fn router(registries: Vec<Arc<dyn Registry>>, blobs: Arc<dyn Blobs>, options: Options) -> Router {
    let app = Arc::new(App::new(registries, blobs, options));
    Router::new()
        .route("/", get(status::page))
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz))
        .route("/keys", get(api::keys))
        .route("/keys.pem", get(api::keys_pem))
        .route("/api/v1/packages/{*purl}", get(api::package))
        .fallback(registries_handler)
        .with_state(app)
}

async fn registries_handler(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    app.answer(&parts, body, false).await
}

impl App {
    pub(crate) fn new(registries: Vec<Arc<dyn Registry>>, blobs: Arc<dyn Blobs>, options: Options) -> Self {
        Self { registries, blobs, options, started: Instant::now(), summary: status::SummaryCache::default() }
    }

    /// Answers a request for a registry; with `past_only`, the present does not exist.
    pub(crate) async fn answer(&self, request: &Parts, body: Body, past_only: bool) -> Response {
        let began = Instant::now();
        let response =
            self.dispatch(request, body, past_only).await.unwrap_or_else(|turned_away| *turned_away);
        tracing::debug!(
            method = %request.method,
            path = request.uri.path(),
            status = response.status().as_u16(),
            micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }

    async fn dispatch(
        &self,
        request: &Parts,
        body: Body,
        past_only: bool,
    ) -> Result<Response, Box<Response>> {
        let headers = &request.headers;
        let view = view::parse(request.uri.path())
            .map_err(|why| Box::new(plain(StatusCode::BAD_REQUEST, why.to_string())))?;
        if past_only && view.as_of.is_none() {
            return Ok(plain(StatusCode::NOT_FOUND, "only views of the past are served here"));
        }
        let Some(registry) = self.registries.iter().find(|registry| registry.ty() == view.ty) else {
            return Ok(plain(StatusCode::NOT_FOUND, "there is no such registry here; / lists them"));
        };
        let View { as_of, mount, path, .. } = view;
        let method = asked::method(request, registry.as_ref(), &path)?;
        let question = registry::Request {
            method,
            body: asked::body(method, headers, body, registry.takes(method, &path)).await?,
            query: asked::query(request)?,
            auth_required: false,
            origin: asked::origin(headers),
            accept: text(headers, header::ACCEPT).map(str::to_owned),
            principal: Arc::default(),
            action: if past_only { Action::Serve } else { Action::Install },
            path,
            as_of,
            mount: mount.to_owned(),
        };
        Ok(match tokio::time::timeout(self.options.answer_time, registry.answer(&question)).await {
            Ok(answer) => respond(answer, &request.method, headers, &self.blobs).await,
            Err(_) => unavailable("the answer takes too long; it is still being prepared", None),
        })
    }
}
