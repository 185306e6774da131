//! Whether the section table describes all of the file, and just what a loader maps of it.

use super::{ElfError, Header, LE, Section, Segment};
use object::elf;
use object::read::elf::FileHeader as _;

/// What linkers and patching tools put between sections: zeros, `nop`, `int3`, and patchelf's `X`.
const PADDING: [u8; 4] = [0, 0x90, 0xcc, b'X'];

/// Checks both views against each other.
pub(super) fn check(
    header: &Header,
    bytes: &[u8],
    segments: &[Segment],
    sections: &[Section<'_>],
) -> Result<(), ElfError> {
    let maps = |segment: &&Segment| segment.memory_size > 0 || segment.file_size > 0;
    let loads: Vec<&Segment> =
        segments.iter().filter(|segment| segment.kind == elf::PT_LOAD.0).filter(maps).collect();
    check_loads(&loads, bytes.len())?;
    let mut ranges = vec![tables(header)?];
    ranges.push(table_of(header.e_phoff(LE), header.e_phentsize(LE), segments.len())?);
    let sections_in_table = sections.len().saturating_add(nulls(header, bytes)?);
    ranges.push(table_of(header.e_shoff(LE), header.e_shentsize(LE), sections_in_table)?);
    for section in sections {
        check_section(section, &loads)?;
        ranges.push(range(section)?);
    }
    check_coverage(ranges, bytes)
}

/// A range of the file: first byte, and the byte after the last.
type Range = (u64, u64);

fn tables(header: &Header) -> Result<Range, ElfError> {
    let size = u64::try_from(size_of_val(header)).map_err(|_| ElfError::Malformed("header"))?;
    Ok((0, size))
}

fn range(section: &Section<'_>) -> Result<Range, ElfError> {
    let size = u64::try_from(section.bytes.len()).ok();
    let end = size.and_then(|size| section.offset.checked_add(size)).ok_or(ElfError::Malformed("section"))?;
    Ok((section.offset, end))
}

fn table_of(offset: u64, entry: u16, entries: usize) -> Result<Range, ElfError> {
    let size = u64::try_from(entries).ok().and_then(|entries| entries.checked_mul(u64::from(entry)));
    let end = size.and_then(|size| offset.checked_add(size)).ok_or(ElfError::Malformed("header"))?;
    Ok((offset, end))
}

/// Entries of the section table that stand for nothing.
fn nulls(header: &Header, bytes: &[u8]) -> Result<usize, ElfError> {
    let all = header.section_headers(LE, bytes).map_err(|_| ElfError::Malformed("section table"))?;
    Ok(all.iter().filter(|section| section.sh_type.get(LE) == elf::SHT_NULL).count())
}

/// What is mapped is in the file, in ascending order, and no byte or address is mapped twice.
fn check_loads(loads: &[&Segment], len: usize) -> Result<(), ElfError> {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    let (mut address, mut ranges) = (0, Vec::with_capacity(loads.len()));
    for load in loads {
        let end = load.address.checked_add(load.memory_size);
        let file_end = load.offset.checked_add(load.file_size).filter(|end| *end <= len);
        let (Some(end), Some(file_end)) = (end, file_end) else {
            return Err(ElfError::Disagrees("a segment leaves the file"));
        };
        if load.address < address || load.file_size > load.memory_size {
            return Err(ElfError::Disagrees("segments overlap"));
        }
        address = end;
        if load.file_size > 0 {
            ranges.push((load.offset, file_end));
        }
    }
    ranges.sort_unstable();
    let twice = ranges.iter().zip(ranges.iter().skip(1)).any(|(one, next)| next.0 < one.1);
    if twice { Err(ElfError::Disagrees("bytes are mapped twice")) } else { Ok(()) }
}

/// A section that is loaded lies in one segment, at the place where that segment maps it; one that is not lies in none.
fn check_section(section: &Section<'_>, loads: &[&Segment]) -> Result<(), ElfError> {
    if section.size == 0 || (section.is_loaded() && section.kind == elf::SHT_NOBITS.0) {
        return Ok(());
    }
    let (start, end) = range(section)?;
    if !section.is_loaded() {
        let mapped = loads.iter().any(|load| start < load.offset + load.file_size && load.offset < end);
        return if mapped { Err(ElfError::Disagrees("a section that is not loaded is")) } else { Ok(()) };
    }
    let holds = |load: &&&Segment| load.offset <= start && end <= load.offset + load.file_size;
    let load = loads.iter().find(holds).ok_or(ElfError::Disagrees("a loaded section is in no segment"))?;
    let address = load.address.checked_add(start - load.offset);
    if address != Some(section.address) {
        return Err(ElfError::Disagrees("a section has another address than its segment gives it"));
    }
    if section.is_code() && load.flags & elf::PF_X.0 == 0 {
        return Err(ElfError::Disagrees("code lies in a segment that does not run"));
    }
    Ok(())
}

/// Every byte belongs to one part, or is padding.
fn check_coverage(mut ranges: Vec<Range>, bytes: &[u8]) -> Result<(), ElfError> {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    let mut at = 0;
    for (start, end) in ranges {
        if start < at {
            return Err(ElfError::Disagrees("parts of the file overlap"));
        }
        check_padding(bytes, at, start)?;
        at = end;
    }
    check_padding(bytes, at, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

fn check_padding(bytes: &[u8], start: u64, end: u64) -> Result<(), ElfError> {
    let index = |at: u64| usize::try_from(at).ok();
    let gap = index(start).zip(index(end)).and_then(|(start, end)| bytes.get(start..end));
    let gap = gap.ok_or(ElfError::Malformed("header"))?;
    if gap.iter().all(|byte| PADDING.contains(byte)) {
        Ok(())
    } else {
        Err(ElfError::Disagrees("bytes belong to no part of the file"))
    }
}
