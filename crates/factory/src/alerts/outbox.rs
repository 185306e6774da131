//! Alerts on their way to a webhook. What is to be sent follows from the records: every open alert of which no fact says
//! that it was delivered. So a crash loses none, and a message may come twice, under the same id.

use super::AlertsError;
use std::sync::Arc;
use tokio::time::Instant;
use trustmill_core::alert::{Alert, AlertState};
use trustmill_core::port::Coded;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::records::Records;
use trustmill_core::port::webhook::{Tries, Webhook};
use trustmill_trust::keys::SigningKey;
use trustmill_trust::webhook;

/// What waits to be delivered.
pub struct Outbox {
    records: Arc<dyn Records>,
    webhook: Arc<dyn Webhook>,
    signer: Arc<SigningKey>,
    clock: Arc<dyn Clock>,
    waiting: Vec<AlertState>,
    tries: Tries,
    began: Instant,
}

impl Outbox {
    /// An outbox to `webhook`, signed by `signer`.
    pub fn new(
        records: Arc<dyn Records>,
        webhook: Arc<dyn Webhook>,
        signer: Arc<SigningKey>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            records,
            webhook,
            signer,
            clock,
            waiting: Vec::new(),
            tries: Tries::default(),
            began: Instant::now(),
        }
    }

    /// Reads what is to be sent, the oldest first.
    pub async fn refill(&mut self) {
        match super::all(self.records.as_ref()).await {
            Ok(mut states) => {
                states.retain(|state| state.is_open() && state.delivered_at.is_none());
                states.reverse();
                self.tries.keep(|id| states.iter().any(|state| state.alert.id == id));
                self.waiting = states;
            }
            Err(error) => tracing::error!(code = error.code(), %error, "the alerts cannot be read"),
        }
    }

    /// Sends what is due. A message that fails waits, and keeps no other from being sent.
    pub async fn deliver(&mut self) {
        for state in std::mem::take(&mut self.waiting) {
            let id = state.alert.id.clone();
            if !self.tries.is_due(&id, self.began.elapsed()) {
                self.waiting.push(state);
                continue;
            }
            match self.send(&state).await {
                Ok(()) => tracing::info!(id, "an alert was delivered"),
                Err(error) => {
                    let pause = self.tries.failed(&id, self.began.elapsed());
                    tracing::warn!(id, code = error.code(), %error, pause = ?pause, "an alert was not delivered");
                    self.waiting.push(state);
                }
            }
        }
    }

    async fn send(&self, state: &AlertState) -> Result<(), SendError> {
        let now = self.clock.now();
        let (id, data) = (state.alert.id.clone(), serde_json::to_value(state).unwrap_or_default());
        let message = webhook::message(&self.signer, &id, "alert.raised", state.at, &data, now);
        self.webhook.post(&message).await?;
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
