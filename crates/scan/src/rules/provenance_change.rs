//! Where a release comes from is told worse than for the one before.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct ProvenanceChange;

impl Rule for ProvenanceChange {
    fn id(&self) -> &'static str {
        "provenance-change"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "the release has no provenance, no tag, or another publisher, unlike the one before"
    }

    fn look(&self) -> &'static str {
        "whether the maintainers announce the release in their repository"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let context = &package.context;
        let lost = context.lost_provenance == Some(true);
        let other = context.other_publisher == Some(true);
        let untagged = context.tagged == Some(false);
        // Each happens to honest projects; two at once are how stolen tokens publish.
        let weight = match (lost, other, untagged) {
            (true, true, _) => 78,
            (true, false, true) => 74,
            (false, true, true) => 70,
            (true, false, false) => 55,
            (false, true, false) => 40,
            (false, false, true) => 25,
            (false, false, false) => return,
        };
        let told = [
            (lost, "the provenance statement that the release before had is missing"),
            (other, "somebody else published it"),
            (untagged, "the repository has no tag for it"),
        ];
        let what: Vec<&str> = told.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
        found.place(weight, When::Imported, Place::default(), what.join("; "));
    }
}
