//! A contest of two contenders over held-out cases: the candidate is promoted when it wins by more than chance.

use super::{Case, Outcome};
use crate::facts::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::Timestamp;

/// How sure the interval is.
const CONFIDENCE: f64 = 0.95;

/// One contender on one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Whether the oracle took it.
    pub accepted: bool,
    /// What it cost, in millionths.
    pub cost_micros: Option<u64>,
    /// How long it took.
    pub millis: u64,
}

impl Try {
    /// What a recorded case says.
    pub const fn of(case: &Case) -> Self {
        let accepted = matches!(case.outcome, Outcome::Proven | Outcome::Unproven);
        Self { accepted, cost_micros: case.cost_micros, millis: case.millis }
    }
}

/// How two contenders compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Who wants to be promoted.
    pub candidate: String,
    /// Who is there.
    pub baseline: String,
    /// Cases that both tried.
    pub both: u32,
    /// Accepted of each.
    pub accepted: (u32, u32),
    /// Cases that only the candidate solved.
    pub only_candidate: u32,
    /// Cases that only the baseline solved.
    pub only_baseline: u32,
    /// The share of the candidate among the cases that they did not agree on: 95 %, exact (Clopper and Pearson 1934).
    pub interval: (f64, f64),
    /// What each spent, in millionths; `None` where a price is not known.
    pub cost_micros: (Option<u64>, Option<u64>),
    /// How long each took.
    pub millis: (u64, u64),
    /// Whether the candidate wins: more than half of what they did not agree on, even at the low end of the interval.
    pub wins: bool,
}

/// Compares two contenders on the cases that both tried.
pub fn compare(
    (candidate, first): (&str, &BTreeMap<String, Try>),
    (baseline, second): (&str, &BTreeMap<String, Try>),
) -> Contest {
    let pairs: Vec<(&Try, &Try)> =
        first.iter().filter_map(|(key, one)| Some((one, second.get(key)?))).collect();
    let count = |test: &dyn Fn(&(&Try, &Try)) -> bool| {
        u32::try_from(pairs.iter().filter(|pair| test(pair)).count()).unwrap_or(u32::MAX)
    };
    let only_candidate = count(&|(one, other)| one.accepted && !other.accepted);
    let only_baseline = count(&|(one, other)| !one.accepted && other.accepted);
    let interval = interval(only_candidate, only_candidate + only_baseline);
    let cost = |side: &dyn Fn(&(&Try, &Try)) -> Option<u64>| {
        pairs.iter().try_fold(0u64, |sum, pair| Some(sum.saturating_add(side(pair)?)))
    };
    let time = |side: &dyn Fn(&(&Try, &Try)) -> u64| pairs.iter().map(side).sum::<u64>();
    Contest {
        candidate: candidate.to_owned(),
        baseline: baseline.to_owned(),
        both: count(&|_| true),
        accepted: (count(&|(one, _)| one.accepted), count(&|(_, other)| other.accepted)),
        only_candidate,
        only_baseline,
        interval,
        cost_micros: (cost(&|(one, _)| one.cost_micros), cost(&|(_, other)| other.cost_micros)),
        millis: (time(&|(one, _)| one.millis), time(&|(_, other)| other.millis)),
        wins: interval.0 > 0.5,
    }
}

/// The exact interval of a share: `hits` of `all`.
pub fn interval(hits: u32, all: u32) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // The share at which so many hits, or more, are just as rare as the tail; and so many, or fewer.
    let low = if hits == 0 { 0.0 } else { bisect(|share| at_least(hits, all, share) < tail) };
    let high = if hits == all { 1.0 } else { bisect(|share| 1.0 - at_least(hits + 1, all, share) > tail) };
    (low, high)
}

/// The share up to which `below` holds.
fn bisect(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle) { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The probability of `hits` or more of `all`.
fn at_least(hits: u32, all: u32, share: f64) -> f64 {
    if share <= 0.0 {
        return if hits == 0 { 1.0 } else { 0.0 };
    }
    if share >= 1.0 {
        return 1.0;
    }
    let mut choose = 0.0; // ln of the binomial coefficient of `k`
    let mut sum = 0.0;
    for k in 0..=all {
        if k > 0 {
            choose += (f64::from(all - k + 1) / f64::from(k)).ln();
        }
        if k >= hits {
            sum += (choose + f64::from(k) * share.ln() + f64::from(all - k) * (1.0 - share).ln()).exp();
        }
    }
    sum.min(1.0)
}

/// What recorded cases say of a contender, by what was tried: the newest attempt counts. Only what is held out.
pub fn recorded(cases: &[Case], contender: &str) -> BTreeMap<String, Try> {
    let fits = |case: &&Case| case.is_held_out() && is(case, contender);
    cases.iter().filter(fits).map(|case| (case.key(), Try::of(case))).collect()
}

/// Whether a case is of a contender: `strategy:NAME`, `strategies` (all of them), `model:PROVIDER/MODEL`, `models`,
/// `prompt:DIGEST` (its beginning), `person`.
pub fn is(case: &Case, contender: &str) -> bool {
    use trustmill_core::repair::Proposer;
    match (&case.by, contender) {
        (Proposer::Strategy { .. }, "strategies") | (Proposer::Model { .. }, "models") => true,
        (Proposer::Model { prompt, .. }, name) if name.starts_with("prompt:") => {
            let digest = name.trim_start_matches("prompt:");
            digest.len() >= 8 && prompt.to_hex().starts_with(digest)
        }
        _ => case.contender() == contender,
    }
}

/// Somebody was promoted: the newest per class counts. About the mill; the subject is the class of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// The class of tasks; `default` for all that have no own.
    pub class: String,
    /// What was measured.
    pub contest: Contest,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Kind for Promotion {
    const NAME: &'static str = "promotion";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(accepted: &[bool]) -> BTreeMap<String, Try> {
        let one = |(at, accepted): (usize, &bool)| {
            (at.to_string(), Try { accepted: *accepted, cost_micros: Some(2), millis: 3 })
        };
        accepted.iter().enumerate().map(one).collect()
    }

    fn contest(candidate: &[bool], baseline: &[bool]) -> Contest {
        compare(("a", &tries(candidate)), ("b", &tries(baseline)))
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        // Clopper and Pearson's, as R's binom.test has them.
        for (hits, all, low, high) in [
            (6, 6, 0.5407, 1.0),
            (5, 5, 0.4782, 1.0),
            (0, 10, 0.0, 0.3085),
            (7, 10, 0.3475, 0.9333),
            (50, 100, 0.3983, 0.6017),
        ] {
            let got = interval(hits, all);
            assert!((got.0 - low).abs() < 1e-4 && (got.1 - high).abs() < 1e-4, "{hits}/{all}: {got:?}");
        }
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    #[test]
    fn one_case_more_is_no_win_and_six_without_a_loss_are() {
        let one_more = contest(&[true, true, false], &[true, false, false]);
        assert!(!one_more.wins && one_more.only_candidate == 1);
        assert!(!contest(&[true; 5], &[false; 5]).wins);
        assert!(contest(&[true; 6], &[false; 6]).wins);
        assert!(!contest(&[false; 6], &[true; 6]).wins);
        let same = contest(&[true; 50], &[true; 50]);
        assert!(!same.wins && same.accepted == (50, 50) && same.cost_micros == (Some(100), Some(100)));
        let seven_to_three: Vec<bool> = (0..10).map(|at| at < 7).collect();
        let rest: Vec<bool> = seven_to_three.iter().map(|won| !won).collect();
        assert!(!contest(&seven_to_three, &rest).wins);
    }

    #[test]
    fn only_what_both_tried_counts() {
        let contest = compare(("a", &tries(&[true; 9])), ("b", &tries(&[false; 2])));
        assert_eq!((contest.both, contest.wins), (2, false));
    }

    proptest::proptest! {
        #[test]
        fn an_interval_holds_its_share(all in 1u32..200, part in 0.0f64..1.0) {
            let hits = (f64::from(all) * part) as u32;
            let (low, high) = interval(hits, all);
            let share = f64::from(hits) / f64::from(all);
            proptest::prop_assert!(low <= share && share <= high && low >= 0.0 && high <= 1.0);
        }
    }
}
