//! Files that the project's source does not give.

use super::{Found, Rule};
use crate::change::runs_by_itself;
use crate::facts::Capability;
use crate::package::Package;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct NotInSource;

impl Rule for NotInSource {
    fn id(&self) -> &'static str {
        "not-in-source"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "code that runs is not what the source gives"
    }

    fn look(&self) -> &'static str {
        "the file beside the one of the repository: `trustmill show` has the difference"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for path in &package.context.not_in_source {
            let Some(file) = package.file(path).filter(|file| file.kind.is_code()) else { continue };
            let acts = file.facts.uses.iter().any(|one| {
                matches!(
                    one.capability,
                    Capability::Network
                        | Capability::Process
                        | Capability::DynamicCode
                        | Capability::NativeCode
                )
            });
            // Generated code differs for a hundred honest reasons; generated code that acts when nobody asks, for few.
            let weight = match (runs_by_itself(file.when), acts) {
                (true, true) => 72,
                (true, false) => 30,
                (false, true) => 40,
                (false, false) => 15,
            };
            found.file(weight, file, "is not what the project's source gives");
        }
    }
}
