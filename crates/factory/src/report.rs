//! What the facts say of a release, for tables, `show` and the API. Rendering is elsewhere.

use crate::facts::{self, Alarm, Judgement, Listing, Scan, SourceReport};
use crate::pipeline::{Searched, attempts};
use crate::repair::facts::{missed, repaired};
use crate::repair::{Miss, Repaired};
use crate::{StepError, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::attempt::Attempt;
use trustmill_core::digest::Checksum;
use trustmill_core::package::Artifact;
use trustmill_core::{Purl, Sha256, Verdict};

/// One release, as the facts have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseReport {
    /// The release.
    pub purl: Purl,
    /// See [`weakest`]; `None` if nothing was judged.
    pub verdict: Option<Verdict>,
    /// SHA-256 digests of everything that the registry lists for it, the source included.
    pub published: Vec<Sha256>,
    /// Where its source is, and how what was uploaded compares with it; `None` if nobody looked.
    pub source: Option<SourceReport>,
    /// What it promises of each file, in the strongest algorithm that it states.
    pub promised: Vec<Checksum>,
    /// The files that were judged.
    pub files: Vec<FileReport>,
    /// What the scanner says of each file, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<Scan>,
    /// Its repairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repaired>,
    /// What could not be repaired, the newest of each problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Miss>,
    /// Searches for better recipes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Searched>,
    /// What a person must look at.
    pub alarms: Vec<Alarm>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file's name, or `mill:VERSION` for a build that has no published twin.
    pub name: String,
    /// When it was judged.
    pub at: Timestamp,
    /// The judgement.
    pub judgement: Judgement,
    /// Every try, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Reads everything that is known about a release.
pub async fn release(world: &World, purl: &Purl) -> Result<ReleaseReport, StepError> {
    let mut attempts = attempts(world.records.as_ref(), purl).await?;
    let mut files: Vec<FileReport> = Vec::new();
    for (fact, judgement) in facts::all::<Judgement>(world.records.as_ref(), purl).await? {
        let Some(name) = fact.subject else { continue };
        files.retain(|file| file.name != name);
        files.push(FileReport { name, at: fact.at, judgement, attempts: Vec::new() });
    }
    for file in &mut files {
        let mine = |(subject, _): &mut (Option<String>, Attempt)| subject.as_deref() == Some(&file.name);
        file.attempts = attempts.extract_if(.., mine).map(|(_, attempt)| attempt).collect();
    }
    let alarms = facts::all::<Alarm>(world.records.as_ref(), purl).await?;
    let alarms = alarms.into_iter().map(|(_, alarm)| alarm).collect();
    let listings = facts::all::<Listing>(world.records.as_ref(), purl).await?;
    let listed = || listings.iter().flat_map(|(_, listing)| &listing.files);
    let published = listed().filter_map(|file| file.sha256).collect();
    let promised = listed().filter_map(Artifact::promised).collect();
    let source = facts::all::<SourceReport>(world.records.as_ref(), purl).await?;
    let source = source.into_iter().next_back().map(|(_, report)| report);
    let searches = facts::all::<Searched>(world.records.as_ref(), purl).await?;
    let searches = searches.into_iter().map(|(_, search)| search).collect();
    Ok(ReleaseReport {
        purl: purl.clone(),
        verdict: weakest(files.iter().map(|file| (file.judgement.verdict, file.judgement.native))),
        published,
        promised,
        source,
        files,
        scans: scans(world, purl).await?,
        repairs: repaired(world, purl).await?,
        missed: missed(world.records.as_ref(), purl).await?,
        searches,
        alarms,
    })
}

/// The newest report on each file, the worst first.
async fn scans(world: &World, purl: &Purl) -> Result<Vec<Scan>, StepError> {
    let mut newest = BTreeMap::new();
    for (fact, scan) in facts::all::<Scan>(world.records.as_ref(), purl).await? {
        newest.insert(fact.subject, scan);
    }
    let mut scans: Vec<Scan> = newest.into_values().collect();
    scans.sort_by(|a, b| b.gravity().cmp(&a.gravity()).then_with(|| a.filename.cmp(&b.filename)));
    Ok(scans)
}

/// The verdict that counts for a release, from its files' verdicts and whether each is for one platform: the weakest.
/// Platform builds that were left alone or could not be built here count only where there is nothing else.
pub fn weakest(files: impl Iterator<Item = (Verdict, bool)> + Clone) -> Option<Verdict> {
    let tried = files.clone().filter(|(verdict, _)| *verdict != Verdict::NotAttempted);
    let counts = tried.clone().filter(|(verdict, native)| !(*native && *verdict == Verdict::BuildFailed));
    let weakest = |files: &mut dyn Iterator<Item = (Verdict, bool)>| files.map(|(verdict, _)| verdict).max();
    let mut ladder = [weakest(&mut { counts }), weakest(&mut { tried }), weakest(&mut { files })].into_iter();
    ladder.find_map(|found| found)
}
