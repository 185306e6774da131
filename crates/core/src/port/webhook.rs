//! Where messages to people are sent: alerts, questions.

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::Duration;

/// One message to somebody who wants to know, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for every try: whoever has seen it can leave it out.
    pub id: String,
    /// Seconds since 1970 when this try was made; signed, so that an old message cannot be sent again.
    pub timestamp: i64,
    /// The signature, as `docs/alerts.md` describes it.
    pub signature: String,
    /// The body, JSON.
    pub body: Bytes,
}

/// A receiver of messages.
///
/// * `post` MUST answer with success only if the receiver said that it has the message, and MUST NOT try again by itself.
/// * It MUST end within half a minute.
#[async_trait]
pub trait Webhook: Send + Sync {
    /// Sends a message once.
    async fn post(&self, message: &Message) -> Result<(), WebhookError>;
}

/// The first pause after a failure; each further one is twice as long,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Tries of messages that did not arrive, by the messages' ids. Instants are durations since whatever the caller counts from.
#[derive(Debug, Default)]
pub struct Tries(HashMap<String, (u32, Duration)>);

impl Tries {
    /// Whether a message may be tried now.
    pub fn is_due(&self, id: &str, now: Duration) -> bool {
        self.0.get(id).is_none_or(|(_, due)| *due <= now)
    }

    /// A message did not arrive; gives the pause until the next try.
    pub fn failed(&mut self, id: &str, now: Duration) -> Duration {
        let (tries, due) = self.0.entry(id.to_owned()).or_default();
        let pause = FIRST_PAUSE.saturating_mul(1 << (*tries).min(16)).min(LONGEST_PAUSE);
        *tries = tries.saturating_add(1);
        *due = now.saturating_add(pause);
        pause
    }

    /// Forgets every message but those that are still to be sent.
    pub fn keep(&mut self, is_waiting: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| is_waiting(id));
    }
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The receiver answered something else than success.
    #[error("the webhook's receiver answered {0}")]
    Status(u16),
    /// It could not be reached.
    #[error("the webhook's receiver cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address is none.
    #[error("the webhook's address is not an http or https URL")]
    Address,
}

impl super::Coded for WebhookError {
    fn code(&self) -> &'static str {
        match self {
            Self::Status(_) => "TM0723",
            Self::Unreachable(_) => "TM0724",
            Self::Address => "TM0725",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Status(_) => "look at the receiver's log; docs/alerts.md says how it verifies a message, and it must answer 2xx",
            Self::Unreachable(_) => "check the webhook's url, and that this machine reaches it; the message is tried again",
            Self::Address => "write the webhook's url as https://HOST/PATH",
        }
        .into()
    }
}
