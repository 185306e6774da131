//! Counters by which caches notice that a project's facts changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use trustmill_core::Purl;

/// One counter per project that this process wrote about.
#[derive(Debug, Default)]
pub(super) struct Revisions(Mutex<HashMap<Purl, u64>>);

impl Revisions {
    /// Zero for a project that nothing was appended to.
    pub(super) fn get(&self, project: &Purl) -> u64 {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(&project.without_version()).copied().unwrap_or(0)
    }

    /// Moves the counter of each project. Called when the facts can be read, never before: a cache that
    /// sees the new number must find the new facts.
    pub(super) fn bump<'a>(&self, about: impl Iterator<Item = &'a Purl>) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for purl in about {
            *counters.entry(purl.without_version()).or_default() += 1;
        }
    }
}
