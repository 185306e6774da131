//! The answers that are no page and no file, in the shape that cargo shows to a person
//! (<https://doc.rust-lang.org/cargo/reference/registry-web-api.html>: `{"errors":[{"detail":…}]}`).

use crate::stop::Stop;
use bytes::Bytes;
use trustmill_core::port::Coded;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::registry::{Answer, Refusal, StatusAnswer};

/// The body of every answer that is an error.
pub(super) fn errors(detail: &str) -> serde_json::Value {
    serde_json::json!({ "errors": [{ "detail": detail }] })
}

/// A refusal: the line is in the status line too, for whoever reads it there.
pub(super) fn refused(stop: &Stop) -> Answer {
    Answer::Refused(Refusal {
        status: 403,
        code: stop.code.clone(),
        reason: stop.line.clone(),
        content_type: "application/json",
        body: Bytes::from(errors(&stop.line).to_string()),
    })
}

/// What the mill is not for.
pub(super) fn not_here() -> Answer {
    let detail = "the mill serves crates and their index: search and publish at the registry itself";
    Answer::Status(StatusAnswer::json(403, &errors(detail)))
}

/// What a failure of upstream means for the client.
pub(super) fn failed(error: FetchError) -> Answer {
    let line = format!("{}: {error}", error.code());
    match error {
        FetchError::NotFound { .. } => Answer::NotFound(line),
        FetchError::Refused { .. } | FetchError::TooLarge { .. } | FetchError::Digest { .. } => {
            refused(&Stop::new(error.code(), &error.to_string()))
        }
        FetchError::Unavailable { retry_after, .. } => Answer::Unavailable { why: line, retry_after },
        FetchError::Malformed { .. } | FetchError::Store { .. } => {
            Answer::Unavailable { why: line, retry_after: None }
        }
    }
}
