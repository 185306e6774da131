//! Alerts on their way to a webhook. What is to be sent follows from the records: every open alert of which no fact says
//! that it was delivered. So a crash loses none, and a message may come twice, under the same id.

use super::AlertsError;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trustmill_core::alert::{Alert, AlertState};
use trustmill_core::port::Coded;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::records::Records;
use trustmill_core::port::webhook::{Message, Webhook};
use trustmill_trust::keys::SigningKey;
use trustmill_trust::webhook;

/// The first pause after a failure; each further one is twice as long,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// What waits to be delivered.
pub struct Outbox {
    records: Arc<dyn Records>,
    webhook: Arc<dyn Webhook>,
    signer: Arc<SigningKey>,
    clock: Arc<dyn Clock>,
    waiting: Vec<AlertState>,
    tries: HashMap<String, (u32, Instant)>,
}

impl Outbox {
    /// An outbox to `webhook`, signed by `signer`.
    pub fn new(
        records: Arc<dyn Records>,
        webhook: Arc<dyn Webhook>,
        signer: Arc<SigningKey>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { records, webhook, signer, clock, waiting: Vec::new(), tries: HashMap::new() }
    }

    /// Reads what is to be sent, the oldest first.
    pub async fn refill(&mut self) {
        match super::all(self.records.as_ref()).await {
            Ok(mut states) => {
                states.retain(|state| state.is_open() && state.delivered_at.is_none());
                states.reverse();
                self.tries.retain(|id, _| states.iter().any(|state| state.alert.id == *id));
                self.waiting = states;
            }
            Err(error) => tracing::error!(code = error.code(), %error, "the alerts cannot be read"),
        }
    }

    /// Sends what is due. A message that fails waits, and keeps no other from being sent.
    pub async fn deliver(&mut self) {
        for state in std::mem::take(&mut self.waiting) {
            let id = state.alert.id.clone();
            if self.tries.get(&id).is_some_and(|(_, due)| *due > Instant::now()) {
                self.waiting.push(state);
                continue;
            }
            match self.send(&state).await {
                Ok(()) => {
                    self.tries.remove(&id);
                    tracing::info!(id, "an alert was delivered");
                }
                Err(error) => {
                    let (tries, _) = self.tries.get(&id).copied().unwrap_or((0, Instant::now()));
                    let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
                    tracing::warn!(id, code = error.code(), %error, pause = ?pause, "an alert was not delivered");
                    self.tries.insert(id, (tries.saturating_add(1), Instant::now() + pause));
                    self.waiting.push(state);
                }
            }
        }
    }

    async fn send(&self, state: &AlertState) -> Result<(), SendError> {
        let now = self.clock.now();
        let body = serde_json::json!({
            "type": "alert.raised", "timestamp": state.at, "data": state,
        });
        let body = Bytes::from(body.to_string());
        let (id, timestamp) = (state.alert.id.clone(), now.as_second());
        let signature = webhook::sign(&self.signer, &id, timestamp, &body);
        self.webhook.post(&Message { id: id.clone(), timestamp, signature, body }).await?;
        self.records.append(&[Alert::sent(&state.release, &id, now)]).await.map_err(AlertsError::from)?;
        Ok(())
    }
}

/// Why an alert is still to be sent.
#[derive(Debug, thiserror::Error)]
enum SendError {
    /// The receiver.
    #[error(transparent)]
    Webhook(#[from] trustmill_core::port::webhook::WebhookError),
    /// It has it, and that could not be remembered.
    #[error(transparent)]
    Records(#[from] AlertsError),
}

impl Coded for SendError {
    fn code(&self) -> &'static str {
        match self {
            Self::Webhook(error) => error.code(),
            Self::Records(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Webhook(error) => error.help(),
            Self::Records(error) => error.help(),
        }
    }
}
