//! Why somebody is not let in, said so that the person behind every client reads it.

use crate::respond::{reasoned, set};
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::token::BadToken;

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// No token was shown where one is needed.
    #[error("this mill answers only who shows a token")]
    NoToken,
    /// Something was shown that is no token.
    #[error("what was shown is not a token of this mill, which begins with tm_")]
    Foreign,
    /// A token with a typo, or cut.
    #[error("the token was not copied whole, or was mistyped")]
    Mistyped,
    /// The id or the secret is wrong.
    #[error("this mill does not know the token")]
    Unknown,
    /// It ended.
    #[error("the token expired at {0:.0}")]
    Expired(Timestamp),
    /// It was revoked.
    #[error("the token was revoked at {0:.0}")]
    Revoked(Timestamp),
    /// It stands in the address.
    #[error("a token stands in the address, where histories and logs keep it")]
    InAddress,
    /// Too many requests.
    #[error("too many requests")]
    TooOften(Duration),
    /// The token does not open this.
    #[error("this takes an admin token")]
    NotAdmin,
    /// The tokens cannot be read just now.
    #[error("the tokens cannot be read just now")]
    Unreadable,
}

impl From<BadToken> for Denied {
    fn from(bad: BadToken) -> Self {
        match bad {
            BadToken::Foreign => Self::Foreign,
            BadToken::Mistyped => Self::Mistyped,
        }
    }
}

impl Denied {
    /// Its code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "TM0710",
            Self::Foreign | Self::Mistyped => "TM0711",
            Self::Unknown => "TM0712",
            Self::Expired(_) => "TM0713",
            Self::Revoked(_) => "TM0714",
            Self::InAddress => "TM0715",
            Self::TooOften(_) => "TM0716",
            Self::NotAdmin => "TM0717",
            Self::Unreadable => "TM0632",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::NoToken
            | Self::Foreign
            | Self::Mistyped
            | Self::Unknown
            | Self::Expired(_)
            | Self::Revoked(_) => StatusCode::UNAUTHORIZED,
            Self::InAddress => StatusCode::BAD_REQUEST,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotAdmin => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn help(&self) -> &'static str {
        match self {
            Self::NoToken => {
                "ask the mill's operator for a token; docs/access.md says where each client wants it"
            }
            Self::Foreign => "give the token that the mill's operator made, whole, and no other registry's",
            Self::Mistyped => "copy the token again: all 72 characters",
            Self::Unknown | Self::Expired(_) | Self::Revoked(_) => {
                "ask the mill's operator for a new token (trustmill token create)"
            }
            Self::InAddress => {
                "send it in Authorization, and revoke this one: it may stand in somebody's logs"
            }
            Self::TooOften(_) => {
                "come again after the time that Retry-After gives, with fewer requests at once"
            }
            Self::NotAdmin => "use a token that was made with --admin",
            Self::Unreadable => "the operator finds the cause in the mill's log",
        }
    }

    /// The answer. `challenge` is what the client of the registry that was asked understands.
    pub(crate) fn response(&self, challenge: &str) -> Response {
        let line = format!("{}: {self}; {}", self.code(), self.help());
        let mut response = problem(self.status(), self.code(), &self.to_string(), self.help());
        reasoned(&mut response, &line);
        if self.status() == StatusCode::UNAUTHORIZED {
            set(&mut response, header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::TooOften(wait) = self {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        response
    }
}

/// An error as every client prints it: `detail` is problem+json's (RFC 9457; uv), `error` is npm's, `errors` is cargo's.
pub(crate) fn problem(status: StatusCode, code: &str, what: &str, help: &str) -> Response {
    let line = format!("{code}: {what}; {help}");
    let body = serde_json::json!({
        "title": code, "status": status.as_u16(), "detail": line,
        "code": code, "message": what, "help": help,
        "error": line, "errors": [{ "detail": line }],
    })
    .to_string();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "application/problem+json");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::CONTENT_LENGTH, &body.len().to_string());
    *response.body_mut() = Body::from(body);
    response
}
