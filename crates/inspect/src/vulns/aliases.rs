//! Records that are aliases of one another are one problem, also through an alias that no record has.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use trustmill_core::advisory::Advisory;

/// The problems that records are about; a problem is known by the index of one of its records.
pub(super) struct Problems<'a> {
    of_record: Vec<usize>,
    ids: HashMap<usize, Vec<&'a str>>,
}

impl<'a> Problems<'a> {
    /// Joins the records that share an id, transitively.
    pub(super) fn of(records: &[&'a Arc<Advisory>]) -> Self {
        let names = |record: &'a Advisory| {
            std::iter::once(record.id.as_str()).chain(record.aliases.iter().map(String::as_str))
        };
        let mut parents: Vec<usize> = (0..records.len()).collect();
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (index, record) in records.iter().enumerate() {
            for name in names(record) {
                let other = *first.entry(name).or_insert(index);
                let (a, b) = (root(&parents, index), root(&parents, other));
                if let Some(parent) = parents.get_mut(a.max(b)) {
                    *parent = a.min(b);
                }
            }
        }
        let of_record: Vec<usize> = (0..records.len()).map(|index| root(&parents, index)).collect();
        let mut ids: HashMap<usize, BTreeSet<&str>> = HashMap::new();
        for (record, problem) in records.iter().zip(&of_record) {
            ids.entry(*problem).or_default().extend(names(record));
        }
        let sorted = |ids: BTreeSet<&'a str>| {
            let mut ids: Vec<_> = ids.into_iter().collect();
            ids.sort_by_key(|id| (rank(id), *id));
            ids
        };
        Self { of_record, ids: ids.into_iter().map(|(problem, ids)| (problem, sorted(ids))).collect() }
    }

    /// The problem that a record is about.
    pub(super) fn of_record(&self, index: usize) -> usize {
        self.of_record.get(index).copied().unwrap_or(index)
    }

    /// Every id of a problem, the best known database's first.
    pub(super) fn ids(&self, problem: usize) -> &[&'a str] {
        self.ids.get(&problem).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Parents only ever point to lower indices, so that this ends.
fn root(parents: &[usize], mut index: usize) -> usize {
    while let Some(&parent) = parents.get(index)
        && parent != index
    {
        index = parent;
    }
    index
}

/// Databases that name a problem best come first: malware reports, then those that people review for one ecosystem,
/// then the rest.
pub(super) fn rank(id: &str) -> usize {
    const DATABASES: [&str; 5] = ["MAL-", "GHSA-", "RUSTSEC-", "PYSEC-", "CVE-"];
    DATABASES.iter().position(|prefix| id.starts_with(prefix)).unwrap_or(DATABASES.len())
}
