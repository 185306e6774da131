//! Code that runs at installation and was not read to its end: padding hides as well as encoding does.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct UnreadCode;

impl Rule for UnreadCode {
    fn id(&self) -> &'static str {
        "unread-code"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "code that runs at installation is too much to be read"
    }

    fn look(&self) -> &'static str {
        "why a script of an installation is so large, or nested so deeply"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code().filter(|file| file.when >= When::Installed && file.facts.cut_short) {
            found.file(65, file, "it runs at installation, and asks for more work than a file gets");
        }
    }
}
