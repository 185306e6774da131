//! Problems that somebody looked at and accepts, for a reason and until a day. They stay in the report; only the gate
//! does not count them.

use crate::audit::{Audit, Hit};
use serde::Serialize;
use trustmill_core::{Purl, Timestamp};

/// An accepted problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignore {
    /// Any id of the problem.
    pub id: String,
    /// A project or a release; nothing for all. Malware is ignored only where it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Purl>,
    /// Why.
    pub reason: String,
    /// The instant from which on it counts again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What became of what was to be ignored.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ignores {
    /// Past their end: what they were about counts.
    pub expired: Vec<Ignore>,
    /// About nothing that was found: they can go.
    pub unused: Vec<Ignore>,
}

impl Ignore {
    /// Whether it speaks of a problem of a release.
    pub fn names(&self, release: &Purl, ids: &[String]) -> bool {
        let here = |wanted: &Purl| match wanted.version() {
            Some(_) => release == wanted,
            None => release.without_version() == *wanted,
        };
        ids.iter().any(|id| id.eq_ignore_ascii_case(&self.id)) && self.release.as_ref().is_none_or(here)
    }

    fn is_about(&self, hit: &Hit) -> bool {
        self.names(&hit.release, &hit.ids) && (!hit.malicious || self.release.is_some())
    }
}

impl Audit {
    /// Marks what is accepted at `now`, and puts it behind the rest.
    pub fn ignore(&mut self, ignores: &[Ignore], now: Timestamp) {
        for ignore in ignores {
            let is_past = ignore.until.is_some_and(|until| until <= now);
            let mut about = self.findings.iter_mut().filter(|hit| ignore.is_about(hit)).peekable();
            if about.peek().is_none() {
                self.ignores.unused.push(ignore.clone());
            } else if is_past {
                self.ignores.expired.push(ignore.clone());
            } else {
                about.for_each(|hit| {
                    hit.ignored.get_or_insert_with(|| ignore.clone());
                });
            }
        }
        self.findings.sort_by_key(|hit| hit.ignored.is_some());
    }
}
