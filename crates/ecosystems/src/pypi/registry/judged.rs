//! A project under a ruling: what one who asks sees of it.

use super::state::{Overlay, State};
use crate::pypi::index::{Entry, Provenance};
use crate::pypi::page::ListedFile;
use crate::rulings::Ruled;
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::shelf::OwnFile;
use trustmill_core::{Purl, Sha256, Timestamp};

/// A state, and the gate's word about it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// What upstream and the mill say.
    pub(super) state: Arc<State>,
    /// What the gate says.
    pub(super) ruled: Arc<Ruled>,
}

/// A file as it is served.
#[derive(Debug, Clone)]
pub(super) struct Served<'a> {
    /// What the page says.
    pub(super) entry: Entry<'a>,
    /// Why it is not handed out, if it is not.
    pub(super) stop: Option<&'a Stop>,
    /// Whose bytes.
    pub(super) source: Source<'a>,
    /// The mill's statements about it.
    pub(super) provenance: Option<Sha256>,
    /// Its release's place among the state's.
    release: usize,
}

/// Whose bytes are served.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Upstream's.
    Upstream(&'a ListedFile),
    /// The mill's.
    Own(&'a OwnFile),
}

impl Judged {
    /// Every file that exists before `as_of`, upstream's first.
    pub(super) fn files(&self, as_of: Option<Timestamp>) -> impl Iterator<Item = Served<'_>> {
        let listed = self.state.page.files.iter().enumerate();
        let listed = listed.filter_map(|(place, file)| self.listed(place, file));
        let own = self.state.overlays.iter().filter_map(|(filename, overlay)| {
            let is_new = overlay.own.is_some() && self.state.page.file(filename).is_none();
            is_new.then(|| self.own(filename, overlay, self.state.releases.of_own(filename)?)).flatten()
        });
        // In one order, whatever the map's: pages with the same content are the same bytes.
        let own: BTreeMap<&str, Served<'_>> = own.map(|file| (file.entry.filename, file)).collect();
        listed.chain(own.into_values()).filter(move |file| exists(&file.entry, as_of))
    }

    /// The file of that name, if it exists before `as_of`.
    pub(super) fn file<'a>(&'a self, filename: &'a str, as_of: Option<Timestamp>) -> Option<Served<'a>> {
        let listed = self.state.page.files.iter().enumerate();
        let found = match listed.into_iter().find(|(_, file)| file.artifact.filename == filename) {
            Some((place, file)) => self.listed(place, file),
            None => {
                let (name, overlay) = self.state.overlays.get_key_value(filename)?;
                self.own(name, overlay, self.state.releases.of_own(name)?)
            }
        };
        found.filter(|file| exists(&file.entry, as_of))
    }

    /// An answer that was made for any client, with what this one should know.
    pub(super) fn warned(&self, file: &Served<'_>, answer: FileAnswer) -> FileAnswer {
        FileAnswer { warning: self.ruled.warning(file.release), ..answer }
    }

    /// Which file of which release it is.
    pub(super) fn identity(&self, file: &Served<'_>) -> Option<Arc<(Purl, String)>> {
        let version = self.state.releases.version(file.release)?;
        Some(Arc::new((self.state.project.at(version), file.entry.filename.to_owned())))
    }

    /// The versions of a page with `files` (PEP 700): upstream's own list, cut to what the view shows.
    pub(super) fn versions<'a>(&'a self, files: &[Served<'a>], as_of: Option<Timestamp>) -> Vec<&'a str> {
        let mut versions: Vec<&str> = files.iter().map(|file| file.entry.version).collect();
        if as_of.is_none() {
            versions.extend(self.state.page.versions.iter().map(String::as_str));
        }
        let mut parsed: Vec<_> = versions
            .into_iter()
            .filter_map(|text| Some((crate::pypi::version::parse(text)?, text)))
            .collect();
        parsed.sort();
        parsed.dedup_by(|a, b| a.0 == b.0);
        parsed.into_iter().map(|(_, text)| text).collect()
    }

    /// What the mill says of a file by itself, and then what the gate says of its release.
    fn stop<'a>(&'a self, overlay: Option<&'a Overlay>, release: usize) -> Option<&'a Stop> {
        overlay.and_then(|overlay| overlay.stop.as_ref()).or_else(|| self.ruled.stop(release))
    }

    fn listed<'a>(&'a self, place: usize, file: &'a ListedFile) -> Option<Served<'a>> {
        let release = self.state.releases.of_listed(place)?;
        let artifact = &file.artifact;
        let overlay = self.state.overlays.get(&artifact.filename);
        if let Some(own) = overlay.and_then(|overlay| self.own(&artifact.filename, overlay, release)) {
            return Some(own);
        }
        let stop = self.stop(overlay, release);
        let locked = overlay.and_then(|overlay| overlay.locked);
        let sha256 = locked.or(artifact.sha256);
        // Statements speak of certain bytes; about others the mill has said nothing.
        let provenance = overlay
            .and_then(|overlay| overlay.provenance)
            .filter(|(_, of)| of.is_none_or(|of| Some(of) == sha256))
            .map(|(blob, _)| blob);
        let theirs = || file.provenance.as_deref().map(Provenance::Upstream);
        let entry = Entry {
            filename: &artifact.filename,
            version: &artifact.version,
            sha256,
            other_hashes: Some(&file.other_hashes).filter(|_| locked.is_none() || locked == artifact.sha256),
            size: artifact.size,
            upload_time: artifact.upload_time,
            requires_python: artifact.requires_runtime.as_deref(),
            metadata: artifact.metadata_sha256.or(overlay.and_then(|overlay| overlay.metadata)),
            yanked: stop.map(|stop| stop.line.as_str()).or(artifact.yanked.as_deref()),
            gpg_sig: file.gpg_sig,
            provenance: provenance.map(|_| Provenance::Ours).or_else(theirs),
        };
        Some(Served { entry, stop, source: Source::Upstream(file), provenance, release })
    }

    fn own<'a>(&'a self, filename: &'a str, overlay: &'a Overlay, release: usize) -> Option<Served<'a>> {
        let (own, version) = overlay.own.as_ref()?;
        let provenance = overlay.provenance.map(|(blob, _)| blob);
        let stop = self.stop(Some(overlay), release);
        let entry = Entry {
            filename,
            version,
            sha256: Some(own.sha256),
            other_hashes: None,
            size: Some(own.size),
            upload_time: Some(own.upload_time),
            requires_python: own.requires_python.as_deref(),
            metadata: own.metadata_sha256.or(overlay.metadata),
            yanked: stop.map(|stop| stop.line.as_str()),
            gpg_sig: None,
            provenance: provenance.map(|_| Provenance::Ours),
        };
        Some(Served { entry, stop, source: Source::Own(own), provenance, release })
    }
}

/// Without an upload time nobody can say that a file existed, so a view of the past has it not.
fn exists(entry: &Entry<'_>, as_of: Option<Timestamp>) -> bool {
    as_of.is_none_or(|instant| entry.upload_time.is_some_and(|uploaded| uploaded < instant))
}
