//! A question to a person through the agent's own client, where it can show one (elicitation).
//!
//! The client belongs to the agent: it may answer by itself. So its answer allows nothing. It opens the page on which a
//! person signs in, or says "look again"; then the decision is made anew, and only a lease that a person gave elsewhere
//! makes it another one.

use super::hub::Hub;
use super::stream::Stream;
use crate::engine::Answer;
use crate::stdio::put;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use trustmill_core::Sha256;
use trustmill_guard::call::Call;

/// How long a call is held while a person looks. Clients give up on calls after a minute.
pub(super) const HELD: Duration = Duration::from_secs(45);

/// After an answer that brought no lease, how long nobody is asked this way again.
const QUIET: Duration = Duration::from_secs(60);

/// What a client can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Nothing,
    Forms,
    Addresses,
}

impl Shows {
    /// From the client's capabilities. An empty `elicitation` means forms.
    pub(super) fn of(capabilities: &Value) -> Self {
        match capabilities.get("elicitation") {
            None | Some(Value::Null) => Self::Nothing,
            Some(known) if known.get("url").is_some() => Self::Addresses,
            Some(_) => Self::Forms,
        }
    }
}

/// When the client was last asked in vain; nobody else asks while this is held.
#[derive(Debug, Default)]
pub(super) struct Quiet(tokio::sync::Mutex<Option<Instant>>);

impl Hub {
    /// Shows that something waits, and waits for a person. Gives whether it is worth deciding anew.
    pub(super) async fn held(&self, call: &Call, stream: &Stream, answer: &Answer) -> bool {
        let Some(plan) = answer.plan.filter(|_| self.shows != Shows::Nothing) else { return false };
        // One question at a time: the calls that come meanwhile wait in the same plan.
        let Ok(mut quiet) = self.quiet.0.try_lock() else { return false };
        if quiet.is_some_and(|at| at.elapsed() < QUIET) {
            return false;
        }
        let mut changes = self.desk.changes();
        if let Some(changes) = &mut changes {
            changes.mark_unchanged();
        }
        let digest = call.digest();
        let (mut id, mut told) = self.ask_client();
        stream.push(&self.question(&id, &plan, answer));
        let end = tokio::time::Instant::now() + HELD;
        let again = loop {
            let changed = async {
                match &mut changes {
                    Some(changes) => changes.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                said = &mut told => {
                    let accepted = said.ok().is_some_and(|said| {
                        said.pointer("/result/action").and_then(Value::as_str) == Some("accept")
                    });
                    let page = self.shows == Shows::Addresses && self.page.is_some();
                    if !accepted || !page || changes.is_none() {
                        break accepted;
                    }
                    // The page is open: now it is the person's turn.
                    self.forget_question(&id);
                    (id, told) = self.ask_client();
                }
                true = changed => {
                    if !self.desk.waits(&self.session, &digest) {
                        break true;
                    }
                }
                () = tokio::time::sleep_until(end) => break false,
            }
        };
        *quiet = Some(Instant::now());
        self.forget_question(&id);
        again
    }

    fn question(&self, id: &str, plan: &Sha256, answer: &Answer) -> Value {
        let short = plan.short();
        let why = trustmill_guard::value::visible(&answer.reason);
        let mut params = json!({});
        let text = match &self.page {
            Some(page) if self.shows == Shows::Addresses => {
                params = json!({ "mode": "url", "elicitationId": id, "url": format!("{page}/#{short}") });
                format!(
                    "A call waits for you as plan {short}: {why}. Open the guard's page, sign in and decide there."
                )
            }
            page => {
                put(&mut params, "requestedSchema", json!({ "type": "object", "properties": {} }));
                let place = match page {
                    Some(page) => format!("at {page}"),
                    None => format!(
                        "with `trustmill guard pending` and `trustmill guard approve --session {}`",
                        self.session
                    ),
                };
                format!(
                    "A call waits for you as plan {short}: {why}. Decide {place}, then accept here; accepting here alone allows nothing."
                )
            }
        };
        put(&mut params, "message", text);
        json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params })
    }
}
