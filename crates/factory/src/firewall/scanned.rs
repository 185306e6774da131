//! What the scanner's facts say of a project's releases: of each the worst of its files.

use super::failed;
use crate::facts::{Kind as _, Scan};
use std::collections::{BTreeMap, HashMap};
use trustmill_core::Purl;
use trustmill_core::port::gate::GateError;
use trustmill_core::port::records::Records;

/// What is known of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scanned {
    /// `clear`, `note`, `hold`, `block` or `failed`.
    pub(super) word: &'static str,
    /// Why, in one line.
    pub(super) reason: String,
    /// The licence that a file of it names.
    pub(super) licence: Option<String>,
}

/// What is known, by version.
pub(super) async fn of(records: &dyn Records, project: &Purl) -> Result<HashMap<String, Scanned>, GateError> {
    let read = records.facts(project, Some(Scan::NAME)).await;
    // The newest per file counts, and facts come oldest first.
    let mut files: HashMap<String, BTreeMap<Option<String>, Scan>> = HashMap::new();
    for fact in read.map_err(|error| failed(project, "facts", error))? {
        let scan: Scan = crate::facts::read(&fact).map_err(|error| failed(project, "facts", error))?;
        if let Some(version) = fact.about.version() {
            files.entry(version.to_owned()).or_default().insert(fact.subject, scan);
        }
    }
    let worst = files.into_iter().filter_map(|(version, files)| {
        let worst = files.values().max_by_key(|scan| scan.gravity())?;
        let licence = files.values().find_map(Scan::licence).map(str::to_owned);
        Some((version, Scanned { word: worst.word(), reason: worst.reason(), licence }))
    });
    Ok(worst.collect())
}
