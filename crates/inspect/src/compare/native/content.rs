//! Which bytes of two ELF files differ, and what that can be due to.

use super::some;
use crate::elf::{Elf, Section};
use object::elf;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The identity of a build, which a linker computes over everything else.
const BUILD_ID: &str = ".note.gnu.build-id";

/// Names of sections that differ.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Those that a loader maps.
    pub(super) loaded: Vec<String>,
    /// The others: debugging information, symbols for debuggers, the compiler's name.
    pub(super) beside: Vec<String>,
}

type Named<'s, 'a> = BTreeMap<&'a str, Vec<&'s Section<'a>>>;

fn by_name<'s, 'a>(file: &'s Elf<'a>) -> Named<'s, 'a> {
    let mut named: Named<'s, 'a> = BTreeMap::new();
    for section in &file.sections {
        named.entry(section.name).or_default().push(section);
    }
    named
}

/// What differs, section by section.
pub(super) fn differing(theirs: &Elf<'_>, ours: &Elf<'_>) -> Parts {
    let mut parts = Parts::default();
    let mapped = |file: &Elf<'_>| -> Vec<_> {
        let fact =
            |one: &crate::elf::Segment| (one.kind, one.flags, one.address, one.memory_size, one.file_size);
        file.segments.iter().map(fact).collect()
    };
    if mapped(theirs) != mapped(ours) || theirs.entry != ours.entry {
        parts.loaded.push("how it is mapped".to_owned());
    }
    let (a, b) = (by_name(theirs), by_name(ours));
    let names: BTreeSet<&str> = a.keys().chain(b.keys()).copied().collect();
    for name in names {
        let (a, b) = (a.get(name).map_or(&[][..], Vec::as_slice), b.get(name).map_or(&[][..], Vec::as_slice));
        let loaded = a.iter().chain(b).any(|section| section.is_loaded());
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b));
        let identity = name == BUILD_ID && a.iter().chain(b).all(|section| section.kind == elf::SHT_NOTE.0);
        if same {
            continue;
        }
        let shown = some(std::iter::once(name));
        if loaded && !identity { parts.loaded.push(shown) } else { parts.beside.push(shown) }
    }
    parts
}

fn is_same(a: &Section<'_>, b: &Section<'_>) -> bool {
    let facts = |one: &Section<'_>| (one.kind, one.flags, one.address, one.size);
    // Where a section lies that is not loaded is of no consequence.
    (facts(a) == facts(b) || (!a.is_loaded() && !b.is_loaded())) && a.bytes == b.bytes
}

/// Sections that hold what a linker wrote for the loader; compared by their meaning.
fn is_for_the_loader(section: &Section<'_>) -> bool {
    let kinds = [
        elf::SHT_DYNAMIC,
        elf::SHT_DYNSYM,
        elf::SHT_STRTAB,
        elf::SHT_HASH,
        elf::SHT_GNU_HASH,
        elf::SHT_GNU_VERSYM,
        elf::SHT_GNU_VERNEED,
        elf::SHT_GNU_VERDEF,
        elf::SHT_RELA,
        elf::SHT_NOTE,
    ];
    kinds.iter().any(|kind| kind.0 == section.kind)
}

/// The parts that run or are read, at their addresses.
fn program<'a>(file: &Elf<'a>) -> BTreeSet<(u64, u64, u64, u32, &'a [u8])> {
    let parts = file.loaded().filter(|section| !is_for_the_loader(section) && section.size > 0);
    parts.map(|one| (one.address, one.size, one.flags, one.kind, one.bytes)).collect()
}

/// Whether everything is the same but for tables that the loader reads, and these mean the same: what moving and
/// renaming by a bundling tool leaves.
pub(super) fn same_program(theirs: &Elf<'_>, ours: &Elf<'_>) -> bool {
    let (a, b) = (&theirs.dynamic, &ours.dynamic);
    program(theirs) == program(ours)
        && a.exports == b.exports
        && a.relocations == b.relocations
        && a.initialisers == b.initialisers
        && a.imports
            .iter()
            .map(|one| (one.name, one.weak))
            .eq(b.imports.iter().map(|one| (one.name, one.weak)))
        && theirs.entry == ours.entry
}

/// Whether the code is the same and data differs in paths alone, byte for byte at the same places.
pub(super) fn same_but_for_paths(theirs: &Elf<'_>, ours: &Elf<'_>) -> bool {
    let (a, b) = (&theirs.sections, &ours.sections);
    let loaded = |all: &[Section<'_>]| all.iter().filter(|one| one.is_loaded()).count();
    if loaded(a) != loaded(b) {
        return false;
    }
    let pairs = theirs.loaded().zip(ours.loaded());
    pairs.into_iter().all(|(a, b)| {
        let place = |one: &Section<'_>| (one.kind, one.flags, one.address, one.size, one.bytes.len());
        let data = a.kind == elf::SHT_PROGBITS.0 && !a.is_code();
        let paths = || data && differ_in_paths(a.bytes, b.bytes);
        a.name == b.name && place(a) == place(b) && (a.bytes == b.bytes || a.name == BUILD_ID || paths())
    })
}

/// Whether strings of the data that differ are paths of source files on both sides.
fn differ_in_paths(theirs: &[u8], ours: &[u8]) -> bool {
    let parts = |bytes: &'_ [u8]| bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (a, b) = (parts(theirs), parts(ours));
    let path = |text: &[u8]| std::str::from_utf8(text).is_ok_and(is_source_path);
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || (path(a) && path(b)))
}

/// How many times larger than ours code may be that is said to be the same, and what is small enough at any ratio.
const RATIO: u64 = 3;
const SMALL: u64 = 16 << 10;
/// A shorter run of letters may be a number, an instruction or the end of a table.
const SHORTEST_TEXT: usize = 8;

/// Why another compiler does not account for the difference, if it does not.
pub(super) fn implausible(theirs: &Elf<'_>, ours: &Elf<'_>) -> Option<String> {
    let code = |file: &Elf<'_>| file.loaded().filter(|one| one.is_code()).map(|one| one.size).sum::<u64>();
    let (a, b) = (code(theirs), code(ours));
    if a > b.saturating_mul(RATIO).max(SMALL) {
        return Some(format!("the published file has {a} bytes of code, ours {b}"));
    }
    let known: HashSet<&[u8]> = texts(ours).collect();
    let more =
        texts(theirs).filter(|text| !known.contains(text)).filter_map(|text| std::str::from_utf8(text).ok());
    let more: BTreeSet<&str> = more.filter(|text| !is_machines(text)).collect();
    // So many cannot be what a compiler cut into pieces, and looking for each would take long.
    let more: Vec<&str> = if more.len() > MOST_LOOKED_FOR {
        more.into_iter().collect()
    } else {
        more.into_iter().filter(|text| !is_in_pieces(text.as_bytes(), ours)).collect()
    };
    if more.is_empty() {
        return None;
    }
    Some(format!("the published file has text that ours does not have: {}", some(more.into_iter())))
}

/// Texts of the published file alone that are looked for piece by piece in ours.
const MOST_LOOKED_FOR: usize = 64;
/// What one instruction moves: compilers cut short texts into such pieces, and put them into code or tables.
const PIECE: usize = 8;
/// A rest that is shorter is a number as well as a text.
const REST: usize = 4;

/// Whether a text consists of pieces that our file maps, so that only its arrangement is the compiler's. A number that
/// lies before it may end in letters.
fn is_in_pieces(text: &[u8], ours: &Elf<'_>) -> bool {
    (0..REST).any(|skipped| text.get(skipped..).is_some_and(|text| consists_of_pieces(text, ours)))
}

fn consists_of_pieces(text: &[u8], ours: &Elf<'_>) -> bool {
    let mut rest = text;
    while rest.len() >= REST {
        let finds = |len: usize| {
            let piece = memchr::memmem::Finder::new(rest.get(..len).unwrap_or(rest));
            ours.loaded().any(|section| piece.find(section.bytes).is_some())
        };
        // A file that has a piece has every beginning of it.
        let lengths: Vec<usize> = (PIECE..=rest.len()).collect();
        let found = lengths.partition_point(|len| finds(*len));
        let Some(longest) = found.checked_sub(1).and_then(|last| lengths.get(last)) else { return false };
        rest = rest.get(*longest..).unwrap_or_default();
    }
    true
}

/// Runs of printable characters in the data.
fn texts<'a>(file: &Elf<'a>) -> impl Iterator<Item = &'a [u8]> {
    let data = file.loaded().filter(|one| !one.is_code() && one.kind == elf::SHT_PROGBITS.0);
    let runs = data.flat_map(|one| one.bytes.split(|byte| !(0x20..0x7f).contains(byte)));
    runs.filter(|run| run.len() >= SHORTEST_TEXT)
}

/// A path that a compiler wrote (`__FILE__`), one character over and over (a vector of equal bytes), or the name of a
/// function inside the C++ library, which its headers put into the message of an exception.
fn is_machines(text: &str) -> bool {
    let first = text.chars().next();
    let inside =
        ["basic_string::_M_", "deque::_M_", "vector::_M_"].iter().find_map(|of| text.strip_prefix(of));
    let function = inside.is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    text.chars().all(|c| Some(c) == first) || is_source_path(text) || function
}

/// The absolute path of a source file.
fn is_source_path(text: &str) -> bool {
    const SOURCES: [&str; 11] =
        [".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".py", ".pyx", ".pxd", ".rs"];
    let source = SOURCES.iter().any(|suffix| text.ends_with(suffix));
    source && text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic())
}
