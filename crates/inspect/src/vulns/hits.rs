//! What one record hits on the line.

use super::line::Line;
use std::collections::HashSet;
use std::ops::Range;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, Matched, RangeEvent, RangeKind, VersionRange};

/// What a record hits.
#[derive(Default)]
pub(super) struct Hits<'a> {
    every: bool,
    spans: Vec<Range<usize>>,
    places: HashSet<usize>,
    /// For releases that have no place.
    texts: HashSet<&'a str>,
}

impl<'a> Hits<'a> {
    /// Reads what the record says of `project`.
    pub(super) fn of(record: &'a Advisory, project: &Purl, line: &Line<'_>) -> Self {
        let mut hits = Self::default();
        for affected in record.affected.iter().filter(|affected| affected.is_about(project)) {
            hits.texts.extend(affected.versions.iter().map(String::as_str));
            hits.places.extend(affected.versions.iter().filter_map(|version| line.place(version)));
            for range in affected.ranges.iter().filter(|range| range.kind != RangeKind::Git) {
                hits.every |= is_everything(range);
                hits.spans.extend(spans(range, line));
                hits.texts
                    .extend(range.events.iter().filter(|event| is_inside(event)).map(RangeEvent::version));
            }
        }
        hits
    }

    /// Whether, and why, a release is hit.
    pub(super) fn matched(&self, version: &str, place: Option<usize>) -> Option<Matched> {
        if self.every {
            return Some(Matched::Every);
        }
        let Some(place) = place else {
            return self.texts.contains(version).then_some(Matched::Text);
        };
        if self.places.contains(&place) {
            return Some(Matched::Version);
        }
        self.spans.iter().any(|span| span.contains(&place)).then_some(Matched::Range)
    }
}

/// Whether the version of an event is itself affected.
const fn is_inside(event: &RangeEvent) -> bool {
    matches!(event, RangeEvent::Introduced(_) | RangeEvent::LastAffected(_))
}

/// Whether a version is before every other: `0` by the schema, `0.0.0-0` by Semantic Versioning, section 11.
pub(super) fn is_zero(version: &str) -> bool {
    matches!(version, "0" | "0.0.0-0")
}

/// Whether a range begins before every version and never ends.
fn is_everything(range: &VersionRange) -> bool {
    let begins = |event: &RangeEvent| matches!(event, RangeEvent::Introduced(version) if is_zero(version));
    let goes_on = |event: &RangeEvent| match event {
        RangeEvent::Introduced(_) => true,
        RangeEvent::Limit(limit) => limit == "*",
        RangeEvent::Fixed(_) | RangeEvent::LastAffected(_) => false,
    };
    range.events.iter().any(begins) && range.events.iter().all(goes_on)
}

/// The spans of a range. An event that cannot be ordered begins nothing and ends nothing.
fn spans(range: &VersionRange, line: &Line<'_>) -> Vec<Range<usize>> {
    let place = |version: &str| if is_zero(version) { Some(0) } else { line.event(version) };
    let limit = limit(range, line);
    // Two steps per place: what ends behind a place comes after what begins at it, and before what begins at the
    // next. Where two share a step, the record's own order decides.
    let mut turns: Vec<(usize, bool)> = range
        .events
        .iter()
        .filter_map(|event| match event {
            RangeEvent::Introduced(version) => Some((place(version)? * 2, true)),
            RangeEvent::Fixed(version) => Some((place(version)? * 2, false)),
            RangeEvent::LastAffected(version) => Some((place(version)? * 2 + 1, false)),
            RangeEvent::Limit(_) => None,
        })
        .collect();
    turns.sort_by_key(|(step, _)| *step);
    let mut spans = Vec::new();
    let mut begun: Option<usize> = None;
    for (step, begins) in turns {
        let place = step.div_ceil(2);
        match (begins, begun) {
            (true, None) => begun = Some(place),
            (false, Some(from)) => {
                spans.push(from..place.min(limit));
                begun = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    spans.extend(begun.map(|from| from..limit));
    spans
}

/// Where the last limit stands: a version is spoken of if it lies before any of them.
fn limit(range: &VersionRange, line: &Line<'_>) -> usize {
    let limits = range.events.iter().filter_map(|event| match event {
        RangeEvent::Limit(limit) if limit == "*" => Some(line.end()),
        RangeEvent::Limit(limit) => line.event(limit),
        _ => None,
    });
    limits.max_by_key(|place| *place).unwrap_or_else(|| line.end())
}
