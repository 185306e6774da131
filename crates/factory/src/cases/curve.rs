//! How often repairs succeed, what they cost and how long they take: over time, by class and by who tried.

use super::Case;
use super::contest::interval;
use serde::Serialize;
use std::collections::BTreeMap;
use trustmill_core::Timestamp;

/// What the cases of one group in one span come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// When the span begins.
    pub from: Timestamp,
    /// Attempts.
    pub tried: u32,
    /// Those that the oracle took.
    pub accepted: u32,
    /// The share, and its interval (95 %, exact).
    pub share: f64,
    /// See `share`.
    pub interval: (f64, f64),
    /// What an accepted repair cost, all attempts of the span counted, in millionths; `None` where a price is not known
    /// or none was accepted.
    pub micros_per_accepted: Option<u64>,
    /// The median of the time that attempts took.
    pub median_millis: u64,
}

/// The points of one group, in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The group: a class, a contender, or both.
    pub name: String,
    /// Its points.
    pub points: Vec<Point>,
}

/// What cases are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The class of the miss.
    Class,
    /// Who tried.
    Contender,
    /// Both.
    Both,
}

/// The curves of the cases in spans of `days`, counted from 1970, the largest group first.
pub fn curves(cases: &[Case], group: Group, days: u32) -> Vec<Curve> {
    let span = i64::from(days.max(1)) * 86_400;
    let mut groups: BTreeMap<String, BTreeMap<i64, Vec<&Case>>> = BTreeMap::new();
    for case in cases {
        let name = match group {
            Group::Class => case.class.clone(),
            Group::Contender => case.contender(),
            Group::Both => format!("{} {}", case.class, case.contender()),
        };
        let at = case.at.as_second().div_euclid(span);
        groups.entry(name).or_default().entry(at).or_default().push(case);
    }
    let curve = |(name, spans): (String, BTreeMap<i64, Vec<&Case>>)| Curve {
        name,
        points: spans.into_iter().map(|(at, cases)| point(at.saturating_mul(span), &cases)).collect(),
    };
    let mut curves: Vec<Curve> = groups.into_iter().map(curve).collect();
    let size = |curve: &Curve| curve.points.iter().map(|point| point.tried).sum::<u32>();
    curves.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.name.cmp(&b.name)));
    curves
}

fn point(from: i64, cases: &[&Case]) -> Point {
    let tried = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    let accepted = u32::try_from(cases.iter().filter(|case| case.is_accepted()).count()).unwrap_or(u32::MAX);
    let cost = cases.iter().try_fold(0u64, |sum, case| Some(sum.saturating_add(case.cost_micros?)));
    let mut millis: Vec<u64> = cases.iter().map(|case| case.millis).collect();
    millis.sort_unstable();
    Point {
        from: Timestamp::from_second(from).unwrap_or_default(),
        tried,
        accepted,
        share: f64::from(accepted) / f64::from(tried.max(1)),
        interval: interval(accepted, tried),
        micros_per_accepted: cost.and_then(|cost| cost.checked_div(u64::from(accepted))),
        median_millis: millis.get(millis.len() / 2).copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::tests::case;

    #[test]
    fn cases_are_put_together_by_time_and_group() {
        let at = |day: i64| Timestamp::from_second(day * 86_400 + 60).unwrap();
        let with =
            |id: &str, accepted, day, cost| Case { at: at(day), cost_micros: cost, ..case(id, accepted) };
        let cases = [
            with("a", true, 0, Some(500)),
            with("b", false, 6, Some(100)),
            with("c", true, 7, Some(40)),
            with("d", true, 8, None),
        ];
        let curves = curves(&cases, Group::Contender, 7);
        assert_eq!(curves.len(), 1);
        let points = &curves[0].points;
        assert_eq!((points[0].tried, points[0].accepted, points[0].micros_per_accepted), (2, 1, Some(600)));
        assert_eq!((points[1].tried, points[1].accepted, points[1].micros_per_accepted), (2, 2, None));
        assert_eq!(
            (curves[0].name.as_str(), points[1].from),
            ("strategy:merge", Timestamp::from_second(7 * 86_400).unwrap())
        );
    }
}
