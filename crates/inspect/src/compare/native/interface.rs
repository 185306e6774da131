//! What a library takes from the system and gives to it, on both sides: where a backdoor that does anything new shows.

use super::{some, support};
use crate::elf::{Elf, Segment};
use object::elf;
use std::collections::BTreeSet;

/// What comparing the two interfaces found.
#[derive(Debug, Default)]
pub(super) struct Interface {
    /// What nothing but other source, or another build machine's hand, explains.
    pub(super) alarms: Vec<String>,
    /// What a compiler, a C library's headers or a bundling tool changes.
    pub(super) notes: Vec<String>,
}

/// Compares what a loader acts on.
pub(super) fn compare(theirs: &Elf<'_>, ours: &Elf<'_>, bundled: &BTreeSet<&str>) -> Interface {
    let mut found = Interface::default();
    let head = |file: &Elf<'_>| (file.kind, file.machine, file.flags, file.abi.1);
    if head(theirs) != head(ours) {
        found.alarms.push("the kind of file, processor or ABI differs".to_owned());
    }
    found.libraries(theirs, ours, bundled);
    found.imports(theirs, ours);
    found.exports(theirs, ours);
    found.start(theirs, ours);
    found.search(theirs, ours);
    found
}

impl Interface {
    fn libraries(&mut self, theirs: &Elf<'_>, ours: &Elf<'_>, bundled: &BTreeSet<&str>) {
        let split = |file: &Elf<'_>| -> (BTreeSet<String>, BTreeSet<String>) {
            let needed = file.dynamic.needed.iter().map(|name| (*name).to_owned());
            needed.partition(|name| support::is_system_library(name))
        };
        let ((system, others), (our_system, our_others)) = (split(theirs), split(ours));
        let original = |name: &String| support::unbundled(name).filter(|_| bundled.contains(name.as_str()));
        let renamed: Vec<&str> =
            others.iter().filter(|name| original(name).is_some()).map(String::as_str).collect();
        if !renamed.is_empty() {
            self.notes.push(format!("bundled libraries under new names: {}", some(renamed.into_iter())));
        }
        let others = others.iter().map(|name| original(name).unwrap_or_else(|| name.clone())).collect();
        self.sides("library needed", &others, &our_others, true);
        if system != our_system {
            self.notes.push(format!(
                "parts of the C library and the compiler's runtime are named otherwise ({} published, {} rebuilt)",
                some(system.iter().map(String::as_str)),
                some(our_system.iter().map(String::as_str))
            ));
        }
    }

    fn imports(&mut self, theirs: &Elf<'_>, ours: &Elf<'_>) {
        let names = |file: &Elf<'_>| -> BTreeSet<String> {
            let plain = file
                .dynamic
                .imports
                .iter()
                .map(|import| import.name)
                .filter(|name| !support::is_runtime(name));
            plain.map(support::function).map(str::to_owned).collect()
        };
        self.sides("symbol imported", &names(theirs), &names(ours), false);
        let versions = |file: &Elf<'_>| -> BTreeSet<String> {
            file.dynamic.imports.iter().filter_map(|import| import.version.map(str::to_owned)).collect()
        };
        if versions(theirs) != versions(ours) {
            self.notes.push("symbols of other versions of the C library".to_owned());
        }
    }

    fn exports(&mut self, theirs: &Elf<'_>, ours: &Elf<'_>) {
        let names = |file: &Elf<'_>| -> BTreeSet<String> {
            let exports = file.dynamic.exports.iter();
            let plain = exports.filter(|(name, export)| !support::is_export_of_tools(name, export.weak));
            plain.map(|(name, _)| (*name).to_owned()).collect()
        };
        self.sides("symbol exported", &names(theirs), &names(ours), false);
        if theirs.dynamic.soname != ours.dynamic.soname {
            self.notes.push("another name of its own (DT_SONAME)".to_owned());
        }
    }

    /// What runs by itself, and with which rights memory is mapped.
    fn start(&mut self, theirs: &Elf<'_>, ours: &Elf<'_>) {
        let (a, b) = (theirs.dynamic.initialisers, ours.dynamic.initialisers);
        if a > b {
            self.alarms
                .push(format!("more runs while it is loaded: {a} initialisers published, {b} rebuilt"));
        }
        let only = |has: fn(&Elf<'_>) -> bool| has(theirs) && !has(ours);
        if only(|file| file.dynamic.changes_code) {
            self.alarms
                .push("only the published file changes its code while it is loaded (DT_TEXTREL)".to_owned());
        }
        if only(writes_code) {
            self.alarms.push("only the published file maps memory that is writable and runs".to_owned());
        }
        if only(|file| file.segments.iter().any(|segment| segment.kind == elf::PT_INTERP.0)) {
            self.alarms.push("only the published file names a program that loads it".to_owned());
        }
        let tags: Vec<_> = theirs.dynamic.others.difference(&ours.dynamic.others).collect();
        if !tags.is_empty() {
            self.alarms.push(format!("only the published file has the dynamic tags {tags:x?}"));
        }
    }

    /// A search path that leaves the wheel lets whoever can write there choose the libraries.
    fn search(&mut self, theirs: &Elf<'_>, ours: &Elf<'_>) {
        let (a, b) = (&theirs.dynamic.search, &ours.dynamic.search);
        let leaves = a.iter().filter(|path| !path.starts_with("$ORIGIN") && !b.contains(path));
        let leaves: Vec<&str> = leaves.copied().collect();
        if !leaves.is_empty() {
            self.alarms
                .push(format!("libraries are looked for outside of the wheel: {}", some(leaves.into_iter())));
        } else if a != b {
            self.notes.push("another search path for libraries (DT_RPATH, DT_RUNPATH)".to_owned());
        }
    }

    /// What only one side has; `both` says whether the rebuild's alone alarms as well.
    fn sides(&mut self, what: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>, both: bool) {
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
            a.difference(b).cloned().collect()
        };
        let (published, rebuilt) = (only(theirs, ours), only(ours, theirs));
        let names = |names: &[String]| some(names.iter().map(String::as_str));
        if !published.is_empty() {
            self.alarms.push(format!("{what} by the published file alone: {}", names(&published)));
        }
        if !rebuilt.is_empty() {
            let text = format!("{what} by the rebuilt file alone: {}", names(&rebuilt));
            if both { self.alarms.push(text) } else { self.notes.push(text) }
        }
    }
}

fn writes_code(file: &Elf<'_>) -> bool {
    let both = elf::PF_W.0 | elf::PF_X.0;
    let mapped = |segment: &&Segment| segment.kind == elf::PT_LOAD.0 && segment.flags & both == both;
    let stack = |segment: &&Segment| segment.kind == elf::PT_GNU_STACK.0 && segment.flags & elf::PF_X.0 != 0;
    file.segments.iter().any(|segment| mapped(&segment) || stack(&segment))
}
