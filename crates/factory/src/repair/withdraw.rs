//! Taking a repaired release back: it is no longer handed out, and says why. What was signed stays as it is.

use super::publish::shelved;
use super::{Repaired, Repairs, facts as known};
use crate::{StepError, facts};
use trustmill_core::Purl;
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_core::version::VersionScheme;

/// The code of the refusal that a client gets.
const CODE: &str = "TM1205";

impl Repairs {
    /// Takes a repaired release back.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub async fn withdraw(&self, repaired: &Repaired, why: &str) -> Result<Repaired, StepError> {
        let world = &self.world;
        let at = world.clock.now();
        let taken = Repaired { withdrawn: Some(why.to_owned()), at, ..repaired.clone() };
        let subject = taken.repaired.version().map(str::to_owned);
        let mut all = vec![facts::fact(&taken.release, subject.as_deref(), at, &taken)?];
        let shelves = world.records.facts(&taken.repaired, Some(Shelf::REPAIRED)).await?;
        for (name, _, _) in &taken.files {
            // The newest counts: what is served of the file is known there, and stays known.
            let newest = shelves.iter().rev().find(|fact| fact.subject.as_deref() == Some(name));
            let shelf = newest.map(Shelf::read).transpose();
            let shelf =
                shelf.map_err(|error| StepError::Internal(error.to_string()))?.unwrap_or_else(Shelf::new);
            let refuse = Some(ShelfRefusal { code: CODE.to_owned(), reason: format!("withdrawn: {why}") });
            let shelf = Shelf { refuse, decided_at: Some(at), ..shelf };
            all.push(shelved(&taken.repaired, name, at, &shelf)?);
        }
        world.records.append(&all).await?;
        Ok(taken)
    }

    /// Every repaired release that is handed out and that upstream has made needless, and by what: a release of the same
    /// line (its first two numbers) that came after the repair and that no advisory of the repair hits. A fix that was
    /// there before was out of range for whoever asked for the repair.
    ///
    /// # Errors
    /// A registry or the records cannot be read.
    pub async fn superseded(&self) -> Result<Vec<(Repaired, String)>, StepError> {
        let mut out = Vec::new();
        for one in known::all_repaired(&self.world).await? {
            if let Some(why) = self.superseded_by(&one).await? {
                out.push((one, why));
            }
        }
        Ok(out)
    }

    /// The same of one: why it is needless, if it is handed out and is.
    pub(super) async fn superseded_by(&self, one: &Repaired) -> Result<Option<String>, StepError> {
        if one.withdrawn.is_some() {
            return Ok(None);
        }
        let successor = self.successor(one).await?;
        Ok(successor.map(|version| format!("{version}, of the same line, has the fix")))
    }

    async fn successor(&self, one: &Repaired) -> Result<Option<String>, StepError> {
        let release = &one.release;
        let ecosystem = self.world.ecosystem(release)?;
        let Some(scheme) = self.schemes.iter().find(|scheme| scheme.ty() == release.ty()) else {
            return Ok(None);
        };
        let project = ecosystem.project(&release.name()).await?;
        let own = release.version().unwrap_or_default();
        let later: Vec<&String> =
            project.versions.iter().filter(|version| follows(*scheme, version, own)).collect();
        if later.is_empty() {
            return Ok(None);
        }
        let records = self.advisories.about(&release.without_version()).await?;
        for version in later {
            let candidate: Purl = release.without_version().at(version);
            let hit = trustmill_inspect::vulns::find(&records, *scheme, &candidate)
                .iter()
                .any(|finding| finding.ids.iter().any(|id| one.advisories.contains(id)));
            let plan = ecosystem.plan(&project, version)?;
            let uploaded = plan.source.iter().filter_map(|file| file.upload_time).min();
            if !hit && uploaded.is_some_and(|uploaded| uploaded > one.at) {
                return Ok(Some(version.clone()));
            }
        }
        Ok(None)
    }
}

/// Whether `version` comes after `own` in its line.
fn follows(scheme: &dyn VersionScheme, version: &str, own: &str) -> bool {
    let line = |version: &str| -> Vec<String> { version.split('.').take(2).map(str::to_owned).collect() };
    line(version) == line(own)
        && !scheme.is_prerelease(version)
        && scheme.compare(version, own).is_some_and(std::cmp::Ordering::is_gt)
}
