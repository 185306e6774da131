//! Ages where the registry tells none: since this mill first saw the release listed.
//!
//! What was there when the mill first looked at a project has no known age. What appears later is as old as the mill's
//! knowledge of it, and no publisher can make it older.

use super::failed;
use std::collections::{HashMap, HashSet};
use trustmill_core::fact::Fact;
use trustmill_core::port::gate::GateError;
use trustmill_core::port::records::Records;
use trustmill_core::{Purl, Timestamp};

/// The kind of the facts.
const KIND: &str = "sighting";

/// Versions without a time of their own, as this mill came to know them.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// Those that were there at the first look.
    first: HashSet<String>,
    /// Since when the others are there.
    later: HashMap<String, Timestamp>,
    /// Whether there was a first look.
    looked: bool,
}

impl Sightings {
    /// What was written down so far.
    pub(super) async fn of(records: &dyn Records, project: &Purl) -> Result<Self, GateError> {
        let facts =
            records.facts(project, Some(KIND)).await.map_err(|error| failed(project, "facts", error))?;
        let mut all = Self::default();
        for fact in facts {
            match fact.about.version() {
                None => {
                    all.looked = true;
                    let versions = fact.body.get("versions").and_then(serde_json::Value::as_array);
                    let versions = versions.into_iter().flatten().filter_map(serde_json::Value::as_str);
                    all.first.extend(versions.map(str::to_owned));
                }
                Some(version) => {
                    let seen = all.later.entry(version.to_owned()).or_insert(fact.at);
                    *seen = fact.at.min(*seen);
                }
            }
        }
        Ok(all)
    }

    /// Since when a version is known; `None` for what was there at the first look.
    pub(super) fn since(&self, version: &str) -> Option<Timestamp> {
        self.later.get(version).copied()
    }

    /// Takes in what is listed now, and returns the facts to remember.
    pub(super) fn see(&mut self, project: &Purl, versions: &[&str], now: Timestamp) -> Vec<Fact> {
        let fact = |about: Purl, body| Fact {
            format: Fact::FORMAT,
            about,
            kind: KIND.to_owned(),
            subject: None,
            at: now,
            body,
        };
        if !self.looked {
            self.looked = true;
            self.first.extend(versions.iter().map(|version| (*version).to_owned()));
            return vec![fact(project.clone(), serde_json::json!({ "versions": versions }))];
        }
        let mut new = Vec::new();
        for version in versions {
            if self.first.contains(*version) || self.later.contains_key(*version) {
                continue;
            }
            self.later.insert((*version).to_owned(), now);
            new.push(fact(project.at(version), serde_json::json!({})));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_testkit::memory::MemRecords;

    #[tokio::test]
    async fn what_appears_later_is_as_old_as_the_mills_knowledge_of_it() {
        let records = MemRecords::new();
        let project = Purl::project("cargo", "demo");
        let at = |second| Timestamp::from_second(second).unwrap();
        for (versions, now, expected) in [
            (vec!["1", "2"], 10, [None, None, None]),
            (vec!["1", "2", "3"], 20, [None, None, Some(at(20))]),
            (vec!["1", "2", "3"], 30, [None, None, Some(at(20))]),
        ] {
            let mut sightings = Sightings::of(&records, &project).await.unwrap();
            let facts = sightings.see(&project, &versions, at(now));
            records.append(&facts).await.unwrap();
            let read = Sightings::of(&records, &project).await.unwrap();
            assert_eq!(["1", "2", "3"].map(|version| read.since(version)), expected, "at {now}");
        }
    }
}
