//! Versions: an order for each ecosystem, so that whoever compares needs to know none.

use std::cmp::Ordering;

/// How one ecosystem reads and orders versions: PEP 440 for PyPI, Semantic Versioning for npm and crates.io.
///
/// * `compare` MUST order as the ecosystem's own installer does, and MUST answer `None` exactly if one of the two
///   texts is no version there.
/// * Nothing here may panic, whatever the texts are.
pub trait VersionScheme: Send + Sync {
    /// The package URL type.
    fn ty(&self) -> &'static str;

    /// The order of two versions; equal are also two spellings of one version (`1.0` and `1.0.0` on PyPI).
    fn compare(&self, a: &str, b: &str) -> Option<Ordering>;

    /// Whether it is one that nobody gets who does not ask for it. What is no version counts as one.
    fn is_prerelease(&self, version: &str) -> bool;

    /// Whether somebody who accepts compatible updates of `from` takes `to`: the same major version, or the same
    /// minor one below 1.0. `None` where either is no version.
    fn is_compatible(&self, from: &str, to: &str) -> Option<bool>;
}
