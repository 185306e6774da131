//! The verdict ladder: how a rebuild compares with what was published.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a rebuild compares with the published file, strongest first.
///
/// The order is the ladder: `a < b` means that `a` is the stronger claim. `docs/verdicts.md` says what
/// each one proves and what it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rebuild is the published file, byte for byte.
    Identical,
    /// Our member bytes, put into the container that was published (order, times, modes, compression),
    /// give the published SHA-256: the file holds nothing but what the source builds.
    Replayed,
    /// Equal after named normalisations, each citing its specification.
    Normalised,
    /// Only source is published: the mill built it, and there is nothing to compare with.
    Built,
    /// Different, and each difference has a known type.
    Explained,
    /// Different, and at least one difference has no known type.
    Unexplained,
    /// No recipe gave an artefact to compare.
    BuildFailed,
    /// The release publishes no source that the mill can build.
    NoSource,
    /// The mill did not try: a platform build, or policy.
    NotAttempted,
}

impl Verdict {
    /// Every verdict, strongest first.
    pub const LADDER: [Self; 9] = [
        Self::Identical,
        Self::Replayed,
        Self::Normalised,
        Self::Built,
        Self::Explained,
        Self::Unexplained,
        Self::BuildFailed,
        Self::NoSource,
        Self::NotAttempted,
    ];

    /// The name as users write and read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Replayed => "replayed",
            Self::Normalised => "normalised",
            Self::Built => "built",
            Self::Explained => "explained",
            Self::Unexplained => "unexplained",
            Self::BuildFailed => "build-failed",
            Self::NoSource => "no-source",
            Self::NotAttempted => "not-attempted",
        }
    }

    /// Whether the published SHA-256 came out: upstream's own file may be served as ours.
    pub const fn same_bytes(self) -> bool {
        matches!(self, Self::Identical | Self::Replayed)
    }

    /// Whether this claim is at least as strong as `floor`.
    pub fn meets(self, floor: Self) -> bool {
        self <= floor
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is not a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a verdict; expected one of identical, replayed, normalised, built, explained, unexplained, build-failed, no-source, not-attempted"
)]
pub struct UnknownVerdict(pub String);

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::LADDER
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or_else(|| UnknownVerdict(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_in_order_and_round_trips() {
        assert!(Verdict::LADDER.is_sorted());
        for verdict in Verdict::LADDER {
            assert_eq!(verdict.as_str().parse::<Verdict>(), Ok(verdict));
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
        }
    }

    #[test]
    fn a_stronger_claim_meets_a_weaker_floor() {
        assert!(Verdict::Identical.meets(Verdict::Replayed));
        assert!(!Verdict::Explained.meets(Verdict::Normalised));
    }
}
