//! A receiver of webhooks.

use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use trustmill_core::port::webhook::{Message, Webhook, WebhookError};

/// A receiver that is down as long as it is told to be, and remembers every message, refused ones too.
#[derive(Debug, Default)]
pub struct ScriptedWebhook {
    down: AtomicBool,
    got: Mutex<Vec<Message>>,
}

impl ScriptedWebhook {
    /// From now on messages are refused, or taken.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// What came, in order.
    pub fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Webhook for ScriptedWebhook {
    async fn post(&self, message: &Message) -> Result<(), WebhookError> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        if self.down.load(Ordering::SeqCst) { Err(WebhookError::Status(503)) } else { Ok(()) }
    }
}
