//! Code that runs at installation and was not read to its end: padding hides as well as encoding does. And what was left
//! over of a package that has more code than is read of one, so that a report never claims more than was looked at.

use super::{Found, Rule};
use crate::package::{File, Package};
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
        let unread = |file: &&File| file.kind.is_code() && !file.is_read && file.when > When::Never;
        let mut unread = package.files.iter().filter(unread);
        if let Some(first) = unread.next() {
            let more = unread.count();
            let others = if more > 0 { format!(" and {more} other files") } else { String::new() };
            let what = format!(
                "{}{others} were looked at for their shape alone: there is too much code",
                first.path
            );
            found.place(15, When::Called, first.whole(), what);
        }
    }
}
