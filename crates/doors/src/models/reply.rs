//! A reply on its way to the agent: what it used and who says to have written it is read in passing.

use super::{Admitted, Ended, Models, Shape};
use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use trustmill_core::conversation::Tokens;
use trustmill_core::port::exchange::Body as Incoming;
use trustmill_core::sse::{Event, Reader};

/// The longest stream, in bytes.
const LONGEST: usize = 64 << 20;

/// What was seen of a reply.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) reported: String,
    pub(super) tokens: Tokens,
    /// Whether the provider said that the reply is whole.
    pub(super) whole: bool,
}

impl Seen {
    /// Looks at a reply, or at an event of one.
    pub(super) fn look(&mut self, shape: Shape, value: &Value) {
        let inner = match shape {
            Shape::Chat => value,
            Shape::Responses => value.get("response").unwrap_or(value),
            Shape::Messages => value.get("message").unwrap_or(value),
        };
        if let Some(model) = inner.get("model").and_then(Value::as_str)
            && self.reported.is_empty()
        {
            model.clone_into(&mut self.reported);
        }
        if let Some(usage) = inner.get("usage").filter(|usage| usage.is_object()) {
            self.used(shape, usage);
        }
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        self.whole |=
            matches!(kind, "message_stop" | "response.completed" | "response.incomplete" | "response.failed");
    }

    fn used(&mut self, shape: Shape, usage: &Value) {
        let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        let (input, output, cached, written) = match shape {
            Shape::Chat => (
                count("/prompt_tokens"),
                count("/completion_tokens"),
                count("/prompt_tokens_details/cached_tokens"),
                None,
            ),
            Shape::Responses => (
                count("/input_tokens"),
                count("/output_tokens"),
                count("/input_tokens_details/cached_tokens"),
                None,
            ),
            Shape::Messages => (
                count("/input_tokens"),
                count("/output_tokens"),
                count("/cache_read_input_tokens"),
                count("/cache_creation_input_tokens"),
            ),
        };
        // OpenAI's count of what was read has what came from the cache in it, Anthropic's has not.
        let within = if shape == Shape::Messages { 0 } else { cached.unwrap_or(0) };
        let tokens = &mut self.tokens;
        if let Some(input) = input {
            tokens.input = input.saturating_sub(within);
        }
        tokens.output = output.unwrap_or(tokens.output);
        tokens.cached = cached.unwrap_or(tokens.cached);
        tokens.cache_write = written.unwrap_or(tokens.cache_write);
    }

    pub(super) fn ended(&self) -> Ended {
        Ended { failed: None, reported: self.reported.clone(), tokens: self.tokens }
    }
}

/// A stream on its way.
pub(super) struct Passing {
    models: Arc<dyn Models>,
    admitted: Admitted,
    shape: Shape,
    /// The client did not ask for what was used.
    counts: bool,
    body: Box<dyn Incoming>,
    reader: Reader,
    waiting: VecDeque<Bytes>,
    seen: Seen,
    came: usize,
    over: bool,
    told: bool,
}

impl Passing {
    pub(super) fn new(
        models: Arc<dyn Models>,
        admitted: Admitted,
        shape: Shape,
        counts: bool,
        body: Box<dyn Incoming>,
    ) -> Self {
        Self {
            models,
            admitted,
            shape,
            counts,
            body,
            reader: Reader::default(),
            waiting: VecDeque::new(),
            seen: Seen::default(),
            came: 0,
            over: false,
            told: false,
        }
    }

    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut passing| async move {
            let next = passing.next().await?;
            Some((Ok::<_, Infallible>(next), passing))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            let piece = tokio::select! {
                biased;
                why = self.models.until_banned(&self.admitted) => {
                    self.end("banned", &why).await;
                    continue;
                }
                piece = self.body.piece() => piece,
            };
            match piece {
                Ok(Some(piece)) => self.take(&piece).await,
                Ok(None) if self.seen.whole => {
                    self.over = true;
                    self.told = true;
                    self.models.ended(&self.admitted, self.seen.ended()).await;
                }
                Ok(None) | Err(_) => self.end("cut", "the reply broke off").await,
            }
        }
    }

    async fn take(&mut self, piece: &[u8]) {
        self.came += piece.len();
        let events = match self.reader.push(piece) {
            Ok(events) if self.came <= LONGEST => events,
            _ => return self.end("too-much", "the reply is too long, or no stream of events").await,
        };
        for event in events {
            let value: Value = serde_json::from_str(&event.data).unwrap_or_default();
            let known = !self.seen.reported.is_empty();
            self.seen.look(self.shape, &value);
            self.seen.whole |= event.data == "[DONE]";
            if !known
                && !self.seen.reported.is_empty()
                && let Err(why) = self.models.is_same(&self.admitted, &self.seen.reported)
            {
                return self.end("other-family", &why).await;
            }
            let bare = value.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty)
                && value.get("usage").is_some_and(Value::is_object);
            if !(self.counts && bare) {
                self.waiting.push_back(frame(&event));
            }
        }
    }

    /// Ends the reply with an error that clients do not take for its end.
    async fn end(&mut self, how: &'static str, why: &str) {
        self.over = true;
        self.told = true;
        self.models.ended(&self.admitted, Ended { failed: Some(how), ..self.seen.ended() }).await;
        let error = serde_json::json!({ "type": "error", "error": { "type": "api_error", "message": why, "code": how } });
        let name = if self.shape == Shape::Chat { String::new() } else { "error".to_owned() };
        self.waiting.push_back(frame(&Event { name, data: error.to_string(), id: String::new() }));
    }
}

/// An event as bytes.
fn frame(event: &Event) -> Bytes {
    let mut text = String::with_capacity(event.data.len() + 32);
    if !event.name.is_empty() {
        text.push_str(&format!("event: {}\n", event.name));
    }
    for line in event.data.split('\n') {
        text.push_str(&format!("data: {line}\n"));
    }
    text.push('\n');
    text.into()
}

impl Drop for Passing {
    /// An agent that hangs up in the middle: what it used until then may have to be paid.
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let (models, admitted) = (Arc::clone(&self.models), self.admitted.clone());
        let ended = Ended { failed: Some("cut"), ..self.seen.ended() };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { models.ended(&admitted, ended).await });
        }
    }
}
