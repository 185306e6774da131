//! The API of overrides: hand out a release in spite of a policy, for a while, and say why. For admins.

use crate::access::{Caller, problem};
use crate::api::{json, read_json};
use crate::app::App;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use trustmill_core::port::overrides::{Asked, Fault, Overrides, OverridesError, Stands};

/// `GET /api/v1/overrides`.
pub(crate) async fn list(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Response {
    answer(listed(&app, &caller).await)
}

/// `POST /api/v1/overrides`.
pub(crate) async fn say(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(said(&app, &caller, &headers, body).await)
}

/// `DELETE /api/v1/overrides/ID`.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(revoked(&app, &caller, &id, &headers, body).await)
}

/// What `DELETE /api/v1/overrides/ID` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    by: String,
    why: String,
}

async fn listed(app: &App, caller: &Caller) -> Result<Response, Box<Response>> {
    caller.must_be_admin()?;
    let overrides = desk(app)?.list().await.map_err(|error| refused(&error))?;
    Ok(json(StatusCode::OK, &serde_json::json!({ "format": 1, "overrides": overrides })))
}

async fn said(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Box<Response>> {
    caller.must_be_admin()?;
    let asked: Asked = read_json(headers, body).await?;
    let by = caller.signs(&asked.by);
    let said = desk(app)?.say(Asked { by, ..asked }).await.map_err(|error| refused(&error))?;
    Ok(one(StatusCode::CREATED, &said))
}

async fn revoked(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Box<Response>> {
    caller.must_be_admin()?;
    let Words { by, why } = read_json(headers, body).await?;
    let gone = desk(app)?.revoke(id, &caller.signs(&by), &why).await.map_err(|error| refused(&error))?;
    Ok(one(StatusCode::OK, &gone))
}

fn answer(result: Result<Response, Box<Response>>) -> Response {
    result.unwrap_or_else(|refused| *refused)
}

fn one(status: StatusCode, stands: &Stands) -> Response {
    json(status, &serde_json::json!({ "format": 1, "override": stands }))
}

fn desk(app: &App) -> Result<&dyn Overrides, Box<Response>> {
    let help = "overrides are kept by a mill that has policies";
    let none = || Box::new(problem(StatusCode::NOT_FOUND, "TM0728", "this server keeps no overrides", help));
    app.options.overrides.as_deref().ok_or_else(none)
}

fn refused(error: &OverridesError) -> Box<Response> {
    let status = match error.fault {
        Fault::Asked => StatusCode::BAD_REQUEST,
        Fault::Unknown => StatusCode::NOT_FOUND,
        Fault::Gone => StatusCode::CONFLICT,
        Fault::Mill => {
            tracing::error!(code = error.code, %error, "the API of overrides cannot answer");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    Box::new(problem(status, error.code, &error.what, &error.help))
}

impl Caller {
    /// Whoever signs is in the end the token that was shown: it stands beside the name.
    fn signs(&self, name: &str) -> String {
        let name = name.trim();
        match &self.principal.token {
            Some(token) if !name.is_empty() => format!("{name} (token {token})"),
            _ => name.to_owned(),
        }
    }
}
