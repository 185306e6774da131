//! Where alerts are sent.

use async_trait::async_trait;
use bytes::Bytes;

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
            Self::Unreachable(_) => "check [alerts.webhook] url, and that this machine reaches it; the message is tried again",
            Self::Address => "write [alerts.webhook] url as https://HOST/PATH",
        }
        .into()
    }
}
