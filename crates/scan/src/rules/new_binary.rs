//! Compiled files in a package that had none.

use super::{Found, Rule};
use crate::change::{Change, runs_by_itself};
use crate::facts::{Capability, Reached};
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
        "a compiled file came into a package that had none, or that begins to load it"
    }

    fn look(&self) -> &'static str {
        "what the file was built from, and who runs it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let compiled =
            |file: &&File| matches!(file.kind, Kind::Native | Kind::Bytecode) && !is_web_assembly(file);
        let patch = if change.is_patch() { 8 } else { 0 };
        // A project that ships compiled files ships others tomorrow; its code need not begin to load one by name.
        let had = change.before.files.iter().any(|file| compiled(&file));
        for file in package.files.iter().filter(compiled) {
            if let Some((loader, at)) = loader(change, file) {
                let what = format!("{} loads {}, which is new and compiled", loader.path, file.path);
                found.at(80 + patch, loader, at, 0, what);
                continue;
            }
            if had {
                continue;
            }
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

/// Code that loads the file by its name, where the same code loaded nothing before.
fn loader<'a>(change: Change<'a>, binary: &File) -> Option<(&'a File, u32)> {
    let name = binary.path.rsplit('/').next().filter(|name| name.len() > 3)?;
    if change.before.file(&binary.path).is_some() {
        return None;
    }
    let finder = memchr::memmem::Finder::new(name.as_bytes());
    change.code().filter(|(file, _)| finder.find(&file.bytes).is_some()).find_map(|(file, before)| {
        let mut uses = change.new_uses(file, before);
        let loads = uses.find(|one| {
            one.capability == Capability::NativeCode
                && one.reached >= Reached::Handed
                && one.texts.iter().any(|text| text.contains(name))
        })?;
        Some((file, loads.at))
    })
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
