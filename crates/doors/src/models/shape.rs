//! The shapes of requests and errors that agents' SDKs know.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
}

/// Tokens that a reply may have where a request does not say it.
const USUAL_OUTPUT: u64 = 8192;

impl Shape {
    /// What follows a provider's address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }

    /// Header fields of a client that its provider goes by.
    pub(super) const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Chat | Self::Responses => &[],
            Self::Messages => &["anthropic-version", "anthropic-beta"],
        }
    }

    /// The most tokens that a request asks for.
    pub(super) fn most(self, request: &Map<String, Value>) -> u64 {
        let named = match self {
            Self::Chat => request.get("max_completion_tokens").or_else(|| request.get("max_tokens")),
            Self::Responses => request.get("max_output_tokens"),
            Self::Messages => request.get("max_tokens"),
        };
        let several = request.get("n").and_then(Value::as_u64).unwrap_or(1).max(1);
        named.and_then(Value::as_u64).unwrap_or(USUAL_OUTPUT).saturating_mul(several)
    }

    /// Whether the provider is to work on after it answered.
    pub(super) fn works_on(self, request: &Map<String, Value>) -> bool {
        request.get("background").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Has a stream end with what was used. Gives whether that was not asked for: then the client is not shown it.
    pub(super) fn ask_for_usage(self, request: &mut Map<String, Value>) -> bool {
        if self != Self::Chat {
            return false;
        }
        let options = request.entry("stream_options").or_insert_with(|| json!({}));
        if !options.is_object() {
            *options = json!({});
        }
        let asked = options.get("include_usage").and_then(Value::as_bool).unwrap_or(false);
        options["include_usage"] = Value::Bool(true);
        !asked
    }

    /// An error as the shape's SDKs read it.
    pub(super) fn refusal(self, status: u16, why: &str) -> Response {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            400..500 => "invalid_request_error",
            _ => "api_error",
        };
        let body = match self {
            Self::Messages => json!({ "type": "error", "error": { "type": kind, "message": why } }),
            Self::Chat | Self::Responses => {
                json!({ "error": { "message": why, "type": kind, "param": null, "code": null } })
            }
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        // What the guard refuses it refuses again.
        let head = [(header::CONTENT_TYPE.as_str(), "application/json"), ("x-should-retry", "false")];
        (status, head, body.to_string()).into_response()
    }
}
