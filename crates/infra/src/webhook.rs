//! A webhook over HTTP, with the header fields of Standard Webhooks.

use async_trait::async_trait;
use std::time::Duration;
use trustmill_core::port::webhook::{Message, Webhook, WebhookError};

/// Longest that one try may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A receiver at an address.
pub struct HttpWebhook {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl HttpWebhook {
    /// The receiver at `url`, which may carry a secret and is never shown.
    ///
    /// # Errors
    /// [`WebhookError::Address`], or no client can be made.
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let parsed = reqwest::Url::parse(url).map_err(|_| WebhookError::Address)?;
        let is_web = matches!(parsed.scheme(), "http" | "https") && parsed.has_host();
        let url = Some(parsed).filter(|_| is_web).ok_or(WebhookError::Address)?;
        let client = reqwest::Client::builder()
            // Whoever answers elsewhere has not taken the message.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("trustmill/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(unreachable)?;
        Ok(Self { client, url })
    }
}

#[async_trait]
impl Webhook for HttpWebhook {
    async fn post(&self, message: &Message) -> Result<(), WebhookError> {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", &message.signature)
            .body(message.body.clone());
        let answer = request.send().await.map_err(unreachable)?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(WebhookError::Status(answer.status().as_u16()))
        }
    }
}

/// The address is left out: it may carry a secret.
fn unreachable(error: reqwest::Error) -> WebhookError {
    WebhookError::Unreachable(Box::new(error.without_url()))
}
