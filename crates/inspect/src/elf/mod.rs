//! Reads ELF files (System V ABI, "Object Files" and "Program Loading and Dynamic Linking") as a loader does, so that
//! two builds of one library can be compared part by part.
//!
//! A loader goes by the program headers and the dynamic table; people and tools go by the section table. A file
//! whose two views disagree is refused: otherwise a section table could show one thing while another runs.

mod dynamic;
mod error;
mod layout;

pub use dynamic::{Dynamic, Export, Import, Relocation};
pub use error::ElfError;

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use std::collections::BTreeSet;

pub(crate) type Header = FileHeader64<LittleEndian>;
pub(crate) const LE: LittleEndian = LittleEndian;

/// Sections and segments of one file, at most. Linked files have some forty and a dozen.
const MOST_SECTIONS: usize = 1_024;
const MOST_SEGMENTS: usize = 64;
/// Compilers that one file may name.
const MOST_COMPILERS: usize = 64;

/// A section, with what of it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// `SHT_*`.
    pub kind: u32,
    /// `SHF_*`.
    pub flags: u64,
    /// Where it is loaded; 0 if it is not.
    pub address: u64,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// Its size in memory.
    pub size: u64,
    /// Its bytes; none of a section without any in the file (`.bss`).
    pub bytes: &'a [u8],
}

impl Section<'_> {
    /// Whether a loader maps it.
    pub fn is_loaded(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }

    /// Whether it holds machine code.
    pub fn is_code(&self) -> bool {
        self.is_loaded() && self.flags & elf::SHF_EXECINSTR.0 != 0
    }
}

/// A segment: what a loader maps or obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// `PT_*`.
    pub kind: u32,
    /// `PF_*`.
    pub flags: u32,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// Where it is mapped.
    pub address: u64,
    /// Its bytes in the file.
    pub file_size: u64,
    /// Its bytes in memory.
    pub memory_size: u64,
}

/// An ELF file whose section table describes what a loader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf<'a> {
    /// `ET_*`: an executable, or a shared object.
    pub kind: u16,
    /// `EM_*`: the processor.
    pub machine: u16,
    /// Flags of the processor's own.
    pub flags: u32,
    /// The ABI: identification bytes 7 and 8.
    pub abi: (u8, u8),
    /// Where it starts; 0 of most libraries.
    pub entry: u64,
    /// The segments, in order.
    pub segments: Vec<Segment>,
    /// The sections with a name, in the order of the table.
    pub sections: Vec<Section<'a>>,
    /// What the dynamic linker reads.
    pub dynamic: Dynamic<'a>,
    /// What the compilers wrote into `.comment`.
    pub compilers: BTreeSet<&'a str>,
}

/// Whether the bytes begin as an ELF file does.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

impl<'a> Elf<'a> {
    /// Reads a linked 64-bit little-endian file: what this mill's machines run.
    ///
    /// # Errors
    /// [`ElfError`]: of another kind, beyond a limit, malformed, or with a section table that does not describe
    /// what a loader maps.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ElfError> {
        let header = Header::parse(bytes).map_err(|_| ElfError::Unsupported)?;
        if !header.is_class_64() || !header.is_little_endian() {
            return Err(ElfError::Unsupported);
        }
        let kind = header.e_type(LE);
        if kind != elf::ET_DYN && kind != elf::ET_EXEC {
            return Err(ElfError::Unsupported);
        }
        let segments = segments(header, bytes)?;
        let table = header.sections(LE, bytes).map_err(|_| ElfError::Malformed("section table"))?;
        if table.is_empty() {
            return Err(ElfError::NoSections);
        }
        if table.len() > MOST_SECTIONS {
            return Err(ElfError::TooMany("sections"));
        }
        let mut sections = Vec::with_capacity(table.len());
        for (_, section) in table.enumerate() {
            if section.sh_type(LE) == elf::SHT_NULL {
                continue;
            }
            let name = table.section_name(LE, section).ok().and_then(|name| std::str::from_utf8(name).ok());
            sections.push(Section {
                name: name.ok_or(ElfError::Malformed("name of a section"))?,
                kind: section.sh_type(LE).0,
                flags: section.sh_flags(LE).0,
                address: section.sh_addr(LE),
                offset: section.sh_offset(LE),
                size: section.sh_size(LE),
                bytes: section.data(LE, bytes).map_err(|_| ElfError::Malformed("section"))?,
            });
        }
        layout::check(header, bytes, &segments, &sections)?;
        let dynamic = dynamic::read(&table, bytes, &segments, &sections)?;
        let compilers = compilers(&sections)?;
        let ident = header.e_ident();
        Ok(Self {
            kind: kind.0,
            machine: header.e_machine(LE).0,
            flags: header.e_flags(LE).0,
            abi: (ident.os_abi.0, ident.abi_version),
            entry: header.e_entry(LE),
            segments,
            sections,
            dynamic,
            compilers,
        })
    }

    /// The sections that a loader maps.
    pub fn loaded(&self) -> impl Iterator<Item = &Section<'a>> {
        self.sections.iter().filter(|section| section.is_loaded())
    }
}

fn segments(header: &Header, bytes: &[u8]) -> Result<Vec<Segment>, ElfError> {
    let headers = header.program_headers(LE, bytes).map_err(|_| ElfError::Malformed("program headers"))?;
    if headers.len() > MOST_SEGMENTS {
        return Err(ElfError::TooMany("segments"));
    }
    let segment = |header: &elf::ProgramHeader64<LittleEndian>| Segment {
        kind: header.p_type(LE).0,
        flags: header.p_flags(LE).0,
        offset: header.p_offset(LE),
        address: header.p_vaddr(LE),
        file_size: header.p_filesz(LE),
        memory_size: header.p_memsz(LE),
    };
    Ok(headers.iter().map(segment).collect())
}

/// `.comment` is a run of strings that end with a zero.
fn compilers<'a>(sections: &[Section<'a>]) -> Result<BTreeSet<&'a str>, ElfError> {
    let comment = sections.iter().filter(|section| section.name == ".comment" && !section.is_loaded());
    let texts = comment.flat_map(|section| section.bytes.split(|byte| *byte == 0));
    let mut named = BTreeSet::new();
    for text in texts.filter(|text| !text.is_empty()) {
        named.insert(std::str::from_utf8(text).map_err(|_| ElfError::Malformed("name of a compiler"))?);
        if named.len() > MOST_COMPILERS {
            return Err(ElfError::TooMany("compilers"));
        }
    }
    Ok(named)
}
