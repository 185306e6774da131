//! The API of alerts: what was handed out and turned out to be bad, who has it, and that somebody looked.

use crate::access::{Caller, Denied, problem};
use crate::api::{json, read_json};
use crate::app::App;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use trustmill_core::alert::{Ack, AlertState, KINDS, fold};
use trustmill_core::port::Coded;
use trustmill_core::port::records::Records;

/// `GET /api/v1/alerts`, `?open` for those at which nobody looked.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let states = match states(&app).await {
        Ok((_, states)) => states,
        Err(response) => return *response,
    };
    let only_open = matches!(uri.query(), Some("open" | "open=true" | "open=1"));
    let alerts: Vec<_> = states.into_iter().filter(|state| !only_open || state.is_open()).collect();
    json(StatusCode::OK, &serde_json::json!({ "format": 1, "alerts": alerts }))
}

/// What `POST /api/v1/alerts/ID/ack` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    who: String,
    why: String,
}

/// `POST /api/v1/alerts/ID/ack`, with an admin token.
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match acknowledged(&app, &caller, &id, &headers, body).await {
        Ok(response) => response,
        Err(response) => *response,
    }
}

async fn acknowledged(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Box<Response>> {
    caller.must_be_admin()?;
    let Given { who, why } = read_json(headers, body).await?;
    let by = Some(caller.principal.as_ref().clone());
    let help = "say who looked and what came of it, in 500 bytes each";
    let bad =
        || Box::new(problem(StatusCode::BAD_REQUEST, "TM0727", "`who` or `why` is empty or too long", help));
    let ack = Ack::new(&who, &why, by).ok_or_else(bad)?;
    let (records, states) = states(app).await?;
    let none = || {
        let help = "GET /api/v1/alerts lists every alert with its id";
        Box::new(problem(StatusCode::NOT_FOUND, "TM0726", "there is no such alert", help))
    };
    let state = states.into_iter().find(|state| state.alert.id == id).ok_or_else(none)?;
    if state.is_open() {
        let fact = ack.fact(&state.release, id, app.options.clock.now());
        records.append(&[fact]).await.map_err(|error| broken(&error))?;
    }
    let (_, states) = self::states(app).await?;
    let state = states.into_iter().find(|state| state.alert.id == id).ok_or_else(none)?;
    Ok(json(StatusCode::OK, &serde_json::json!({ "format": 1, "alert": state })))
}

/// `GET /api/v1/handed/PURL`, with an admin token: who was given files of a release, or of a project.
pub(crate) async fn handed(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    if let Err(response) = caller.must_be_admin() {
        return *response;
    }
    let purl = match crate::api::purl(uri.path(), "/api/v1/handed/") {
        Ok(purl) => purl,
        Err(response) => return *response,
    };
    let Some(journal) = &app.options.journal else {
        let help = "set [journal] keep_days to keep one";
        return problem(StatusCode::NOT_FOUND, "TM0728", "this mill keeps no journal", help);
    };
    match journal.handed(&purl).await {
        Ok(handed) => {
            json(StatusCode::OK, &serde_json::json!({ "format": 1, "purl": purl, "handed": handed }))
        }
        Err(error) => *broken(&error),
    }
}

async fn states(app: &App) -> Result<(&dyn Records, Vec<AlertState>), Box<Response>> {
    let none = || {
        let help = "alerts are kept by a mill that keeps records";
        Box::new(problem(StatusCode::NOT_FOUND, "TM0728", "this server keeps no records", help))
    };
    let records = app.options.records.as_deref().ok_or_else(none)?;
    let mut facts = Vec::new();
    for kind in KINDS {
        let found = records.of_kind(kind, 0).await.map_err(|error| broken(&error))?;
        facts.extend(found.into_iter().map(|(_, fact)| fact));
    }
    Ok((records, fold(&facts).map_err(|error| broken(&error))?))
}

/// The mill's own stores failed.
fn broken(error: &impl Coded) -> Box<Response> {
    tracing::error!(code = error.code(), %error, source = ?std::error::Error::source(error), "the API cannot answer");
    Box::new(problem(StatusCode::SERVICE_UNAVAILABLE, error.code(), &error.to_string(), &error.help()))
}

impl Caller {
    /// Refuses who shows no admin token.
    pub(crate) fn must_be_admin(&self) -> Result<(), Box<Response>> {
        let denied = match (self.admin, &self.principal.token) {
            (true, _) => return Ok(()),
            (false, None) => Denied::NoToken,
            (false, Some(_)) => Denied::NotAdmin,
        };
        Err(Box::new(denied.response(crate::app::DEFAULT_CHALLENGE)))
    }
}
