//! The line on which every version that anyone names has its place.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, RangeEvent, RangeKind};
use trustmill_core::version::VersionScheme;

/// Places of versions, ascending; spellings of one version share a place.
pub(super) struct Line<'a> {
    versions: HashMap<&'a str, usize>,
    events: HashMap<&'a str, usize>,
    places: usize,
}

impl<'a> Line<'a> {
    /// Orders `versions` and what `records` name of `project`.
    pub(super) fn of(
        scheme: &dyn VersionScheme,
        versions: &[&'a str],
        project: &Purl,
        records: &[&'a Arc<Advisory>],
    ) -> Self {
        let affected = || records.iter().flat_map(|r| &r.affected).filter(|a| a.is_about(project));
        let named = affected().flat_map(|affected| &affected.versions).map(String::as_str);
        let plain: HashSet<&str> = versions.iter().copied().chain(named).collect();
        let ranges = affected().flat_map(|a| &a.ranges).filter(|range| range.kind != RangeKind::Git);
        let events: HashSet<&str> = ranges.flat_map(|range| &range.events).map(RangeEvent::version).collect();

        let plain = plain.into_iter().map(|text| (text, false, Cow::Borrowed(text)));
        let plain = plain.filter(|(_, _, read)| is_version(scheme, read));
        let events = events.into_iter().filter_map(|text| Some((text, true, readable(scheme, text)?)));
        let mut all: Vec<_> = plain.chain(events).collect();
        let compare = |a: &str, b: &str| scheme.compare(a, b).unwrap_or(Ordering::Equal);
        all.sort_by(|(_, _, a), (_, _, b)| compare(a, b));

        let mut line = Self { versions: HashMap::new(), events: HashMap::new(), places: 0 };
        let mut last: Option<&str> = None;
        for (text, event, read) in &all {
            if last.is_some_and(|last| compare(last, read) != Ordering::Equal) {
                line.places += 1;
            }
            last = Some(read);
            let texts = if *event { &mut line.events } else { &mut line.versions };
            texts.insert(text, line.places);
        }
        line.places += 1;
        line
    }

    /// The place of a release or of a version that a record lists; `None` if the ecosystem cannot order it.
    pub(super) fn place(&self, version: &str) -> Option<usize> {
        self.versions.get(version).copied()
    }

    /// The place of an event's version.
    pub(super) fn event(&self, version: &str) -> Option<usize> {
        self.events.get(version).copied()
    }

    /// One beyond the last place.
    pub(super) const fn end(&self) -> usize {
        self.places
    }
}

/// The contract of [`VersionScheme::compare`]: a text has an order with itself exactly if it is a version.
pub(super) fn is_version(scheme: &dyn VersionScheme, text: &str) -> bool {
    scheme.compare(text, text).is_some()
}

/// An event's version as the ecosystem reads it. Records say `1.2` where Semantic Versioning wants `1.2.0`.
pub(super) fn readable<'a>(scheme: &dyn VersionScheme, text: &'a str) -> Option<Cow<'a, str>> {
    if is_version(scheme, text) {
        return Some(Cow::Borrowed(text));
    }
    let bare = text.trim_start_matches(['v', '=', ' ']);
    let (core, rest) = bare.split_at(bare.find(['-', '+']).unwrap_or(bare.len()));
    let zeros = ".0".repeat(2_usize.saturating_sub(core.matches('.').count()));
    let padded = format!("{core}{zeros}{rest}");
    is_version(scheme, &padded).then_some(Cow::Owned(padded))
}
