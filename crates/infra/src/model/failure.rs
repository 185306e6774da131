//! What a provider's refusal means: by its status, and by the words that its wire format has for it.

use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;
use trustmill_core::port::model::{ModelError, Passing};

/// The most of a provider's own words that are shown, in characters.
const LONGEST: usize = 300;

/// What went wrong, before it is said at which provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Passing(Passing, String, Option<Duration>),
    Refused(String),
    TooLong(String),
    Unknown(String),
    Malformed(String),
    TooMuch(u64),
    Rejected(String),
}

impl Trouble {
    /// The error, in which nothing of the key is left.
    pub(super) fn at(self, provider: &str, model: &str, key: Option<&str>) -> ModelError {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        let clean = |why: String| clean(&why, key);
        match self {
            Self::Passing(kind, why, retry_after) => {
                ModelError::Passing { provider, kind, why: clean(why), retry_after }
            }
            Self::Refused(why) => ModelError::Refused { provider, why: clean(why) },
            Self::TooLong(why) => ModelError::TooLong { provider, model, why: clean(why) },
            Self::Unknown(why) => ModelError::UnknownModel { provider, model, why: clean(why) },
            Self::Malformed(why) => ModelError::Malformed { provider, why: clean(why) },
            Self::TooMuch(limit) => ModelError::TooMuch { provider, limit },
            Self::Rejected(why) => ModelError::Rejected { provider, why: clean(why) },
        }
    }
}

/// A provider's words: one line, not endless, and without the key, which some repeat.
fn clean(why: &str, key: Option<&str>) -> String {
    let why = match key.filter(|key| key.len() >= 4) {
        Some(key) => why.replace(key, "(the key)"),
        None => why.to_owned(),
    };
    let line = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = line.take(LONGEST + 1).collect();
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST).chain(['…']).collect();
    }
    line
}

/// What an answer that is no reply says. Sorted by status; the body's own words count for more where a provider
/// puts different things under one status.
pub(super) fn of_status(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Trouble {
    let said = Said::read(body);
    let why = said.sentence(status);
    if let Some(trouble) = said.by_word(&why, retry_after) {
        return trouble;
    }
    match status.as_u16() {
        401..=403 => Trouble::Refused(why),
        404 | 410 => Trouble::Unknown(why),
        408 | 504 => Trouble::Passing(Passing::TimedOut, why, retry_after),
        413 => Trouble::TooLong(why),
        429 => Trouble::Passing(Passing::Limited, why, retry_after.or(said.retry_after)),
        503 | 529 => Trouble::Passing(Passing::Overloaded, why, retry_after.or(said.retry_after)),
        409 | 425 | 500..=599 => Trouble::Passing(Passing::Failed, why, retry_after),
        _ => Trouble::Rejected(why),
    }
}

/// An error that arrives within a stream, in the place of a status.
pub(super) fn of_error(error: &Value) -> Trouble {
    let said = Said::of(error);
    let why = said.sentence(StatusCode::OK);
    let status = said.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    said.by_word(&why, None).unwrap_or_else(|| match status {
        Some(status) if !status.is_success() => of_status(status, error.to_string().as_bytes(), None),
        _ => Trouble::Passing(Passing::Failed, why, said.retry_after),
    })
}

/// What the providers' error objects have in common.
#[derive(Debug, Default)]
struct Said {
    /// `type` (Anthropic, OpenAI), `status` (Google).
    kind: Option<String>,
    /// `code`: a word at OpenAI, a number at Google and at resellers.
    code: Option<String>,
    message: String,
    /// `RetryInfo` of Google's details.
    retry_after: Option<Duration>,
    /// `reason` of Google's details.
    reason: Option<String>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            // Google answers with a list where it would have streamed one.
            Ok(Value::Array(list)) => list.first().map(Self::of).unwrap_or_default(),
            Ok(value) => Self::of(&value),
            Err(_) => Self { message: String::from_utf8_lossy(body).into_owned(), ..Self::default() },
        }
    }

    fn of(value: &Value) -> Self {
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let text = |member: &str| error.get(member).and_then(Value::as_str).map(str::to_owned);
        let code = match error.get("code") {
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        // vLLM and others put the sentence right there; FastAPI calls it `detail`.
        let message = text("message")
            .or_else(|| error.as_str().map(str::to_owned))
            .or_else(|| value.get("detail").map(Value::to_string));
        let details = error.get("details").and_then(Value::as_array);
        let details = details.map(Vec::as_slice).unwrap_or_default();
        let detail = |member: &str| details.iter().find_map(|one| one.get(member)?.as_str());
        let seconds = detail("retryDelay").and_then(|delay| delay.strip_suffix('s')?.parse::<f64>().ok());
        Self {
            kind: text("status").or_else(|| text("type")),
            code,
            message: message.unwrap_or_default(),
            retry_after: seconds.and_then(|s| Duration::try_from_secs_f64(s.min(3600.0)).ok()),
            reason: detail("reason").map(str::to_owned),
        }
    }

    fn sentence(&self, status: StatusCode) -> String {
        let status = if status.is_success() { String::new() } else { format!("status {}", status.as_u16()) };
        let words = [Some(status.as_str()), self.kind.as_deref(), Some(self.message.trim())];
        let words: Vec<&str> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        if words.is_empty() { "it says no more".to_owned() } else { words.join(", ") }
    }

    /// What is clear from the words alone.
    fn by_word(&self, why: &str, retry_after: Option<Duration>) -> Option<Trouble> {
        let why = why.to_owned();
        let after = retry_after.or(self.retry_after);
        let words = [self.code.as_deref(), self.kind.as_deref(), self.reason.as_deref()];
        for word in words.into_iter().flatten() {
            return Some(match word {
                "context_length_exceeded" | "request_too_large" | "exceed_context_size_error" => {
                    Trouble::TooLong(why)
                }
                "model_not_found" | "not_found_error" | "NOT_FOUND" => Trouble::Unknown(why),
                // No waiting helps an account that has no more money.
                "insufficient_quota" | "billing_error" | "billing_hard_limit_reached" => {
                    Trouble::Refused(why)
                }
                "invalid_api_key"
                | "authentication_error"
                | "permission_error"
                | "API_KEY_INVALID"
                | "UNAUTHENTICATED"
                | "PERMISSION_DENIED" => Trouble::Refused(why),
                "overloaded_error" | "UNAVAILABLE" => Trouble::Passing(Passing::Overloaded, why, after),
                "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => {
                    Trouble::Passing(Passing::Limited, why, after)
                }
                "timeout_error" | "DEADLINE_EXCEEDED" => Trouble::Passing(Passing::TimedOut, why, after),
                _ => continue,
            });
        }
        let message = self.message.to_ascii_lowercase();
        let long = [
            "prompt is too long",
            "maximum context length",
            "exceeds the maximum number of tokens",
            "context window",
            "exceeds the available context size",
        ];
        if long.iter().any(|words| message.contains(words)) {
            return Some(Trouble::TooLong(why));
        }
        message.contains("api key not valid").then_some(Trouble::Refused(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(status: u16, body: &str) -> &'static str {
        let status = StatusCode::from_u16(status).unwrap();
        of_status(status, body.as_bytes(), None).at("p", "m", None).word()
    }

    #[test]
    fn refusals_mean_what_the_providers_say_they_mean() {
        for (status, body, expected) in [
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
                "refused",
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "overloaded",
            ),
            (
                404,
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
                "unknown-model",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 1 > 0"}}"#,
                "too-long",
            ),
            (413, r#"{"type":"error","error":{"type":"request_too_large","message":""}}"#, "too-long"),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                "refused",
            ),
            (
                429,
                r#"{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}"#,
                "limited",
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                "too-long",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                "refused",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
                "overloaded",
            ),
            (404, r#"{"error":"model 'llama9' not found"}"#, "unknown-model"),
            (404, "<html>nginx</html>", "unknown-model"),
            (
                400,
                r#"{"object":"error","message":"temperature","type":"BadRequestError","code":400}"#,
                "rejected",
            ),
            (502, "bad gateway", "failed"),
            (422, r#"{"detail":[{"loc":["body"]}]}"#, "rejected"),
        ] {
            assert_eq!(word(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn google_says_how_long_to_wait_in_the_body() {
        let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"q","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#;
        let trouble = of_status(StatusCode::TOO_MANY_REQUESTS, body.as_bytes(), None);
        assert!(
            matches!(trouble, Trouble::Passing(Passing::Limited, _, Some(wait)) if wait.as_millis() == 3500)
        );
    }

    #[test]
    fn no_key_and_no_control_character_is_shown() {
        let body = format!("{{\"error\":\"key sk-secret-1 \\u001b[31m is wrong {}\"}}", "x".repeat(1000));
        let error =
            of_status(StatusCode::UNAUTHORIZED, body.as_bytes(), None).at("p", "m", Some("sk-secret-1"));
        let text = error.to_string();
        assert!(
            text.contains("(the key)") && !text.contains("sk-secret") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(text.chars().count() < 400);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_says_is_sorted(status in 300u16..600, body in "\\PC{0,80}") {
            let _ = word(status, &body);
        }
    }
}
