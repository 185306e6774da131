//! A package under a ruling: what one who asks sees of it.

use super::state::State;
use crate::npm::packument::{Listed, Shown};
use crate::npm::version;
use crate::rulings::Ruled;
use crate::stop::Stop;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::port::registry::FileAnswer;
use trustmill_core::{Sha256, Timestamp};

/// The tag that an installer takes when nobody names another.
const LATEST: &str = "latest";

/// A state, and the gate's word about it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// What the registry above and the mill say.
    pub(super) state: Arc<State>,
    /// What the gate says.
    pub(super) ruled: Arc<Ruled>,
}

/// A version's file as it is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) index: usize,
    pub(super) listed: &'a Listed,
    /// Why it is not handed out, if it is not.
    pub(super) stop: Option<&'a Stop>,
    /// The digest that was seen first.
    pub(super) locked: Option<Sha256>,
    /// Whether `locked` is known to be of the bytes that upstream states.
    pub(super) confirmed: bool,
    /// The mill's statements about it, and the bytes they speak of.
    pub(super) provenance: Option<(Sha256, Option<Sha256>)>,
}

impl Judged {
    /// Every version that exists before `as_of`, in the registry's order.
    fn versions(&self, as_of: Option<Timestamp>) -> impl Iterator<Item = Served<'_>> {
        let all = self.state.packument.versions.iter().enumerate();
        all.filter(move |(_, listed)| exists(listed, as_of)).map(|(index, listed)| self.served(index, listed))
    }

    /// The versions as a page shows them: what is refused says so where installers look for a warning.
    pub(super) fn shown(&self, as_of: Option<Timestamp>) -> Vec<Shown<'_>> {
        self.versions(as_of).map(Served::shown).collect()
    }

    /// The file of that name, if it exists before `as_of`.
    pub(super) fn file(&self, filename: &str, as_of: Option<Timestamp>) -> Option<Served<'_>> {
        let (index, listed) = self.state.packument.find_file(filename)?;
        exists(listed, as_of).then(|| self.served(index, listed))
    }

    /// The version that a version or a tag names.
    pub(super) fn named(&self, name: &str, as_of: Option<Timestamp>) -> Option<Served<'_>> {
        let tagged = self.tags(as_of).remove(name);
        let (index, listed) = self.state.packument.find(tagged.as_deref().unwrap_or(name))?;
        exists(listed, as_of).then(|| self.served(index, listed))
    }

    /// The tags of a page. `latest` leads to what can be installed: where its version is refused, or does not
    /// exist yet, to the newest by time that is neither. Other tags stay where their publisher put them, or go.
    pub(super) fn tags(&self, as_of: Option<Timestamp>) -> BTreeMap<String, String> {
        let there = |version: &String| {
            self.state
                .packument
                .find(version)
                .filter(|(_, listed)| exists(listed, as_of))
                .map(|(index, _)| index)
        };
        let mut tags = self.state.packument.tags.clone();
        tags.retain(|_, version| there(version).is_some());
        let latest = tags.get(LATEST).and_then(there);
        if latest.is_none_or(|index| self.stop(index).is_some())
            && let Some(best) = self.versions(as_of).max_by(|a, b| preference(a, b))
        {
            tags.insert(LATEST.to_owned(), best.listed.version.to_string());
        }
        tags
    }

    /// What the mill says of a file by itself, and then what the gate says of its release.
    fn stop(&self, index: usize) -> Option<&Stop> {
        let by_itself = self.state.overlays.get(&index).and_then(|overlay| overlay.stop.as_ref());
        by_itself.or_else(|| self.ruled.stop(index))
    }

    /// An answer that was made for any client, with what this one should know.
    pub(super) fn warned(&self, file: &Served<'_>, answer: FileAnswer) -> FileAnswer {
        FileAnswer { warning: self.ruled.warning(file.index), ..answer }
    }

    fn served<'a>(&'a self, index: usize, listed: &'a Listed) -> Served<'a> {
        let overlay = self.state.overlays.get(&index);
        Served {
            index,
            listed,
            stop: self.stop(index),
            locked: overlay.and_then(|overlay| overlay.locked),
            confirmed: overlay.is_some_and(|overlay| overlay.confirmed),
            provenance: overlay.and_then(|overlay| overlay.provenance),
        }
    }
}

impl<'a> Served<'a> {
    pub(super) fn shown(self) -> Shown<'a> {
        Shown { listed: self.listed, warning: self.stop.map(|stop| stop.line.as_str()) }
    }
}

/// The better one to lead `latest` to: what is not refused, is no prerelease, is not deprecated, is newer.
fn preference(a: &Served<'_>, b: &Served<'_>) -> Ordering {
    let rank = |served: &Served<'_>| {
        let prerelease = version::is_prerelease(&served.listed.version);
        (served.stop.is_none(), !prerelease, !served.listed.deprecated, served.listed.time)
    };
    rank(a).cmp(&rank(b)).then_with(|| version::compare(&a.listed.version, &b.listed.version))
}

/// Without a time nobody can say that a version existed, so a view of the past has it not.
fn exists(listed: &Listed, as_of: Option<Timestamp>) -> bool {
    as_of.is_none_or(|instant| listed.time.is_some_and(|published| published < instant))
}
