//! One scan: the file and the one before it, the report, and the fact that it becomes.

use super::before::Against;
use super::{Screen, Unscanned, not_now};
use crate::facts::{self, Scan, ScanResult};
use std::sync::Arc;
use trustmill_core::port::Coded;
use trustmill_core::port::scanner::{File, Job, ScannerError};
use trustmill_core::scan::{Conclusion, Leads, Report};
use trustmill_core::{Purl, Sha256};

/// Findings that are kept of a report, weightiest first: what it concludes rests on those.
const FINDINGS: usize = 20;
/// Characters of each text in them.
const TEXT: usize = 400;

impl Screen {
    /// Scans a file and writes down what is found. What breaks the scanner is written down too: it is a property of
    /// the file. That the scanner cannot be started is not.
    pub(super) async fn run(&self, of: &Arc<(Purl, String)>, digest: Sha256) -> Result<(), Unscanned> {
        let (release, file) = (&of.0, &of.1);
        let began = self.ports.clock.now();
        let result = match self.job(release, file, digest).await? {
            Err(too_large) => too_large,
            Ok(job) => match self.scanned(release, job).await {
                Ok(report) => ScanResult::Report(Box::new(cut(report))),
                Err(error @ ScannerError::Start { .. }) => return Err(not_now(file, &error)),
                Err(error) => ScanResult::Failed { code: error.code().to_owned(), what: error.to_string() },
            },
        };
        let now = self.ports.clock.now();
        let millis = now.duration_since(began).as_millis();
        let scan =
            Scan { rules: self.ports.scanner.rules().to_owned(), filename: file.clone(), at: now, result };
        match scan.conclusion() {
            Some(conclusion) if conclusion < Conclusion::Hold => {
                tracing::info!(%release, file, conclusion = conclusion.as_str(), millis, "scanned");
            }
            _ => {
                let (word, why) = (scan.word(), scan.reason());
                tracing::warn!(%release, file, word, why, millis, "the scanner stops a file");
            }
        }
        let fact = facts::fact(release, Some(&digest.to_hex()), now, &scan)
            .map_err(|error| not_now(file, &error))?;
        self.ports.records.append(&[fact]).await.map_err(|error| not_now(file, &error))?;
        self.known.insert(digest, Arc::clone(of));
        Ok(())
    }

    /// What the scanner is given, or why it is not.
    async fn job(
        &self,
        release: &Purl,
        file: &str,
        digest: Sha256,
    ) -> Result<Result<Job, ScanResult>, Unscanned> {
        let size = self.ports.blobs.size(&digest).await.map_err(|error| not_now(file, &error))?;
        let most = self.settings.most_bytes;
        if let Some(size) = size.filter(|size| *size > most) {
            let what = format!("{file} has {size} bytes, more than [scanner] file_mib lets be scanned");
            return Ok(Err(ScanResult::Failed { code: "TM1006".to_owned(), what }));
        }
        let bytes = self.ports.blobs.get(&digest).await.map_err(|error| not_now(file, &error))?;
        let missing = || ScannerError::Start { why: "the file is not in the store".to_owned() };
        let bytes = bytes.ok_or_else(|| not_now(file, &missing()))?;
        let (previous, context) = self.before(release, file, digest, &Against::Before).await;
        Ok(Ok(Job {
            ecosystem: release.ty().to_owned(),
            name: release.name(),
            version: release.version().unwrap_or_default().to_owned(),
            file: File { name: file.to_owned(), bytes },
            previous,
            context,
        }))
    }
}

/// A report of a size that may be kept.
fn cut(mut report: Report) -> Report {
    report.leads = Leads::default();
    let short = |text: &mut String| {
        if let Some((end, _)) = text.char_indices().nth(TEXT) {
            text.truncate(end);
        }
    };
    report.findings.truncate(FINDINGS);
    short(&mut report.reason);
    report.licence.iter_mut().for_each(short);
    for finding in &mut report.findings {
        short(&mut finding.what);
        short(&mut finding.excerpt);
        short(&mut finding.place.path);
        short(&mut finding.look);
        finding.layers.truncate(FINDINGS);
        finding.layers.iter_mut().for_each(short);
    }
    report
}
