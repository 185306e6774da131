//! A scan leads on: what a file shares with a popular package and how young its new dependencies are is looked up, and
//! where something was learnt the file is scanned once more with it.
//!
//! As with the release before, nothing here stops a scan: what cannot be looked up within a moment says nothing.

use super::Screen;
use super::before::PATIENCE;
use crate::StepError;
use crate::facts::{self, Prints};
use std::sync::Arc;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::scanner::{Context, File, Fingerprint, Job, ScannerError};
use trustmill_core::scan::{Leads, Report};
use trustmill_core::{Purl, Sha256};

/// Dependencies whose age is asked for, and how young is young, in days.
const ASKED: usize = 5;
const YOUNG: u32 = 7;
/// Popular packages of nearly the same name that are fetched to be compared with.
const FETCHED: usize = 1;

impl Screen {
    /// The scanner's report, made with what its own leads lead to.
    pub(super) async fn scanned(&self, release: &Purl, mut job: Job) -> Result<Report, ScannerError> {
        let report = self.ports.scanner.scan(&job).await?;
        match self.learn(release, &mut job.context, &report).await {
            Ok(true) => self.ports.scanner.scan(&job).await,
            Ok(false) => Ok(report),
            Err(error) => {
                tracing::warn!(%release, %error, "what a scan leads to is not looked up");
                Ok(report)
            }
        }
    }

    /// Follows the leads of a report; says whether anything was learnt.
    async fn learn(&self, release: &Purl, context: &mut Context, report: &Report) -> Result<bool, StepError> {
        let Leads { prints, added } = &report.leads;
        if context.popular == Some(true) {
            self.keep(release, report.sha256, report).await?;
        } else if !prints.is_empty() {
            self.originals.lock().await.refresh(&*self.ports.records).await?;
            context.originals = self.near(release, context, report).await;
        }
        for name in added.iter().take(ASKED) {
            if self.is_young(release.ty(), name).await {
                context.young_dependencies.push(name.clone());
            }
        }
        Ok(!context.originals.is_empty() || !context.young_dependencies.is_empty())
    }

    /// Writes down the prints of a popular release, once.
    async fn keep(&self, release: &Purl, digest: Sha256, report: &Report) -> Result<(), StepError> {
        let files = report.leads.prints.clone();
        let mut originals = self.originals.lock().await;
        originals.refresh(&*self.ports.records).await?;
        if files.len() < 2 || originals.holds(release, &files) {
            return Ok(());
        }
        let prints = Prints { files };
        let fact = facts::fact(release, Some(&digest.to_hex()), self.ports.clock.now(), &prints)?;
        self.ports.records.append(&[fact]).await?;
        originals.refresh(&*self.ports.records).await
    }

    /// Popular packages that a file may be a copy of: the one with which it shares most files, and those whose name it
    /// nearly has.
    async fn near(&self, release: &Purl, context: &Context, report: &Report) -> Vec<Fingerprint> {
        let nearest = self.originals.lock().await.nearest(release, &report.leads.prints);
        let mut found: Vec<Fingerprint> = nearest.into_iter().map(Arc::unwrap_or_clone).collect();
        let mut fetched = 0;
        for name in &context.resembles {
            if found.iter().any(|known| known.name == *name) {
                continue;
            }
            let project = Purl::project(release.ty(), name);
            let held = self.originals.lock().await.of(&project);
            match held {
                Some(held) => found.push(Arc::unwrap_or_clone(held)),
                None if fetched < FETCHED => {
                    fetched += 1;
                    let scanned = tokio::time::timeout(PATIENCE, self.original(&project)).await;
                    found.extend(scanned.ok().flatten());
                }
                None => {}
            }
        }
        found
    }

    /// Fetches the newest release of a popular project for its prints, and keeps them.
    async fn original(&self, project: &Purl) -> Option<Fingerprint> {
        let ecosystem = self.ecosystem(project.ty())?;
        let listed = ecosystem.project(&project.name()).await.ok()?;
        let version = ecosystem.newest(&listed)?;
        let portable = |kind| matches!(kind, ArtifactKind::Portable | ArtifactKind::Source);
        let file = listed.files_of(version).filter(|file| portable(file.kind));
        let file = file.min_by_key(|file| (file.kind == ArtifactKind::Source, file.filename.clone()))?;
        let bytes = self.bytes(file).await?;
        let job = Job {
            ecosystem: project.ty().to_owned(),
            name: project.name(),
            version: file.version.clone(),
            file: File { name: file.filename.clone(), bytes },
            ..Job::default()
        };
        let report = self.ports.scanner.scan(&job).await.ok()?;
        let release = project.at(&file.version);
        if let Err(error) = self.keep(&release, report.sha256, &report).await {
            tracing::warn!(%release, %error, "the prints of a popular release are not kept");
        }
        Some(Fingerprint { name: job.name, version: job.version, files: report.leads.prints })
    }

    /// Whether a project's first release is days old.
    async fn is_young(&self, ty: &str, name: &str) -> bool {
        let Some(ecosystem) = self.ecosystem(ty) else { return false };
        let project = tokio::time::timeout(PATIENCE, ecosystem.project(name)).await;
        let age = project.ok().and_then(Result::ok).and_then(|project| self.age(&project));
        age.is_some_and(|days| days < YOUNG)
    }
}
