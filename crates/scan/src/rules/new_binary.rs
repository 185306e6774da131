//! Compiled files in a package that had none.

use super::{Found, Rule};
use crate::change::{Change, runs_by_itself};
use crate::package::{File, Kind, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct NewBinary;

impl Rule for NewBinary {
    fn id(&self) -> &'static str {
        "new-binary"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "a compiled file came into a package that had none"
    }

    fn look(&self) -> &'static str {
        "what the file was built from, and who runs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let compiled =
            |file: &&File| matches!(file.kind, Kind::Native | Kind::Bytecode) && !is_web_assembly(file);
        // A project that ships compiled files ships others tomorrow.
        if change.before.files.iter().any(|file| compiled(&file)) {
            return;
        }
        let patch = if change.is_patch() { 8 } else { 0 };
        for file in package.files.iter().filter(compiled) {
            match user(package, file) {
                Some(user) => {
                    let what = format!("{} is new, compiled, and used by {}", file.path, user.path);
                    found.place(70 + patch, user.when.max(When::Imported), file.whole(), what);
                }
                None => found.place(
                    30 + patch,
                    When::Imported,
                    file.whole(),
                    format!("{} is new and compiled", file.path),
                ),
            }
        }
    }
}

fn is_web_assembly(file: &File) -> bool {
    file.bytes.starts_with(b"\0asm")
}

/// Code that runs by itself and names the file.
fn user<'a>(package: &'a Package, binary: &File) -> Option<&'a File> {
    let name = binary.path.rsplit('/').next().filter(|name| name.len() > 3)?;
    let finder = memchr::memmem::Finder::new(name.as_bytes());
    package.code().find(|file| runs_by_itself(file.when) && finder.find(&file.bytes).is_some())
}
