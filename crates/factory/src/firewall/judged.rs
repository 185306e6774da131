//! What the mill's own facts say of a project's releases.

use super::failed;
use crate::facts::{Judgement, Kind, Winner};
use std::collections::{BTreeMap, HashMap};
use trustmill_core::port::gate::GateError;
use trustmill_core::port::records::Records;
use trustmill_core::recipe::SourceKind;
use trustmill_core::{Purl, Verdict};

/// What is known of one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    /// The weakest verdict of the files that are for every platform, else of all.
    pub(super) verdict: Verdict,
    /// Whether all of those came out with the published bytes.
    pub(super) proven: bool,
    /// What they were built from.
    pub(super) source: Option<SourceKind>,
}

/// What is known, by version.
pub(super) async fn of(records: &dyn Records, project: &Purl) -> Result<HashMap<String, Judged>, GateError> {
    let read = async |kind| records.facts(project, Some(kind)).await.map_err(|e| failed(project, "facts", e));
    // The newest per file counts, and facts come oldest first.
    let mut files: HashMap<String, BTreeMap<Option<String>, Judgement>> = HashMap::new();
    for fact in read(Judgement::NAME).await? {
        let judgement: Judgement =
            crate::facts::read(&fact).map_err(|error| failed(project, "facts", error))?;
        if let Some(version) = fact.about.version() {
            files.entry(version.to_owned()).or_default().insert(fact.subject.clone(), judgement);
        }
    }
    if files.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sources: HashMap<String, BTreeMap<Option<String>, SourceKind>> = HashMap::new();
    for fact in read(Winner::NAME).await? {
        let winner: Winner = crate::facts::read(&fact).map_err(|error| failed(project, "facts", error))?;
        if let Some(version) = fact.about.version() {
            sources.entry(version.to_owned()).or_default().insert(fact.subject.clone(), winner.recipe.source);
        }
    }
    Ok(files
        .into_iter()
        .filter_map(|(version, files)| {
            let judged = weakest(files.values())?;
            let built = sources.get(&version).filter(|_| judged.proven);
            // One file from an sdist makes the release as good as its sdist.
            let git = |files: &BTreeMap<_, _>| files.values().all(|source| *source == SourceKind::Git);
            let source = built.map(|files| if git(files) { SourceKind::Git } else { SourceKind::Sdist });
            Some((version, Judged { source, ..judged }))
        })
        .collect())
}

fn weakest<'a>(files: impl Iterator<Item = &'a Judgement> + Clone) -> Option<Judged> {
    let portable = files.clone().filter(|file| !file.native);
    let verdict = portable.map(|file| file.verdict).max().or_else(|| files.map(|file| file.verdict).max())?;
    Some(Judged { verdict, proven: verdict.same_bytes(), source: None })
}
