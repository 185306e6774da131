//! Advisories that are what a test says.

use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::Purl;
use trustmill_core::advisory::Advisory;
use trustmill_core::port::advisories::{Advisories, AdvisoriesError, SourceState};

/// Knows what a test tells it, and no more.
#[derive(Debug, Default)]
pub struct ScriptedAdvisories(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    revision: u64,
    records: Vec<Arc<Advisory>>,
    broken: bool,
    asked: usize,
}

impl ScriptedAdvisories {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, these records and no others are there.
    pub fn know(&self, records: impl IntoIterator<Item = Advisory>) {
        self.script(|script| {
            script.revision += 1;
            script.records = records.into_iter().map(Arc::new).collect();
            script.records.sort_by(|a, b| a.id.cmp(&b.id));
        });
    }

    /// From now on, nothing can be read; or it can again.
    pub fn break_down(&self, broken: bool) {
        self.script(|script| {
            script.revision += 1;
            script.broken = broken;
        });
    }

    /// How often a project was asked about.
    pub fn asked(&self) -> usize {
        self.script(|script| script.asked)
    }
}

impl Script {
    fn types(&self) -> Vec<String> {
        let affected = self.records.iter().flat_map(|record| &record.affected);
        let types: BTreeSet<_> = affected.map(|affected| affected.project.ty().to_owned()).collect();
        types.into_iter().collect()
    }
}

fn broken<T>(script: &Script, answer: T) -> Result<T, AdvisoriesError> {
    match script.broken {
        true => Err(AdvisoriesError { what: "read", source: Box::new(std::io::Error::other("broken")) }),
        false => Ok(answer),
    }
}

#[async_trait]
impl Advisories for ScriptedAdvisories {
    async fn about(&self, project: &Purl) -> Result<Arc<[Arc<Advisory>]>, AdvisoriesError> {
        let project = project.without_version();
        self.script(|script| {
            script.asked += 1;
            let stands = |one: &&Arc<Advisory>| {
                one.withdrawn.is_none() && one.affected.iter().any(|affected| affected.is_about(&project))
            };
            broken(script, script.records.iter().filter(stands).cloned().collect())
        })
    }

    async fn record(&self, id: &str) -> Result<Option<Arc<Advisory>>, AdvisoriesError> {
        self.script(|script| broken(script, script.records.iter().find(|one| one.id == id).cloned()))
    }

    fn revision(&self) -> u64 {
        self.script(|script| script.revision)
    }

    async fn sources(&self) -> Result<Vec<SourceState>, AdvisoriesError> {
        self.script(|script| {
            let state = SourceState {
                name: "script".to_owned(),
                records: script.records.len() as u64,
                types: script.types(),
                malicious: script.records.iter().filter(|one| one.malicious).count() as u64,
                refused: 0,
                newest: script.records.iter().map(|one| one.modified).max(),
                read_at: None,
                failure: None,
                failing_since: None,
            };
            broken(script, vec![state])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Holding};
    use serde_json::Value;
    use trustmill_core::advisory::osv;

    #[async_trait]
    impl Holding for ScriptedAdvisories {
        fn advisories(&self) -> &dyn Advisories {
            self
        }

        async fn hold(&self, records: &[Value]) {
            let known = self.script(|script| script.records.clone());
            let newer = |record: Advisory| {
                let held = known.iter().find(|held| held.id == record.id && held.modified > record.modified);
                held.map_or(record, |held| Advisory::clone(held))
            };
            let parse = |record: &Value| osv::parse(record.to_string().as_bytes()).unwrap().advisory;
            self.know(records.iter().map(parse).map(newer));
        }
    }

    #[tokio::test]
    async fn the_fake_keeps_the_contract() {
        conformance::advisories(ScriptedAdvisories::new).await;
    }
}
