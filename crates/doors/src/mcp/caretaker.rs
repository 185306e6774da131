//! What is due is done: access that people gave for a time ends by itself, as long as a guard runs that reaches its server.
//!
//! The call that ends it goes the way of every other: decided, recorded, and leased by those who gave the access for that
//! time. One that fails is tried again.

use super::hub::{Opening, open};
use super::name::Naming;
use super::stream::Stream;
use super::upstream::Server;
use crate::desk::Desk;
use crate::engine::Engine;
use crate::stdio::ended_as;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::port::exchange::Exchange;
use trustmill_guard::record::{Outcome, Undo};
use trustmill_guard::value::visible;

/// Between two looks at what is due.
const LOOK: Duration = Duration::from_secs(1);

/// Between two tries of what failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Ends what is due on these servers, until this future is dropped.
pub async fn end_what_is_due(
    engine: Arc<Engine>,
    servers: BTreeMap<String, Server>,
    exchange: Arc<dyn Exchange>,
) {
    let mut tried: BTreeMap<u64, Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        for (number, entry) in engine.journal(None, true) {
            let Some(server) = servers.get(&entry.undo.server) else { continue };
            if tried.get(&number).is_some_and(|at| at.elapsed() < AGAIN) {
                continue;
            }
            tried.insert(number, Instant::now());
            match end(&engine, number, &entry.undo, server, &exchange).await {
                Ok(()) => drop(tried.remove(&number)),
                Err(why) => tracing::warn!("{} is due to be undone and is not: {why}", entry.summary),
            }
        }
    }
}

async fn end(
    engine: &Arc<Engine>,
    number: u64,
    undo: &Undo,
    server: &Server,
    exchange: &Arc<dyn Exchange>,
) -> Result<(), String> {
    let session = engine.end(number).map_err(|error| error.to_string())?;
    let opening = Opening {
        desk: Arc::clone(engine) as Arc<dyn Desk>,
        session,
        naming: Naming::Plain(undo.server.clone()),
        servers: BTreeMap::from([(undo.server.clone(), server.clone())]),
        exchange,
        page: None,
        params: json!({ "protocolVersion": super::REVISIONS.first(), "capabilities": {},
            "clientInfo": { "name": "trustmill-guard", "version": env!("CARGO_PKG_VERSION") } }),
    };
    let hub = open(opening).await?.hub;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": undo.tool, "arguments": undo.arguments } });
    let answer = hub.request(&call, &Stream::new(0)).await;
    let ended = match ended_as(&answer).0 == Outcome::Failed {
        true => Err(visible(&answer.to_string().chars().take(300).collect::<String>())),
        false => engine.undone(number, "the lease's end").map_err(|error| error.to_string()),
    };
    // A server may take its time to end; the record does not wait for it.
    hub.close().await;
    ended
}
