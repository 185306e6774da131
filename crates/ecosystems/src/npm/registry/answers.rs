//! The answers that are no page and no file, in the shape that npm and its kin show to a person: a JSON body whose
//! `error` they print.

use crate::stop::Stop;
use bytes::Bytes;
use trustmill_core::port::Coded;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::registry::{Answer, Refusal, StatusAnswer};

/// A refusal: the reason phrase carries the line, and so does the body.
pub(super) fn refused(stop: &Stop) -> Answer {
    let body = serde_json::json!({ "error": stop.line, "code": stop.code });
    Answer::Refused(Refusal {
        status: 403,
        code: stop.code.clone(),
        reason: stop.line.clone(),
        content_type: "application/json",
        body: Bytes::from(body.to_string()),
    })
}

/// An error with another status.
pub(super) fn error(status: u16, why: &str) -> Answer {
    Answer::Status(StatusAnswer::json(status, &serde_json::json!({ "error": why })))
}

/// JSON that is small and not worth keeping.
pub(super) fn json(body: &serde_json::Value) -> Answer {
    Answer::Status(StatusAnswer::json(200, body))
}

/// There is no such thing. The registry's own words, since some clients compare them.
pub(super) fn not_found() -> Answer {
    error(404, "Not found")
}

/// What a failure of upstream means for the client.
pub(super) fn failed(error: FetchError) -> Answer {
    let line = format!("{}: {error}", error.code());
    match error {
        FetchError::NotFound { .. } => not_found(),
        FetchError::Refused { .. } | FetchError::TooLarge { .. } | FetchError::Digest { .. } => {
            refused(&Stop::new(error.code(), &error.to_string()))
        }
        FetchError::Unavailable { retry_after, .. } => Answer::Unavailable { why: line, retry_after },
        FetchError::Malformed { .. } | FetchError::Store { .. } => {
            Answer::Unavailable { why: line, retry_after: None }
        }
    }
}
