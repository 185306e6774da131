//! What the dynamic linker reads: needed libraries, symbols on both sides, initialisers, relocations.
//!
//! It is found as the linker finds it, through `PT_DYNAMIC` and the addresses in the table, and each address must be
//! that of the section by which it is then read.

use super::{ElfError, Header, LE, Section, Segment};
use object::LittleEndian;
use object::elf::{self, DynamicTag, Rela64, SectionType, Sym64};
use object::read::elf::{
    GnuHashTable, HashTable, Rela as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable, VersionTable,
};
use object::read::{StringTable, SymbolIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one file, at most.
const MOST_ENTRIES: usize = 1_024;
const MOST_SYMBOLS: usize = 200_000;
const MOST_RELOCATIONS: usize = 4_000_000;
/// The longest name of a symbol, in bytes: templates have long ones.
const LONGEST_NAME: usize = 64 << 10;

/// Relocations that call a resolver while the file is loaded, of x86-64 and AArch64.
const IRELATIVE: [u32; 2] = [elf::R_X86_64_IRELATIVE.0, elf::R_AARCH64_IRELATIVE.0];

/// Tags that may be there once, and what they point to.
const TABLES: [(DynamicTag, SectionType); 12] = [
    (elf::DT_STRTAB, elf::SHT_STRTAB),
    (elf::DT_SYMTAB, elf::SHT_DYNSYM),
    (elf::DT_HASH, elf::SHT_HASH),
    (elf::DT_GNU_HASH, elf::SHT_GNU_HASH),
    (elf::DT_RELA, elf::SHT_RELA),
    (elf::DT_JMPREL, elf::SHT_RELA),
    (elf::DT_VERSYM, elf::SHT_GNU_VERSYM),
    (elf::DT_VERNEED, elf::SHT_GNU_VERNEED),
    (elf::DT_VERDEF, elf::SHT_GNU_VERDEF),
    (elf::DT_INIT_ARRAY, elf::SHT_INIT_ARRAY),
    (elf::DT_FINI_ARRAY, elf::SHT_FINI_ARRAY),
    (elf::DT_PREINIT_ARRAY, elf::SHT_PREINIT_ARRAY),
];

/// The size of a table, where a tag of its own says it.
const SIZES: [(DynamicTag, DynamicTag); 5] = [
    (elf::DT_STRTAB, elf::DT_STRSZ),
    (elf::DT_JMPREL, elf::DT_PLTRELSZ),
    (elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ),
    (elf::DT_FINI_ARRAY, elf::DT_FINI_ARRAYSZ),
    (elf::DT_PREINIT_ARRAY, elf::DT_PREINIT_ARRAYSZ),
];

/// A symbol that another file has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import<'a> {
    /// Its name.
    pub name: &'a str,
    /// The version that it must have: `GLIBC_2.14`.
    pub version: Option<&'a str>,
    /// Whether the file loads without it.
    pub weak: bool,
}

/// A symbol that a file gives to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export {
    /// Where it is.
    pub address: u64,
    /// Whether another file's may stand for it: what compilers make of inline functions and templates.
    pub weak: bool,
}

/// A relocation, with its symbol by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relocation<'a> {
    /// The address that is changed.
    pub offset: u64,
    /// How.
    pub kind: u32,
    /// By which symbol.
    pub symbol: &'a str,
    /// By what beside it.
    pub addend: i64,
}

/// What the dynamic linker reads of a file; empty for one that needs no linker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dynamic<'a> {
    /// Libraries that are loaded with it, in order.
    pub needed: Vec<&'a str>,
    /// Its own name.
    pub soname: Option<&'a str>,
    /// Where libraries are looked for first: `DT_RPATH` and `DT_RUNPATH`, split.
    pub search: Vec<&'a str>,
    /// What it takes from others.
    pub imports: BTreeSet<Import<'a>>,
    /// What it gives to others, by name.
    pub exports: BTreeMap<&'a str, Export>,
    /// Functions that run when it is loaded: pointers in initialiser tables, `DT_INIT`, and resolvers.
    pub initialisers: usize,
    /// Whether code is changed while it is loaded.
    pub changes_code: bool,
    /// Tags that none of the above stands for, such as `DT_AUDIT`.
    pub others: BTreeSet<i64>,
    /// Every relocation, in order of its address.
    pub relocations: Vec<Relocation<'a>>,
}

type Sections<'a> = SectionTable<'a, Header>;
type Symbols<'a> = SymbolTable<'a, Header>;
type Strings<'a> = StringTable<'a>;

/// Reads the dynamic table, if there is one.
pub(super) fn read<'a>(
    table: &Sections<'a>,
    bytes: &'a [u8],
    segments: &[Segment],
    sections: &[Section<'a>],
) -> Result<Dynamic<'a>, ElfError> {
    let mut found = segments.iter().filter(|segment| segment.kind == elf::PT_DYNAMIC.0);
    let section = sections.iter().find(|section| section.kind == elf::SHT_DYNAMIC.0);
    let (segment, section) = match (found.next(), section) {
        (None, None) => return Ok(Dynamic::default()),
        (Some(segment), Some(section)) if found.next().is_none() => (segment, section),
        _ => return Err(ElfError::Disagrees("there is not just one dynamic table")),
    };
    let size = u64::try_from(section.bytes.len()).unwrap_or(u64::MAX);
    let same =
        (section.offset, section.address, size) == (segment.offset, segment.address, segment.file_size);
    if !same || !section.is_loaded() {
        return Err(ElfError::Disagrees("the dynamic table lies elsewhere"));
    }
    let entries = entries(table, bytes)?;
    check_tables(&entries, sections)?;
    let symbols =
        table.symbols(LE, bytes, elf::SHT_DYNSYM).map_err(|_| ElfError::Malformed("symbol table"))?;
    if symbols.len() > MOST_SYMBOLS {
        return Err(ElfError::TooMany("symbols"));
    }
    check_hashes(table, bytes, &symbols)?;
    let strings = symbols.strings();
    let mut dynamic = of_entries(&entries, strings)?;
    dynamic.initialisers += arrays(sections);
    let versions = table.versions(LE, bytes).map_err(|_| ElfError::Malformed("table of versions"))?;
    add_symbols(&mut dynamic, &symbols, versions.as_ref())?;
    dynamic.relocations = relocations(table, bytes, &symbols)?;
    let resolvers = dynamic.relocations.iter().filter(|one| IRELATIVE.contains(&one.kind)).count();
    dynamic.initialisers += resolvers;
    Ok(dynamic)
}

fn entries(table: &Sections<'_>, bytes: &[u8]) -> Result<Vec<(DynamicTag, u64)>, ElfError> {
    let malformed = || ElfError::Malformed("dynamic table");
    let found = table.dynamic_table(LE, bytes).map_err(|_| malformed())?;
    if found.len() > MOST_ENTRIES {
        return Err(ElfError::TooMany("dynamic entries"));
    }
    Ok(found.iter().map(|entry| (entry.tag, entry.val)).collect())
}

/// Tags of which there may be several.
fn may_repeat(tag: DynamicTag) -> bool {
    [elf::DT_NEEDED, elf::DT_AUXILIARY, elf::DT_FILTER].contains(&tag)
}

/// Each table that the linker is pointed to is the section by which it is read here.
fn check_tables(entries: &[(DynamicTag, u64)], sections: &[Section<'_>]) -> Result<(), ElfError> {
    let mut seen = BTreeMap::new();
    for (tag, value) in entries {
        if seen.insert(tag.0, *value).is_some() && !may_repeat(*tag) {
            return Err(ElfError::Disagrees("the dynamic table says something twice"));
        }
    }
    let loaded = || sections.iter().filter(|section| section.is_loaded());
    for (tag, kind) in TABLES {
        let Some(address) = seen.get(&tag.0) else { continue };
        let size = SIZES.iter().find(|(table, _)| *table == tag).and_then(|(_, size)| seen.get(&size.0));
        let fits = |section: &Section<'_>| {
            section.kind == kind.0
                && section.address == *address
                && size.is_none_or(|size| *size == section.size)
        };
        // An empty table may share its address with whatever follows it.
        if size != Some(&0) && !loaded().any(fits) {
            return Err(ElfError::Disagrees("a table of the dynamic linker is no section"));
        }
    }
    // What these would point to is read by no section here, and by no linker of these machines' compilers.
    if [elf::DT_REL, elf::DT_SYMTAB_SHNDX].iter().any(|tag| seen.contains_key(&tag.0)) {
        return Err(ElfError::Disagrees("it has tables that its processor does not use"));
    }
    check_relocations(&seen, sections)
}

/// `DT_RELA` and `DT_JMPREL` cover just the loaded sections of relocations, one after the other.
fn check_relocations(seen: &BTreeMap<i64, u64>, sections: &[Section<'_>]) -> Result<(), ElfError> {
    let size = |tag: DynamicTag| seen.get(&tag.0).copied().unwrap_or_default();
    let of_sections = sections.iter().filter(|one| one.is_loaded() && one.kind == elf::SHT_RELA.0);
    let all: u64 = of_sections.fold(0, |sum, section| sum.saturating_add(section.size));
    let (plain, lazy) = (size(elf::DT_RELASZ), size(elf::DT_PLTRELSZ));
    // Some linkers count those of the PLT among all.
    if all == plain.saturating_add(lazy) || all == plain {
        Ok(())
    } else {
        Err(ElfError::Disagrees("the dynamic linker reads other relocations"))
    }
}

/// No hash table leads beyond the symbols that are read.
fn check_hashes(table: &Sections<'_>, bytes: &[u8], symbols: &Symbols<'_>) -> Result<(), ElfError> {
    let malformed = |_| ElfError::Malformed("hash table");
    let mut longest = 0;
    for (_, section) in table.enumerate() {
        let data = || section.data(LE, bytes).map_err(malformed);
        let length = match section.sh_type(LE) {
            elf::SHT_HASH => {
                HashTable::<Header>::parse(LE, data()?).map_err(malformed)?.symbol_table_length()
            }
            elf::SHT_GNU_HASH => GnuHashTable::<Header>::parse(LE, data()?)
                .map_err(malformed)?
                .symbol_table_length(LE)
                .unwrap_or_default(),
            _ => 0,
        };
        longest = longest.max(length);
    }
    if usize::try_from(longest).is_ok_and(|longest| longest <= symbols.len()) {
        Ok(())
    } else {
        Err(ElfError::Disagrees("a hash table leads beyond the symbols"))
    }
}

fn of_entries<'a>(entries: &[(DynamicTag, u64)], strings: Strings<'a>) -> Result<Dynamic<'a>, ElfError> {
    let mut dynamic = Dynamic::default();
    for (tag, value) in entries {
        let text = || {
            let offset = u32::try_from(*value).map_err(|_| ElfError::Malformed("dynamic table"))?;
            name(&strings, offset)
        };
        match *tag {
            elf::DT_NEEDED => dynamic.needed.push(text()?),
            elf::DT_SONAME => dynamic.soname = Some(text()?),
            elf::DT_RPATH | elf::DT_RUNPATH => dynamic.search.extend(text()?.split(':')),
            elf::DT_INIT => dynamic.initialisers += 1,
            elf::DT_TEXTREL => dynamic.changes_code = true,
            elf::DT_FLAGS => dynamic.changes_code |= value & elf::DF_TEXTREL.0 != 0,
            tag if is_bookkeeping(tag) => {}
            other => {
                dynamic.others.insert(other.0);
            }
        }
    }
    Ok(dynamic)
}

/// Tags about tables that are read here, how they are bound, and nothing else.
fn is_bookkeeping(tag: DynamicTag) -> bool {
    const KNOWN: [DynamicTag; 17] = [
        elf::DT_PLTRELSZ,
        elf::DT_PLTGOT,
        elf::DT_STRSZ,
        elf::DT_SYMENT,
        elf::DT_FINI,
        elf::DT_RELASZ,
        elf::DT_RELAENT,
        elf::DT_RELACOUNT,
        elf::DT_PLTREL,
        elf::DT_BIND_NOW,
        elf::DT_FLAGS_1,
        elf::DT_INIT_ARRAYSZ,
        elf::DT_FINI_ARRAYSZ,
        elf::DT_PREINIT_ARRAYSZ,
        elf::DT_VERNEEDNUM,
        elf::DT_VERDEFNUM,
        elf::DT_DEBUG,
    ];
    KNOWN.contains(&tag) || TABLES.iter().any(|(table, _)| *table == tag)
}

/// Pointers in the tables of functions that run at the start.
fn arrays(sections: &[Section<'_>]) -> usize {
    let kinds = [elf::SHT_INIT_ARRAY.0, elf::SHT_PREINIT_ARRAY.0];
    let tables = sections.iter().filter(|section| section.is_loaded() && kinds.contains(&section.kind));
    tables.map(|section| section.bytes.len() / 8).sum()
}

fn add_symbols<'a>(
    dynamic: &mut Dynamic<'a>,
    symbols: &Symbols<'a>,
    versions: Option<&VersionTable<'a, Header>>,
) -> Result<(), ElfError> {
    for (index, symbol) in symbols.enumerate() {
        let text = name(&symbols.strings(), symbol.st_name(LE))?;
        if text.is_empty() || symbol.st_bind() == elf::STB_LOCAL {
            continue;
        }
        if symbol.is_undefined(LE) {
            let weak = symbol.st_bind() == elf::STB_WEAK;
            dynamic.imports.insert(Import { name: text, version: version(versions, index)?, weak });
        } else if is_visible(symbol) {
            let weak = [elf::STB_WEAK, elf::STB_GNU_UNIQUE].contains(&symbol.st_bind());
            dynamic.exports.insert(text, Export { address: symbol.st_value(LE), weak });
            dynamic.initialisers += usize::from(symbol.st_type() == elf::STT_GNU_IFUNC);
        }
    }
    Ok(())
}

fn is_visible(symbol: &Sym64<LittleEndian>) -> bool {
    matches!(symbol.st_visibility(), elf::STV_DEFAULT | elf::STV_PROTECTED)
}

fn version<'a>(
    versions: Option<&VersionTable<'a, Header>>,
    index: SymbolIndex,
) -> Result<Option<&'a str>, ElfError> {
    let Some(versions) = versions else { return Ok(None) };
    let malformed = || ElfError::Malformed("version of a symbol");
    let found = versions.version(versions.version_index(LE, index).index()).map_err(|_| malformed())?;
    found.map(|version| std::str::from_utf8(version.name()).map_err(|_| malformed())).transpose()
}

fn relocations<'a>(
    table: &Sections<'a>,
    bytes: &'a [u8],
    symbols: &Symbols<'a>,
) -> Result<Vec<Relocation<'a>>, ElfError> {
    let malformed = || ElfError::Malformed("relocations");
    let mut all = Vec::new();
    for (_, section) in table.enumerate() {
        if section.sh_flags(LE).0 & elf::SHF_ALLOC.0 == 0 {
            continue;
        }
        let found = section.rela(LE, bytes).map_err(|_| malformed())?;
        let entries: &[Rela64<LittleEndian>] = found.map_or(&[], |(entries, _)| entries);
        if all.len().saturating_add(entries.len()) > MOST_RELOCATIONS {
            return Err(ElfError::TooMany("relocations"));
        }
        for entry in entries {
            let symbol = match entry.symbol(LE, false) {
                None => "",
                Some(index) => {
                    let symbol = symbols.symbol(index).map_err(|_| malformed())?;
                    name(&symbols.strings(), symbol.st_name(LE))?
                }
            };
            let kind = entry.r_type(LE, false).0;
            all.push(Relocation { offset: entry.r_offset(LE), kind, symbol, addend: entry.r_addend(LE) });
        }
    }
    all.sort_unstable();
    Ok(all)
}

fn name<'a>(strings: &Strings<'a>, offset: u32) -> Result<&'a str, ElfError> {
    let malformed = || ElfError::Malformed("name of a symbol");
    let bytes = strings.get(offset).map_err(|_| malformed())?;
    if bytes.len() > LONGEST_NAME {
        return Err(malformed());
    }
    std::str::from_utf8(bytes).map_err(|_| malformed())
}
