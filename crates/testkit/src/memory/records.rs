//! Records in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::{Purl, Sha256};

/// Records that end with their process.
#[derive(Debug, Default)]
pub struct MemRecords(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    facts: Vec<Fact>,
    addresses: HashSet<Sha256>,
    revisions: HashMap<Purl, u64>,
    locks: HashMap<(String, String), Sha256>,
    watched: BTreeMap<String, (Purl, Timestamp)>,
}

fn readable(fact: &Fact) -> Result<Fact, RecordsError> {
    match fact.format {
        found if found > Fact::FORMAT => Err(RecordsError::Newer { found, known: Fact::FORMAT }),
        _ => Ok(fact.clone()),
    }
}

impl MemRecords {
    /// Records of nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Records for MemRecords {
    async fn append(&self, facts: &[Fact]) -> Result<(), RecordsError> {
        let mut tables = self.0.lock().unwrap();
        for fact in facts {
            if tables.addresses.insert(fact.address()) {
                tables.facts.push(fact.clone());
                *tables.revisions.entry(fact.about.without_version()).or_default() += 1;
            }
        }
        Ok(())
    }

    async fn facts(&self, about: &Purl, kind: Option<&str>) -> Result<Vec<Fact>, RecordsError> {
        let concerns = |fact: &&Fact| {
            let project = about.version().is_none() && fact.about.without_version() == *about;
            (project || fact.about == *about) && kind.is_none_or(|kind| fact.kind == kind)
        };
        self.0.lock().unwrap().facts.iter().filter(concerns).map(readable).collect()
    }

    async fn of_kind(&self, kind: &str, after: u64) -> Result<Vec<(u64, Fact)>, RecordsError> {
        let tables = self.0.lock().unwrap();
        let new = (1..).zip(&tables.facts).filter(|(place, fact)| *place > after && fact.kind == kind);
        new.map(|(place, fact)| Ok((place, readable(fact)?))).collect()
    }

    fn revision(&self, project: &Purl) -> u64 {
        self.0.lock().unwrap().revisions.get(&project.without_version()).copied().unwrap_or(0)
    }

    async fn lock(
        &self,
        ty: &str,
        filename: &str,
        digest: &Sha256,
        _at: Timestamp,
    ) -> Result<FirstSeen, RecordsError> {
        let file = (ty.to_owned(), filename.to_owned());
        let mut tables = self.0.lock().unwrap();
        Ok(match tables.locks.get(&file).copied() {
            Some(first) if first == *digest => FirstSeen::Same,
            Some(first) => FirstSeen::Conflict { first },
            None => {
                tables.locks.insert(file, *digest);
                FirstSeen::Locked
            }
        })
    }

    async fn locked(&self, ty: &str, filename: &str) -> Result<Option<Sha256>, RecordsError> {
        Ok(self.0.lock().unwrap().locks.get(&(ty.to_owned(), filename.to_owned())).copied())
    }

    async fn watch(&self, purl: &Purl, at: Timestamp) -> Result<bool, RecordsError> {
        let mut tables = self.0.lock().unwrap();
        let new = !tables.watched.contains_key(&purl.to_string());
        tables.watched.entry(purl.to_string()).or_insert_with(|| (purl.clone(), at));
        Ok(new)
    }

    async fn unwatch(&self, purl: &Purl) -> Result<bool, RecordsError> {
        Ok(self.0.lock().unwrap().watched.remove(&purl.to_string()).is_some())
    }

    async fn watched(&self) -> Result<Vec<(Purl, Timestamp)>, RecordsError> {
        Ok(self.0.lock().unwrap().watched.values().cloned().collect())
    }
}
