//! Which of a project's releases are repaired ones of this mill, and what the oracle ruled of them.

use super::failed;
use crate::facts::Kind as _;
use crate::repair::Repaired;
use std::collections::HashMap;
use trustmill_core::Purl;
use trustmill_core::port::gate::GateError;
use trustmill_core::port::records::Records;
use trustmill_core::repair::Ruling;

/// The ruling, by version; the newest word on each counts.
pub(super) async fn of(records: &dyn Records, project: &Purl) -> Result<HashMap<String, Ruling>, GateError> {
    let read = records.facts(project, Some(Repaired::NAME)).await;
    let mut rulings = HashMap::new();
    for fact in read.map_err(|error| failed(project, "facts", error))? {
        let one: Repaired = crate::facts::read(&fact).map_err(|error| failed(project, "facts", error))?;
        if let Some(version) = one.repaired.version() {
            rulings.insert(version.to_owned(), one.ruling);
        }
    }
    Ok(rulings)
}
