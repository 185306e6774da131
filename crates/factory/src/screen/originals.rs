//! Popular releases by the prints of their files: which of them a file may be a copy of.

use crate::StepError;
use crate::facts::{self, Kind as _, Prints};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::records::Records;
use trustmill_core::port::scanner::Fingerprint;

/// Releases and prints that are held at most; the first that came stay.
const MOST_RELEASES: usize = 20_000;
const MOST_PRINTS: usize = 1_000_000;

/// What the records say of popular releases, read as far as it was written.
#[derive(Default)]
pub(super) struct Originals {
    /// The project, and the release's prints.
    releases: Vec<(Purl, Arc<Fingerprint>)>,
    /// The releases that hold a file.
    by_print: HashMap<u64, Vec<usize>>,
    read_to: u64,
}

impl Originals {
    /// Reads what was written since.
    pub(super) async fn refresh(&mut self, records: &dyn Records) -> Result<(), StepError> {
        for (place, fact) in records.of_kind(Prints::NAME, self.read_to).await? {
            self.read_to = place;
            self.hold(&fact.about, facts::read::<Prints>(&fact)?.files);
        }
        Ok(())
    }

    fn hold(&mut self, release: &Purl, files: BTreeSet<u64>) {
        if self.releases.len() >= MOST_RELEASES || self.by_print.len() + files.len() > MOST_PRINTS {
            return;
        }
        for print in &files {
            self.by_print.entry(*print).or_default().push(self.releases.len());
        }
        let (name, version) = (release.name(), release.version().unwrap_or_default().to_owned());
        let original = Fingerprint { name, version, files };
        self.releases.push((release.without_version(), Arc::new(original)));
    }

    /// The newest that is held of a project.
    pub(super) fn of(&self, project: &Purl) -> Option<Arc<Fingerprint>> {
        self.releases.iter().rev().find(|(own, _)| own == project).map(|(_, original)| Arc::clone(original))
    }

    /// Whether the prints of a release are held.
    pub(super) fn holds(&self, release: &Purl, files: &BTreeSet<u64>) -> bool {
        let project = release.without_version();
        self.releases.iter().any(|(own, original)| *own == project && original.files == *files)
    }

    /// The release of another project in the same registry with which most files are shared, if these are most of its
    /// own.
    pub(super) fn nearest(&self, release: &Purl, files: &BTreeSet<u64>) -> Option<Arc<Fingerprint>> {
        let project = release.without_version();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for at in files.iter().filter_map(|print| self.by_print.get(print)).flatten() {
            *shared.entry(*at).or_default() += 1;
        }
        let near = shared.into_iter().filter_map(|(at, shared)| {
            let (own, original) = self.releases.get(at)?;
            let most = shared >= 2 && shared * 2 >= original.files.len();
            (most && own.ty() == project.ty() && *own != project).then_some((shared, at, original))
        });
        near.max_by_key(|(shared, at, _)| (*shared, *at)).map(|(_, _, original)| Arc::clone(original))
    }
}
