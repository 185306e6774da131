//! The models' door: endpoints in the shapes of OpenAI (`/v1/chat/completions`, `/v1/responses`) and Anthropic
//! (`/v1/messages`), behind which the guard asks the operator's providers with keys that no agent has.
//!
//! An agent shows the key of its session where it would show a provider's. Which models there are, whose they are, what is
//! banned and what may be spent is said by whoever implements [`Models`]; an endpoint or a model that it does not know is
//! refused. Requests lose what looks like a secret before they leave; replies pass as they come, streams event by event.

mod reply;
mod shape;

pub use shape::Shape;

use crate::engine::Engine;
use crate::mcp::endpoint::{Fence, fence};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use reply::{Passing, Seen};
use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_core::conversation::Tokens;
use trustmill_core::port::exchange::{Exchange, Outgoing, Verb};
use trustmill_core::port::registry::Secret;

/// The longest request, and the longest reply that is no stream, in bytes.
const LONGEST: usize = 32 << 20;

/// Header fields of a provider's answer that clients go by.
const CARRIED: [&str; 6] =
    ["retry-after", "retry-after-ms", "x-request-id", "request-id", "x-should-retry", "openai-processing-ms"];

/// A request that may go out.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// By which its end finds it.
    pub key: String,
    /// The address that it goes to, above the shape's own path.
    pub url: String,
    /// Header fields, the provider's key among them.
    pub headers: Vec<(String, Secret)>,
    /// The model's name there.
    pub model: String,
}

/// Why a request is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status that its client is answered.
    pub status: u16,
    /// A sentence for a reader.
    pub why: String,
}

/// How a request ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// `None` with a reply; else a word for the log.
    pub failed: Option<&'static str>,
    /// The model that the provider says answered.
    pub reported: String,
    /// What was used.
    pub tokens: Tokens,
}

/// Whoever knows the providers.
#[async_trait]
pub trait Models: Send + Sync {
    /// Whether a session may ask a model in a shape; what may MUST be in the log when this returns.
    async fn admit(
        &self,
        session: &str,
        model: &str,
        shape: Shape,
        bytes: usize,
        output: u64,
    ) -> Result<Admitted, Refusal>;

    /// Why the model that answers is not one that was asked for, if it is not.
    fn is_same(&self, admitted: &Admitted, reported: &str) -> Result<(), String>;

    /// Resolves when the model may no longer be used.
    async fn until_banned(&self, admitted: &Admitted) -> String;

    /// Writes down how it ended.
    async fn ended(&self, admitted: &Admitted, ended: Ended);

    /// Models that can be asked, by the names under which agents ask for them.
    fn names(&self) -> Vec<String>;

    /// A text without secrets.
    fn redacted(&self, text: &str) -> String;
}

struct Door {
    engine: Arc<Engine>,
    models: Arc<dyn Models>,
    exchange: Arc<dyn Exchange>,
}

/// The routes, behind a fence.
pub fn router(
    engine: Arc<Engine>,
    models: Arc<dyn Models>,
    exchange: Arc<dyn Exchange>,
    fence: Fence,
) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(responses))
        .route("/v1/messages", post(messages))
        .route("/v1/models", get(list))
        .route("/v1/{*other}", axum::routing::any(unknown))
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(middleware::from_fn_with_state(Arc::new(fence), fence::guarded))
        .with_state(Arc::new(Door { engine, models, exchange }))
}

type Shared = State<Arc<Door>>;

async fn chat(State(door): Shared, headers: HeaderMap, body: Bytes) -> Response {
    asked(door, Shape::Chat, &headers, &body).await
}

async fn responses(State(door): Shared, headers: HeaderMap, body: Bytes) -> Response {
    asked(door, Shape::Responses, &headers, &body).await
}

async fn messages(State(door): Shared, headers: HeaderMap, body: Bytes) -> Response {
    asked(door, Shape::Messages, &headers, &body).await
}

async fn unknown() -> Response {
    Shape::Chat.refusal(
        404,
        "the guard passes on /v1/chat/completions, /v1/responses and /v1/messages, and nothing else",
    )
}

/// Whose request it is. Clients of either shape show the key in the header field that they know.
fn session(door: &Door, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    door.engine.session_of(bearer.or_else(|| text("x-api-key"))?.trim())
}

async fn list(State(door): Shared, headers: HeaderMap) -> Response {
    if session(&door, &headers).is_none() {
        return Shape::Chat.refusal(401, "show the key that `trustmill guard key` printed as the API key");
    }
    let names = door.models.names();
    let data: Vec<Value> = names
        .iter()
        .map(|name| json!({ "id": name, "object": "model", "type": "model", "created": 0, "owned_by": "guard" }))
        .collect();
    let body = json!({ "object": "list", "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last() });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn asked(door: Arc<Door>, shape: Shape, headers: &HeaderMap, body: &Bytes) -> Response {
    let Some(session) = session(&door, headers) else {
        return shape.refusal(401, "show the key that `trustmill guard key` printed as the API key");
    };
    let Ok(Value::Object(mut request)) = serde_json::from_slice::<Value>(body) else {
        return shape.refusal(400, "the body is no JSON object");
    };
    let Some(name) = request.get("model").and_then(Value::as_str).map(str::to_owned) else {
        return shape.refusal(400, "the request names no model");
    };
    // What a provider would keep and go on with by itself is beyond budgets and bans.
    if shape.works_on(&request) {
        return shape.refusal(400, "requests that go on in the background are not passed on");
    }
    let admitted = match door.models.admit(&session, &name, shape, body.len(), shape.most(&request)).await {
        Ok(admitted) => admitted,
        Err(Refusal { status, why }) => return shape.refusal(status, &why),
    };
    request.insert("model".into(), Value::String(admitted.model.clone()));
    let streams = request.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let counts = streams && shape.ask_for_usage(&mut request);
    let mut request = Value::Object(request);
    redact(&mut request, door.models.as_ref());
    let mut outgoing = admitted.headers.clone();
    outgoing.push(("content-type".into(), Secret::new("application/json")));
    for name in shape.headers() {
        if let Some(value) = headers.get(*name).and_then(|value| value.to_str().ok()) {
            outgoing.push(((*name).to_owned(), Secret::new(value)));
        }
    }
    let url = format!("{}/{}", admitted.url.trim_end_matches('/'), shape.path());
    let outgoing = Outgoing { verb: Verb::Post, url, headers: outgoing, body: request.to_string().into() };
    pass(door, shape, admitted, outgoing, counts).await
}

/// Takes secrets out of every text of a request, but for what the shape itself needs.
fn redact(value: &mut Value, models: &dyn Models) {
    match value {
        Value::String(text) => *text = models.redacted(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, models)),
        Value::Object(members) => {
            for (name, member) in members {
                // Names, ids and what the provider itself sealed or encoded are no texts.
                let kept = [
                    "id",
                    "model",
                    "type",
                    "role",
                    "signature",
                    "encrypted_content",
                    "call_id",
                    "tool_use_id",
                    "tool_call_id",
                    "previous_response_id",
                ];
                if !kept.contains(&name.as_str()) {
                    redact(member, models);
                }
            }
        }
        _ => {}
    }
}

/// Sends a request and hands the reply on.
async fn pass(
    door: Arc<Door>,
    shape: Shape,
    admitted: Admitted,
    outgoing: Outgoing,
    counts: bool,
) -> Response {
    let failed = |how| Ended { failed: Some(how), ..Ended::default() };
    let sent = tokio::select! {
        biased;
        why = door.models.until_banned(&admitted) => {
            door.models.ended(&admitted, failed("banned")).await;
            return shape.refusal(403, &why);
        }
        sent = door.exchange.send(outgoing) => sent,
    };
    let mut incoming = match sent {
        Ok(incoming) => incoming,
        Err(error) => {
            door.models.ended(&admitted, failed("unreachable")).await;
            return shape.refusal(502, &error.to_string());
        }
    };
    let status = StatusCode::from_u16(incoming.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = incoming.header("content-type").unwrap_or("application/json").to_owned();
    let carried: Vec<(&str, String)> =
        CARRIED.iter().filter_map(|name| Some((*name, incoming.header(name)?.to_owned()))).collect();
    let answer = |body: Body, kind: &str| {
        let mut response = (status, [(header::CONTENT_TYPE, kind.to_owned())], body).into_response();
        for (name, value) in &carried {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(*name, value);
            }
        }
        response
    };
    if status.is_success() && kind.starts_with("text/event-stream") {
        let passing = Passing::new(Arc::clone(&door.models), admitted, shape, counts, incoming.body);
        return answer(passing.into_body(), &kind);
    }
    if status.is_redirection() {
        door.models.ended(&admitted, failed("rejected")).await;
        return shape.refusal(502, "the provider redirects, which is not followed");
    }
    let body = match incoming.whole(LONGEST).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            door.models.ended(&admitted, failed("too-much")).await;
            return shape.refusal(502, "the reply is too long");
        }
        Err(error) => {
            door.models.ended(&admitted, failed("cut")).await;
            return shape.refusal(502, &error.to_string());
        }
    };
    if !status.is_success() {
        door.models.ended(&admitted, failed("rejected")).await;
        return answer(Body::from(body), &kind);
    }
    let mut seen = Seen::default();
    seen.look(shape, &serde_json::from_slice(&body).unwrap_or_default());
    if let Err(why) = door.models.is_same(&admitted, &seen.reported) {
        door.models.ended(&admitted, Ended { failed: Some("other-family"), ..seen.ended() }).await;
        return shape.refusal(502, &why);
    }
    door.models.ended(&admitted, seen.ended()).await;
    answer(Body::from(body), &kind)
}
