//! Which path leads where.

use crate::access::{Caller, Door, Peer};
use crate::options::Options;
use crate::respond::{HandedOut, plain, respond, set, text, unavailable};
use crate::view::{self, View};
use crate::{alerts, api, asked, overrides, status};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use std::sync::Arc;
use std::time::Instant;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::{self, Registry};
use trustmill_core::ruling::Action;

/// How people and tools are asked for a token where no registry has words of its own.
pub(crate) const DEFAULT_CHALLENGE: &str = "Basic realm=\"Trustmill\"";

/// Everything that answers.
pub(crate) struct App {
    pub(crate) registries: Vec<Arc<dyn Registry>>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) options: Options,
    pub(crate) door: Door,
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
        .route("/api/v1/openapi.json", get(api::description))
        .route("/api/v1/packages/{*purl}", get(api::package))
        .route("/api/v1/handed/{*purl}", get(alerts::handed))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/{id}/ack", post(alerts::acknowledge))
        .route("/api/v1/overrides", get(overrides::list).post(overrides::say))
        .route("/api/v1/overrides/{id}", delete(overrides::revoke))
        .fallback(registries_handler)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Nothing but health is answered before it is known who asks.
async fn guard(State(app): State<Arc<App>>, mut request: Request<Body>, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Peer>().copied();
    let client = app.door.client(request.headers(), peer);
    let origin = client.origin.clone();
    match app.door.admit(request.uri(), request.headers(), client, &app.options).await {
        Ok(caller) => {
            let is_known = caller.principal.team.is_some();
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            app.mark(&mut response, is_known);
            response
        }
        // The path is not logged: it may hold the token.
        Err(denied) => {
            tracing::debug!(code = denied.code(), "not let in");
            denied.response(&app.challenge(request.uri().path(), origin.as_deref()))
        }
    }
}

async fn registries_handler(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    app.answer(&parts, body, false).await
}

impl App {
    pub(crate) fn new(registries: Vec<Arc<dyn Registry>>, blobs: Arc<dyn Blobs>, options: Options) -> Self {
        let access = options.access.clone();
        Self {
            registries,
            blobs,
            options,
            door: Door::new(access),
            started: Instant::now(),
            summary: status::SummaryCache::default(),
        }
    }

    /// How whoever asked for this path is asked for a token.
    fn challenge(&self, path: &str, origin: Option<&str>) -> String {
        let ty = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let registry = self.registries.iter().find(|registry| registry.ty() == ty);
        registry.map_or_else(|| DEFAULT_CHALLENGE.to_owned(), |registry| registry.challenge(origin))
    }

    /// Tells caches for whom an answer is.
    fn mark(&self, response: &mut Response, is_known: bool) {
        if !self.door.tells_apart() {
            return;
        }
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Authorization"));
        if !is_known && !self.door.required() {
            return;
        }
        let said = text(response.headers(), header::CACHE_CONTROL).unwrap_or_default();
        let lifetime = said.strip_prefix("public, ").unwrap_or(said);
        let private = match lifetime {
            "" => "private".to_owned(),
            "no-store" => return,
            lifetime => format!("private, {lifetime}"),
        };
        set(response, header::CACHE_CONTROL, &private);
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
        let caller = request.extensions.get::<Caller>().cloned();
        // A build comes through no door; it is nobody.
        let caller = caller.unwrap_or_else(|| Caller {
            origin: self.door.client(headers, None).origin,
            ..Caller::default()
        });
        let question = registry::Request {
            method,
            body: asked::body(method, headers, body, registry.takes(method, &path)).await?,
            query: asked::query(request)?,
            auth_required: !past_only && self.door.required(),
            origin: caller.origin,
            accept: text(headers, header::ACCEPT).map(str::to_owned),
            principal: caller.principal,
            action: if past_only { Action::Serve } else { Action::Install },
            path,
            as_of,
            mount: mount.to_owned(),
        };
        let response = match tokio::time::timeout(self.options.answer_time, registry.answer(&question)).await
        {
            Ok(answer) => respond(answer, &request.method, headers, &self.blobs).await,
            Err(_) => unavailable("the answer takes too long; it is still being prepared", None),
        };
        if let (Some(journal), Some(HandedOut(of, digest))) =
            (&self.options.journal, response.extensions().get::<HandedOut>())
            && !past_only
        {
            journal.note(&of.0, &of.1, *digest, &question.principal, self.options.clock.now());
        }
        Ok(response)
    }
}
