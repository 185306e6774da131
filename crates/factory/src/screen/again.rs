//! New rules look again at what is there: newest first, one file at a time, and only while no client waits.

use super::{Key, Screen};
use crate::StepError;
use crate::facts::{self, Kind as _, Scan};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::{Purl, Sha256, Timestamp};

/// How long the background stands back for clients, before it looks whether they still wait.
const STANDS_BACK: Duration = Duration::from_millis(200);

impl Screen {
    /// Scans every file anew whose report was made by other rules, until `stopped`. Says how many.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn again(self: &Arc<Self>, mut stopped: watch::Receiver<bool>) -> Result<usize, StepError> {
        let mut done = 0;
        for (of, digest) in self.outdated().await? {
            while self.waiting.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(STANDS_BACK).await;
            }
            if *stopped.borrow_and_update() {
                break;
            }
            // What is gone from the store is scanned when it comes again.
            if !matches!(self.ports.blobs.size(&digest).await, Ok(Some(_))) {
                continue;
            }
            let told = self.start(&of, digest);
            match self.wait(told, &of.1).await {
                Ok(()) => done += 1,
                Err(error) => tracing::warn!(release = %of.0, %error, "a file is not scanned again"),
            }
        }
        Ok(done)
    }

    /// The files whose newest report is of other rules, newest first.
    async fn outdated(&self) -> Result<Vec<(Arc<(Purl, String)>, Sha256)>, StepError> {
        let mut newest: HashMap<Key, (Timestamp, Scan)> = HashMap::new();
        for (_, fact) in self.ports.records.of_kind(Scan::NAME, 0).await? {
            let Some(digest) = fact.subject.as_deref().and_then(|hex| hex.parse().ok()) else { continue };
            let scan = facts::read::<Scan>(&fact)?;
            newest.insert(Key { release: fact.about, digest }, (fact.at, scan));
        }
        let rules = self.ports.scanner.rules();
        let mut outdated: Vec<_> = newest.into_iter().filter(|(_, (_, scan))| scan.rules != rules).collect();
        outdated.sort_by(|(a, (at_a, _)), (b, (at_b, _))| {
            at_b.cmp(at_a).then_with(|| a.release.cmp(&b.release)).then_with(|| a.digest.cmp(&b.digest))
        });
        Ok(outdated
            .into_iter()
            .map(|(key, (_, scan))| (Arc::new((key.release, scan.filename)), key.digest))
            .collect())
    }
}
