//! The answers that are no page and no file, in the shape that `pip` and `uv` show to a person.

pub(super) use crate::stop::{broken, chain};

use crate::stop::Stop;
use bytes::Bytes;
use trustmill_core::port::Coded;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::registry::{Answer, Refusal};

/// A refusal: the reason phrase carries the line for `pip`, the body is RFC 9457 for `uv`.
pub(super) fn refused(stop: &Stop) -> Answer {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": "Refused by Trustmill",
        "status": 403,
        "detail": stop.line,
        "code": stop.code,
    });
    Answer::Refused(Refusal {
        status: 403,
        code: stop.code.clone(),
        reason: stop.line.clone(),
        content_type: "application/problem+json",
        body: Bytes::from(body.to_string()),
    })
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
