//! What agents speak to: `POST`, `GET` and `DELETE` at `/mcp` (every server, names with the server's before them) and at
//! `/mcp/SERVER` (one, names as they are).
//!
//! An agent shows its key with every request; the key is the guard's own and opens one task. A connection belongs to the
//! task that opened it. Requests for another host than the one that is listened on, or from a page of another origin, are
//! refused, so that no web page reaches the guard by way of somebody's browser.

pub(crate) mod fence;
mod sessions;

pub use fence::Fence;

use super::failure;
use super::hub::{Opening, open};
use super::name::Naming;
use super::stream::Stream;
use super::upstream::Server;
use super::{LONGEST, REVISIONS};
use crate::desk::Desk;
use crate::engine::Engine;
use crate::stdio::put;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::{Value, json};
use sessions::{Connection, Sessions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::exchange::Exchange;

/// How long an answer is waited for before the response becomes a stream that shows its client that somebody is there.
const SOON: Duration = Duration::from_secs(1);

/// Between two signs of life on a stream.
const SIGN: Duration = Duration::from_secs(15);

/// The most messages of a batch (revision 2025-03-26).
const MOST_OF_A_BATCH: usize = 50;

/// The error of the protocol for a revision that is not spoken here.
const OTHER_REVISION: i64 = -32022;

/// What the endpoint's handlers share.
pub struct Endpoint {
    engine: Arc<Engine>,
    servers: BTreeMap<String, Server>,
    exchange: Arc<dyn Exchange>,
    /// Where people decide, for clients that can show it.
    page: Option<String>,
    sessions: Sessions,
}

impl Endpoint {
    /// An endpoint for these servers; `page` is where people decide.
    pub fn new(
        engine: Arc<Engine>,
        servers: BTreeMap<String, Server>,
        exchange: Arc<dyn Exchange>,
        page: Option<String>,
    ) -> Arc<Self> {
        Arc::new(Self { engine, servers, exchange, page, sessions: Sessions::default() })
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.sessions.count()
    }

    /// Ends every connection, and with it the servers that are processes.
    pub async fn close(&self) {
        self.sessions.close().await;
    }
}

/// The routes, behind a fence.
pub fn router(endpoint: Arc<Endpoint>, fence: Fence) -> Router {
    tokio::spawn(sessions::sweep(Arc::downgrade(&endpoint)));
    Router::new()
        .route("/mcp", post(post_all).get(get_all).delete(delete_all))
        .route("/mcp/{server}", post(post_one).get(get_one).delete(delete_one))
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(middleware::from_fn_with_state(Arc::new(fence), fence::guarded))
        .with_state(endpoint)
}

type Shared = State<Arc<Endpoint>>;

async fn post_all(State(endpoint): Shared, headers: HeaderMap, body: Bytes) -> Response {
    posted(&endpoint, None, &headers, &body).await
}

async fn post_one(
    State(endpoint): Shared,
    Path(server): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    posted(&endpoint, Some(server), &headers, &body).await
}

async fn get_all(State(endpoint): Shared, headers: HeaderMap) -> Response {
    listened(&endpoint, None, &headers)
}

async fn get_one(State(endpoint): Shared, Path(server): Path<String>, headers: HeaderMap) -> Response {
    listened(&endpoint, Some(&server), &headers)
}

async fn delete_all(State(endpoint): Shared, headers: HeaderMap) -> Response {
    ended(&endpoint, None, &headers).await
}

async fn delete_one(State(endpoint): Shared, Path(server): Path<String>, headers: HeaderMap) -> Response {
    ended(&endpoint, Some(&server), &headers).await
}

/// A response that is an error of the protocol.
fn refused(status: StatusCode, code: i64, why: &str) -> Response {
    said(status, &failure(&Value::Null, code, why))
}

fn said(status: StatusCode, message: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], message.to_string()).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whose task a request belongs to.
fn session(endpoint: &Endpoint, headers: &HeaderMap) -> Result<String, Box<Response>> {
    let key = text(headers, "authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    key.and_then(|key| endpoint.engine.session_of(key)).ok_or_else(|| {
        let why = "show the key that `trustmill guard key` printed: Authorization: Bearer KEY\n";
        Box::new(
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer realm=\"guard\"")], why)
                .into_response(),
        )
    })
}

/// The connection that a request names; it must be of the same task and at the same address.
fn connection(
    endpoint: &Endpoint,
    session: &str,
    server: Option<&str>,
    headers: &HeaderMap,
) -> Result<Arc<Connection>, Box<Response>> {
    let Some(id) = text(headers, "mcp-session-id") else {
        return Err(Box::new(refused(
            StatusCode::BAD_REQUEST,
            -32600,
            "the request names no connection (Mcp-Session-Id)",
        )));
    };
    let found = endpoint
        .sessions
        .get(id)
        .filter(|found| found.session == session && found.server.as_deref() == server);
    let found = found
        .ok_or_else(|| Box::new(refused(StatusCode::NOT_FOUND, -32001, "there is no such connection")))?;
    if let Some(revision) = text(headers, "mcp-protocol-version")
        && !REVISIONS.contains(&revision)
    {
        return Err(Box::new(other_revision(&Value::Null, revision)));
    }
    Ok(found)
}

fn other_revision(id: &Value, asked: &str) -> Response {
    let mut message = failure(id, OTHER_REVISION, "this revision of the protocol is not spoken here");
    if let Some(error) = message.get_mut("error") {
        put(error, "data", json!({ "supported": REVISIONS, "requested": asked }));
    }
    said(StatusCode::BAD_REQUEST, &message)
}

async fn posted(
    endpoint: &Arc<Endpoint>,
    server: Option<String>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let session = match session(endpoint, headers) {
        Ok(session) => session,
        Err(response) => return *response,
    };
    // A form of another site cannot send this type.
    if !text(headers, "content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, -32600, "the body must be application/json");
    }
    let message: Value = match serde_json::from_slice(body) {
        Ok(message) => message,
        Err(_) => return refused(StatusCode::BAD_REQUEST, -32700, "this is no JSON"),
    };
    let id = message.get("id").cloned().unwrap_or_default();
    let method = message.get("method").and_then(Value::as_str);
    if method == Some("initialize") {
        return opened(endpoint, session, server, message).await;
    }
    // Clients of a later revision ask first what is spoken here, outside of any connection.
    let revision = text(headers, "mcp-protocol-version").filter(|revision| !REVISIONS.contains(revision));
    if let Some(revision) = revision {
        return other_revision(&id, revision);
    }
    let connection = match connection(endpoint, &session, server.as_deref(), headers) {
        Ok(connection) => connection,
        Err(response) => return *response,
    };
    connection.touch();
    match message {
        Value::Array(several) => batch(&connection, several).await,
        message if message.is_object() && is_request(&message) => request(connection, message).await,
        message if message.is_object() => {
            connection.hub.hear(&message).await;
            StatusCode::ACCEPTED.into_response()
        }
        _ => refused(StatusCode::BAD_REQUEST, -32600, "a message is an object"),
    }
}

fn is_request(message: &Value) -> bool {
    message.get("method").is_some() && message.get("id").is_some_and(|id| !id.is_null())
}

/// Opens a connection.
async fn opened(
    endpoint: &Arc<Endpoint>,
    session: String,
    server: Option<String>,
    message: Value,
) -> Response {
    let id = message.get("id").cloned().unwrap_or_default();
    let servers: BTreeMap<String, Server> = match &server {
        None => endpoint.servers.clone(),
        Some(name) => endpoint
            .servers
            .get_key_value(name)
            .map(|(name, server)| (name.clone(), server.clone()))
            .into_iter()
            .collect(),
    };
    if servers.is_empty() {
        return said(StatusCode::NOT_FOUND, &failure(&id, -32600, "the guard has no such server"));
    }
    let Some(place) = endpoint.sessions.reserve(&session) else {
        return said(StatusCode::TOO_MANY_REQUESTS, &failure(&id, -32000, "too many connections are open"));
    };
    let opening = Opening {
        desk: Arc::clone(&endpoint.engine) as Arc<dyn Desk>,
        session: session.clone(),
        naming: server.clone().map_or(Naming::Prefixed, Naming::Plain),
        servers,
        exchange: &endpoint.exchange,
        page: endpoint.page.clone(),
        params: message.get("params").cloned().unwrap_or_default(),
    };
    let opened = match open(opening).await {
        Ok(opened) => opened,
        Err(why) => return said(StatusCode::OK, &failure(&id, -32000, &why)),
    };
    let connection = Connection::new(session, server, opened.hub, opened.revision);
    match place.fill(connection) {
        Ok(name) => {
            let mut response = said(StatusCode::OK, &super::answer(&id, opened.greeting));
            if let Ok(name) = name.parse() {
                response.headers_mut().insert("mcp-session-id", name);
            }
            response
        }
        Err(_) => said(StatusCode::OK, &failure(&id, -32000, "the system gives no randomness")),
    }
}

/// Several messages at once; their answers are one list.
async fn batch(connection: &Arc<Connection>, several: Vec<Value>) -> Response {
    if connection.revision != "2025-03-26" || several.is_empty() || several.len() > MOST_OF_A_BATCH {
        return refused(
            StatusCode::BAD_REQUEST,
            -32600,
            "batches are of revision 2025-03-26, and not endless",
        );
    }
    let general = Arc::clone(&connection.hub.general);
    let answers = several.iter().map(|message| async {
        match is_request(message) {
            true => Some(connection.hub.request(message, &general).await),
            false => {
                connection.hub.hear(message).await;
                None
            }
        }
    });
    let answers: Vec<Value> = join_all(answers).await.into_iter().flatten().collect();
    match answers.is_empty() {
        true => StatusCode::ACCEPTED.into_response(),
        false => said(StatusCode::OK, &Value::Array(answers)),
    }
}

/// One request: a plain answer where it is all that there is to say, else a stream.
async fn request(connection: Arc<Connection>, message: Value) -> Response {
    let stream = connection.new_stream();
    let reader = stream.attach();
    let work = {
        let (connection, stream) = (Arc::clone(&connection), Arc::clone(&stream));
        // The request goes on when its client's connection breaks: it is cancelled by saying so, and its answer can be
        // fetched.
        tokio::spawn(async move {
            let answer = connection.hub.request(&message, &stream).await;
            stream.finish(&answer);
            connection.finished(stream.number);
        })
    };
    drop(work);
    match tokio::time::timeout(SOON, stream.from(0, reader)).await {
        Ok(Some(event)) if event.last => {
            connection.forget(stream.number);
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (StatusCode::OK, kind, event.text.to_string()).into_response()
        }
        _ => events(&connection, stream, 0, reader, true),
    }
}

/// The stream of a connection, or one that was lost.
fn listened(endpoint: &Endpoint, server: Option<&str>, headers: &HeaderMap) -> Response {
    let session = match session(endpoint, headers) {
        Ok(session) => session,
        Err(response) => return *response,
    };
    if !text(headers, "accept")
        .is_some_and(|kinds| kinds.contains("text/event-stream") || kinds.contains("*/*"))
    {
        return refused(StatusCode::NOT_ACCEPTABLE, -32600, "this is a stream of events (text/event-stream)");
    }
    let connection = match connection(endpoint, &session, server, headers) {
        Ok(connection) => connection,
        Err(response) => return *response,
    };
    connection.touch();
    let Some(last) = text(headers, "last-event-id") else {
        let general = Arc::clone(&connection.hub.general);
        let reader = general.attach();
        return events(&connection, general, 0, reader, false);
    };
    let found = last.split_once('-').and_then(|(stream, event)| {
        let (stream, event) = (stream.parse::<u64>().ok()?, event.parse::<u64>().ok()?);
        Some((connection.stream(stream)?, event))
    });
    match found {
        None => refused(StatusCode::BAD_REQUEST, -32600, "no stream has such an event any more"),
        Some((stream, from)) => {
            let reader = stream.attach();
            events(&connection, stream, from, reader, false)
        }
    }
}

/// A stream of events from a number on. Event ids say what comes next: `STREAM-NUMBER`.
fn events(
    connection: &Arc<Connection>,
    stream: Arc<Stream>,
    from: u64,
    reader: u64,
    first: bool,
) -> Response {
    // An event without data tells a client where to begin if it loses the stream before anything came; older clients
    // take it for a message.
    let prime = (first && connection.revision.as_str() >= "2025-11-25")
        .then(|| Bytes::from(format!("id: {}-0\ndata: \n\n", stream.number)));
    let connection = Arc::clone(connection);
    let state = (connection, stream, from, prime, false);
    let body = stream::unfold(state, move |(connection, stream, from, prime, ended)| async move {
        if ended {
            return None;
        }
        if let Some(prime) = prime {
            return Some((Ok::<_, std::convert::Infallible>(prime), (connection, stream, from, None, false)));
        }
        connection.touch();
        match tokio::time::timeout(SIGN, stream.from(from, reader)).await {
            Err(_) => Some((Ok(Bytes::from_static(b": \n\n")), (connection, stream, from, None, false))),
            Ok(None) => None,
            Ok(Some(event)) => {
                let next = event.number + 1;
                let frame = format!("id: {}-{next}\nevent: message\ndata: {}\n\n", stream.number, event.text);
                Some((Ok(Bytes::from(frame)), (connection, stream, next, None, event.last)))
            }
        }
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (StatusCode::OK, head, Body::from_stream(body)).into_response()
}

async fn ended(endpoint: &Endpoint, server: Option<&str>, headers: &HeaderMap) -> Response {
    let session = match session(endpoint, headers) {
        Ok(session) => session,
        Err(response) => return *response,
    };
    match connection(endpoint, &session, server, headers) {
        Err(response) => *response,
        Ok(connection) => {
            endpoint.sessions.remove(&connection);
            connection.hub.close().await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
