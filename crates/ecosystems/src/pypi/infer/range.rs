//! A range of versions that evidence narrows, and that a recipe writes as a constraint.

use super::eras::version;
use crate::pypi::environment::requirement;
use pep440_rs::Version;
use std::str::FromStr as _;

/// From a lowest version to below a highest; either end may be open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Range {
    low: Option<String>,
    high: Option<String>,
}

impl Range {
    /// Everything below `high`.
    pub(super) fn below(high: &str) -> Self {
        Self { low: None, high: Some(high.to_owned()) }
    }

    /// `low` and everything above.
    pub(super) fn from(low: &str) -> Self {
        Self { low: Some(low.to_owned()), high: None }
    }

    /// From `low` to below `high`.
    pub(super) fn between(low: &str, high: &str) -> Self {
        Self { low: Some(low.to_owned()), high: Some(high.to_owned()) }
    }

    /// What is in both; `None` if nothing can be.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let low = [&self.low, &other.low].into_iter().flatten().max_by_key(|text| version(text)).cloned();
        let high = [&self.high, &other.high].into_iter().flatten().min_by_key(|text| version(text)).cloned();
        match (&low, &high) {
            (Some(low), Some(high)) if version(low) >= version(high) => None,
            _ => Some(Self { low, high }),
        }
    }

    /// Whether `candidate` is in it.
    pub(super) fn contains(&self, candidate: &Version) -> bool {
        self.low.as_ref().is_none_or(|low| version(low) <= *candidate)
            && self.high.as_ref().is_none_or(|high| *candidate < version(high))
    }

    /// Whether a class that ends at `bound` has something in it.
    pub(super) fn reaches_below(&self, bound: &str) -> bool {
        self.low.as_ref().is_none_or(|low| version(low) < version(bound))
    }

    /// `setuptools>=57.0.0,<62.2`.
    pub(super) fn constraint(&self, name: &str) -> Option<String> {
        let low = self.low.as_ref().map(|low| format!(">={low}"));
        let high = self.high.as_ref().map(|high| format!("<{high}"));
        let bounds: Vec<String> = [low, high].into_iter().flatten().collect();
        (!bounds.is_empty()).then(|| format!("{name}{}", bounds.join(",")))
    }

    /// Reads what [`Range::constraint`] wrote.
    pub(super) fn of(constraint: &str) -> Option<Self> {
        let mut range = Self::default();
        for bound in requirement::specifiers(constraint)?.split(',') {
            let bound = bound.trim();
            let (place, text) = match (bound.strip_prefix(">="), bound.strip_prefix('<')) {
                (Some(low), _) => (&mut range.low, low),
                (None, Some(high)) => (&mut range.high, high),
                (None, None) => return None,
            };
            Version::from_str(text).ok()?;
            *place = Some(text.to_owned());
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_narrows_and_never_empties() {
        let range = Range::below("70.1").and(&Range::from("57.0.0")).unwrap();
        assert_eq!(range.constraint("setuptools").as_deref(), Some("setuptools>=57.0.0,<70.1"));
        assert_eq!(range.and(&Range::below("56.2")), None);
        assert!(range.contains(&version("62.2")) && !range.contains(&version("70.1.0")));
        assert!(range.reaches_below("62.2") && !range.reaches_below("57.0.0"));
    }

    #[test]
    fn a_constraint_reads_back() {
        for range in [Range::below("62.2"), Range::from("57"), Range::between("57", "62.2")] {
            assert_eq!(Range::of(&range.constraint("setuptools").unwrap()), Some(range));
        }
        assert_eq!(Range::of("setuptools==57"), None);
    }
}
