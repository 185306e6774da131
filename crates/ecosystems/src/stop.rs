//! Why a file is not handed out, and the answers that every registry gives when it cannot do its work.

use std::borrow::Cow;
use trustmill_core::fact::Fact;
use trustmill_core::port::Coded;
use trustmill_core::port::registry::Answer;
use trustmill_core::{Purl, Sha256, Timestamp};

/// The kind of the facts that a person must look at: `{"code": …, "what": …}`.
pub(crate) const ALARM: &str = "alarm";

/// Why a file is not handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Stable code.
    pub(crate) code: Cow<'static, str>,
    /// `CODE: reason`, one line of printable ASCII: on the page, in the status line, in the body.
    pub(crate) line: String,
    /// Both digests, where the file is not what it was.
    pub(crate) moved: Option<(Sha256, Sha256)>,
}

impl Stop {
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, reason: &str) -> Self {
        let code = code.into();
        let clean: String = format!("{code}: {reason}")
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
            .take(240)
            .collect();
        Self { code, line: clean.split_whitespace().collect::<Vec<_>>().join(" "), moved: None }
    }

    /// A file whose digest is not the one that was seen first.
    pub(crate) fn moved(first: Sha256, now: Sha256) -> Self {
        let reason = format!(
            "this file changed after it was first seen: SHA-256 was {}..., is {}...",
            first.short(),
            now.short()
        );
        Self { moved: Some((first, now)), ..Self::new("TM0704", &reason) }
    }

    /// An alarm about a file of `release`.
    pub(crate) fn alarm(&self, release: Purl, filename: &str, at: Timestamp) -> Fact {
        tracing::error!(%release, filename, code = %self.code, what = self.line, "alarm");
        let digests = self.moved.map(|(first, now)| serde_json::json!({ "first": first, "now": now }));
        Fact {
            format: Fact::FORMAT,
            about: release,
            kind: ALARM.into(),
            subject: Some(filename.to_owned()),
            at,
            body: serde_json::json!({ "code": self.code, "what": self.line, "digests": digests }),
        }
    }
}

/// The mill's own store or records failed: nothing is served that could not be checked.
pub(crate) fn broken(error: &impl Coded) -> Answer {
    tracing::error!(code = error.code(), error = %chain(error), "a request cannot be answered");
    Answer::Unavailable { why: format!("{}: {error}", error.code()), retry_after: None }
}

/// The error and its sources, once, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
