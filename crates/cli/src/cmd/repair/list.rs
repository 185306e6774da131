//! `trustmill repair list`: what was repaired, what was not, and which recipes were searched.

use crate::cmd::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{repair as view, to_json};
use crate::wire::{Mill, Purpose};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_factory::facts::{self as written, Kind as _};
use trustmill_factory::pipeline::Searched;
use trustmill_factory::progress::Unobserved;
use trustmill_factory::repair::{Miss, Repaired, facts};

/// Everything that came of repairs.
#[derive(Debug, Serialize)]
pub(crate) struct Repairs {
    /// Repaired releases, those that were withdrawn among them.
    pub(crate) repaired: Vec<Repaired>,
    /// What could not be repaired, and was not since.
    pub(crate) missed: Vec<Missed>,
    /// The newest search for a recipe of each file.
    pub(crate) recipes: Vec<Recipe>,
}

/// A release that could not be repaired of something.
#[derive(Debug, Serialize)]
pub(crate) struct Missed {
    pub(crate) release: Purl,
    #[serde(flatten)]
    pub(crate) miss: Miss,
}

/// A release of which a recipe was searched.
#[derive(Debug, Serialize)]
pub(crate) struct Recipe {
    pub(crate) release: Purl,
    #[serde(flatten)]
    pub(crate) search: Searched,
}

pub(super) async fn list(global: &Global) -> Result<Exit, Failure> {
    let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
    let records = mill.world.records.as_ref();
    let repaired = facts::all_repaired(&mill.world).await?;
    let mut missed = Vec::new();
    for (release, miss) in facts::all_missed(records).await? {
        let mends = |one: &Repaired| {
            one.release == release && one.advisories.iter().any(|id| miss.advisories.contains(id))
        };
        if !repaired.iter().any(mends) {
            missed.push(Missed { release, miss });
        }
    }
    let mut recipes = BTreeMap::new();
    for (_, fact) in records.of_kind(Searched::NAME, 0).await? {
        let search: Searched = written::read(&fact)?;
        let at = (fact.about.clone(), search.found.file.clone());
        recipes.insert(at, Recipe { release: fact.about, search });
    }
    let all = Repairs { repaired, missed, recipes: recipes.into_values().collect() };
    match global.json {
        true => to_json(&all),
        false => view::list(&all),
    }
    Ok(Exit::Success)
}
