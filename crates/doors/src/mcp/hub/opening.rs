//! How a connection begins: every server is started or reached, greeted, and its tools compared with what was pinned.

use super::{Hub, Member, Open};
use crate::desk::Desk;
use crate::mcp::REVISIONS;
use crate::mcp::held::{Quiet, Shows};
use crate::mcp::name::Naming;
use crate::mcp::stream::Stream;
use crate::mcp::upstream::{Arrival, Server, Sink, Upstream};
use crate::stdio::{drop_member, put};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use trustmill_core::port::exchange::Exchange;

/// Under which what a server says of itself is pinned, beside its tools.
const INSTRUCTIONS: &str = "(instructions)";

/// What a connection is opened with.
pub(in crate::mcp) struct Opening<'a> {
    pub(in crate::mcp) desk: Arc<dyn Desk>,
    pub(in crate::mcp) session: String,
    pub(in crate::mcp) naming: Naming,
    pub(in crate::mcp) servers: BTreeMap<String, Server>,
    pub(in crate::mcp) exchange: &'a Arc<dyn Exchange>,
    pub(in crate::mcp) page: Option<String>,
    /// The client's parameters of `initialize`.
    pub(in crate::mcp) params: Value,
}

/// A connection that was opened.
pub(in crate::mcp) struct Opened {
    pub(in crate::mcp) hub: Arc<Hub>,
    /// What `initialize` is answered with.
    pub(in crate::mcp) greeting: Value,
    pub(in crate::mcp) revision: String,
}

/// What arrives before the hub is there, and the way to it from then on.
#[derive(Default)]
struct Door {
    hub: OnceLock<Weak<Hub>>,
    early: Mutex<Vec<Arrival>>,
}

impl Door {
    fn sink(self: &Arc<Self>, server: &str) -> Sink {
        let (door, server) = (Arc::clone(self), server.to_owned());
        Arc::new(move |arrival| match door.hub.get() {
            Some(hub) => {
                if let Some(hub) = hub.upgrade() {
                    hub.arrived(&server, arrival);
                }
            }
            None => {
                let mut early = door.early.lock().unwrap_or_else(PoisonError::into_inner);
                // A server that talks much before it is greeted is not listened to.
                if early.len() < 64 {
                    early.push(arrival);
                }
            }
        })
    }
}

/// Opens a connection.
///
/// # Errors
/// A sentence: no server is there.
pub(in crate::mcp) async fn open(opening: Opening<'_>) -> Result<Opened, String> {
    let Opening { desk, session, naming, servers, exchange, page, mut params } = opening;
    drop_member(params.get_mut("capabilities"), "tasks");
    let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    let revision = REVISIONS.iter().find(|known| **known == asked).unwrap_or(&REVISIONS[0]).to_string();
    put(&mut params, "protocolVersion", revision.as_str());
    let doors: Vec<(String, Arc<Door>)> = servers.keys().map(|name| (name.clone(), Arc::default())).collect();
    let greeted = servers
        .iter()
        .zip(&doors)
        .map(|((name, server), (_, door))| greet(name, server, exchange, door.sink(name), &params));
    let mut members = BTreeMap::new();
    let mut why = Vec::new();
    for greeted in join_all(greeted).await {
        match greeted {
            Ok((name, member)) => {
                members.insert(name, member);
            }
            Err(reason) => why.push(reason),
        }
    }
    if members.is_empty() {
        return Err(if why.is_empty() { "no server is configured".into() } else { why.join("; ") });
    }
    for (name, member) in &mut members {
        let Some(pin) = instructions(&member.hello) else { continue };
        if desk.listed(name, &[pin]).await.holds(name, INSTRUCTIONS)
            && let Some(hello) = member.hello.as_object_mut()
        {
            hello.remove("instructions");
        }
    }
    let capabilities = params.get("capabilities").cloned().unwrap_or_default();
    let hub = Arc::new(Hub {
        desk,
        session,
        naming,
        shows: Shows::of(&capabilities),
        page,
        quiet: Quiet::default(),
        capabilities,
        members,
        general: Stream::new(0),
        next: AtomicU64::new(1),
        open: Mutex::new(Open::default()),
    });
    for (name, door) in &doors {
        let _ = door.hub.set(Arc::downgrade(&hub));
        let early = std::mem::take(&mut *door.early.lock().unwrap_or_else(PoisonError::into_inner));
        early.into_iter().for_each(|arrival| hub.arrived(name, arrival));
    }
    let servers: Vec<String> = hub.members.keys().cloned().collect();
    join_all(servers.iter().map(|server| hub.compare(server))).await;
    let mut greeting = match &hub.naming {
        Naming::Plain(server) => {
            hub.members.get(server).map(|member| member.hello.clone()).unwrap_or_default()
        }
        Naming::Prefixed => hub.greeting(&revision),
    };
    drop_member(greeting.get_mut("capabilities"), "tasks");
    let revision = greeting.get("protocolVersion").and_then(Value::as_str).map_or(revision, str::to_owned);
    Ok(Opened { hub, greeting, revision })
}

/// Starts or reaches a server and sets the connection up; on behalf of the client, whose name and abilities it sees.
async fn greet(
    name: &str,
    server: &Server,
    exchange: &Arc<dyn Exchange>,
    sink: Sink,
    params: &Value,
) -> Result<(String, Member), String> {
    let upstream = Upstream::connect(server, exchange, sink).map_err(|error| format!("{name}: {error}"))?;
    let answered = upstream.greet(params.clone()).await;
    let message = answered.map_err(|lost| format!("{name}: {}", lost.as_str()))?;
    let Some(hello) = message.get("result").cloned() else {
        let why = message.pointer("/error/message").and_then(Value::as_str).unwrap_or("no answer");
        return Err(format!("{name}: {}", trustmill_guard::value::visible(why)));
    };
    let revision = hello.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    if !REVISIONS.contains(&revision) {
        return Err(format!("{name}: it speaks another revision of the protocol"));
    }
    upstream.settled(revision).await;
    upstream.tell("notifications/initialized", Value::Null).await;
    Ok((name.to_owned(), Member { upstream, hello, changed: AtomicBool::new(false) }))
}

/// What a server says of itself, as a thing that is pinned.
fn instructions(hello: &Value) -> Option<(String, Value)> {
    let text = hello.get("instructions").filter(|text| text.is_string())?;
    Some((INSTRUCTIONS.to_owned(), json!({ "instructions": text })))
}
