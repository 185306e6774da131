//! Differences between two builds of a compiled library or program, by what a loader would notice of them.
//!
//! No rule here looks into machine code: another compiler writes other instructions for every function. What is
//! compared is what code can reach and what runs by itself: imported symbols, needed libraries, initialisers, exports,
//! relocations. New ones alarm, whichever compiler is named. `docs/verdicts.md` has the reasoning.

mod content;
mod interface;
mod support;

use super::kinds::Class;
use crate::elf::{Elf, is_elf};
use interface::Interface;
use std::collections::BTreeSet;
use trustmill_core::comparison::DifferenceClass;
use trustmill_core::content::{Contents, Member};

/// The class of a difference between two ELF files; `None` where neither is one. `bundled` are the names of the
/// libraries that the published wheel carries beside its packages.
pub(super) fn classify(published: &[u8], rebuilt: &[u8], bundled: &BTreeSet<&str>) -> Option<Class> {
    match (is_elf(published), is_elf(rebuilt)) {
        (false, false) => return None,
        (true, true) => {}
        _ => return Some(alarm(DifferenceClass::Content, "only one side is an ELF file".to_owned())),
    }
    let (theirs, ours) = match (Elf::read(published), Elf::read(rebuilt)) {
        (Ok(theirs), Ok(ours)) => (theirs, ours),
        (Err(error), _) => {
            return Some(alarm(
                DifferenceClass::NativeInterface,
                format!("the published file is refused: {error}"),
            ));
        }
        (_, Err(error)) => {
            return Some(alarm(
                DifferenceClass::NativeInterface,
                format!("the rebuilt file is refused: {error}"),
            ));
        }
    };
    Some(of_files(&theirs, &ours, bundled))
}

/// Whether a member is a library in the folder that bundling tools make beside a wheel's packages: `NAME.libs`.
pub(super) fn is_bundled(path: &str, member: &Member) -> bool {
    let folder = path.split_once('/').map(|(folder, _)| folder);
    folder.is_some_and(|folder| folder.ends_with(".libs")) && is_elf(&member.bytes)
}

/// The names of the libraries that a wheel carries.
pub(super) fn bundled(contents: &Contents) -> BTreeSet<&str> {
    let members = contents.members.iter().filter(|(path, member)| is_bundled(path, member));
    members.filter_map(|(path, _)| path.rsplit('/').next()).collect()
}

fn alarm(class: DifferenceClass, detail: String) -> Class {
    (class, detail, true)
}

fn of_files(theirs: &Elf<'_>, ours: &Elf<'_>, bundled: &BTreeSet<&str>) -> Class {
    let Interface { alarms, notes } = interface::compare(theirs, ours, bundled);
    if !alarms.is_empty() {
        return alarm(DifferenceClass::NativeInterface, sentence(&alarms));
    }
    let noted =
        |text: &str| if notes.is_empty() { text.to_owned() } else { format!("{text}; {}", sentence(&notes)) };
    let parts = content::differing(theirs, ours);
    if parts.loaded.is_empty() {
        let what =
            if parts.beside.is_empty() { "order and padding".to_owned() } else { parts.beside.join(", ") };
        return (DifferenceClass::NativeMetadata, format!("only what no loader maps differs: {what}"), false);
    }
    if content::same_program(theirs, ours) {
        let text = noted("code, data, symbols and relocations are the same at the same addresses");
        return (DifferenceClass::NativeLinking, text, false);
    }
    if content::same_but_for_paths(theirs, ours) {
        let text = "only paths of the build's machine differ in the data, and nothing in the code".to_owned();
        return (DifferenceClass::BuildPath, text, false);
    }
    compiled(theirs, ours, &noted(&format!("what differs: {}", parts.loaded.join(", "))))
}

/// Code or data differs. Only another compiler accounts for that, and not for text that the source does not have.
fn compiled(theirs: &Elf<'_>, ours: &Elf<'_>, rest: &str) -> Class {
    let (a, b) = (listed(&theirs.compilers), listed(&ours.compilers));
    if theirs.compilers.is_empty() || ours.compilers.is_empty() || theirs.compilers == ours.compilers {
        let detail = format!(
            "code or data differs, and no other compiler is named ({a} published, {b} rebuilt); {rest}"
        );
        return alarm(DifferenceClass::NativeCode, detail);
    }
    if let Some(why) = content::implausible(theirs, ours) {
        return alarm(DifferenceClass::NativeCode, format!("{why} ({a} published, {b} rebuilt); {rest}"));
    }
    let (imports, exports) = (theirs.dynamic.imports.len(), theirs.dynamic.exports.len());
    let detail = format!(
        "code compiled by another compiler ({a} published, {b} rebuilt): it takes the same symbols of others ({imports}), \
         gives the same ({exports}), needs the same libraries and starts nothing else; {rest}"
    );
    (DifferenceClass::NativeCompiler, detail, false)
}

fn listed(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { some(names.iter().copied()) }
}

/// A few names for a sentence; foreign text, so it is cut and escaped.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    let few: Vec<String> = all
        .iter()
        .take(6)
        .map(|name| name.chars().take(80).collect::<String>().escape_debug().to_string())
        .collect();
    let more = all.len() - few.len();
    few.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

fn sentence(findings: &[String]) -> String {
    let few: Vec<&str> = findings.iter().take(5).map(String::as_str).collect();
    let more = findings.len() - few.len();
    few.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
}
