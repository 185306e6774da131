//! Looking at a release for a person: every file as the registry has it now, and nothing is written down.

use super::Screen;
use super::before::Against;
use crate::StepError;
use std::time::{Duration, Instant};
use trustmill_core::Purl;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::scanner::{File, Job, ScannerError};
use trustmill_core::scan::Report;

/// What was looked at of a release.
#[derive(Debug)]
pub struct Examined {
    /// The release, its version in the registry's spelling.
    pub release: Purl,
    /// Each file, and what the scanner says of it.
    pub files: Vec<(String, Result<Report, ScannerError>)>,
    /// Further files that were not looked at.
    pub left: usize,
    /// How long scanning took, fetching left out.
    pub scanning: Duration,
}

impl Screen {
    /// Scans up to `most` files of a release, or of a project's newest one; source first, and what is for every
    /// platform before what is for one. `against` names the version to compare with, else it is the one before.
    ///
    /// # Errors
    /// The registry does not list it, or a file cannot be fetched.
    pub async fn examine(
        &self,
        purl: &Purl,
        against: Option<&str>,
        most: usize,
    ) -> Result<Examined, StepError> {
        let unknown = || StepError::UnknownEcosystem { purl: Box::new(purl.clone()) };
        let ecosystem = self.ecosystem(purl.ty()).ok_or_else(unknown)?;
        let project = ecosystem.project(&purl.name()).await?;
        let wanted = purl.version().or_else(|| ecosystem.newest(&project)).unwrap_or_default();
        let version = ecosystem.plan(&project, wanted)?.version;
        let release = purl.without_version().at(&version);
        let mut files: Vec<&Artifact> = project.files_of(&version).collect();
        files.sort_by_key(|file| (rank(file.kind), file.filename.clone()));
        let left = files.len().saturating_sub(most);
        let against = against.map_or(Against::Before, Against::Version);
        let (mut examined, mut scanning) = (Vec::new(), Duration::ZERO);
        for file in files.into_iter().take(most) {
            let job = self.job_of(&release, file, &against).await?;
            let began = Instant::now();
            examined.push((file.filename.clone(), self.scanned(&release, job).await));
            scanning = scanning.saturating_add(began.elapsed());
        }
        Ok(Examined { release, files: examined, left, scanning })
    }

    async fn job_of(&self, release: &Purl, file: &Artifact, against: &Against<'_>) -> Result<Job, StepError> {
        let promised = file.promised();
        let fetched = self.ports.fetch.file(&file.url, promised.as_ref(), self.settings.most_bytes).await;
        let (digest, _) = fetched?;
        let bytes = self.ports.blobs.get(&digest).await?;
        let vanished = || StepError::Internal(format!("{} vanished from the blob store", file.filename));
        let (previous, context) = self.before(release, &file.filename, digest, against).await;
        Ok(Job {
            ecosystem: release.ty().to_owned(),
            name: release.name(),
            version: release.version().unwrap_or_default().to_owned(),
            file: File { name: file.filename.clone(), bytes: bytes.ok_or_else(vanished)? },
            previous,
            context,
        })
    }
}

const fn rank(kind: ArtifactKind) -> u8 {
    match kind {
        ArtifactKind::Source => 0,
        ArtifactKind::Portable => 1,
        ArtifactKind::Native => 2,
        ArtifactKind::Other => 3,
    }
}
