//! The end of a zip file: where its central directory is.

use super::ZipError;
use super::wire::{Cursor, END, END_LEN, END64, END64_LEN, LOCATOR64, LOCATOR64_LEN};

/// The end of a zip file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Members, as stated.
    pub entries: u64,
    /// Where the central directory starts.
    pub directory: u64,
    /// Bytes of the central directory.
    pub directory_len: u64,
    /// The archive's comment.
    pub comment: Vec<u8>,
    /// `(version made by, version needed)` where a zip64 end record is written.
    pub zip64: Option<(u16, u16)>,
    /// Which fields of the small record say "see the zip64 record".
    pub deferred: Deferred,
}

/// Which fields of the end record are all ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deferred {
    /// The number of entries.
    pub entries: bool,
    /// The directory's length.
    pub len: bool,
    /// The directory's offset.
    pub offset: bool,
}

/// Finds the one end record that the file ends with, and checks that the directory runs up to it.
pub(crate) fn read(bytes: &[u8]) -> Result<End, ZipError> {
    let at = find(bytes)?;
    let mut c = Cursor::new(bytes, at);
    c.expect(END, "an end record was expected")?;
    let (disk, directory_disk) = (c.u16()?, c.u16()?);
    let (here, entries) = (c.u16()?, c.u16()?);
    let (len, offset) = (c.u32()?, c.u32()?);
    let comment_len = usize::from(c.u16()?);
    let comment = c.take(comment_len)?.to_vec();
    if disk != 0 || directory_disk != 0 || here != entries {
        return Err(ZipError::MultiDisk);
    }
    let deferred =
        Deferred { entries: entries == u16::MAX, len: len == u32::MAX, offset: offset == u32::MAX };
    let small = End {
        entries: entries.into(),
        directory: offset.into(),
        directory_len: len.into(),
        comment,
        zip64: None,
        deferred,
    };
    let (end, stop) = match zip64(bytes, at, &small)? {
        Some(found) => found,
        None => (small, at),
    };
    let directory_end = end.directory.checked_add(end.directory_len);
    if directory_end != Some(stop as u64) {
        return Err(ZipError::NotZip {
            why: "the central directory does not end where the end record starts",
        });
    }
    Ok(end)
}

/// The only place where an end record can be whose comment ends with the file.
fn find(bytes: &[u8]) -> Result<usize, ZipError> {
    let last = bytes.len().checked_sub(END_LEN).ok_or(ZipError::NotZip { why: "it is too short" })?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let mut found = None;
    let mut signatures = 0;
    for at in (first..=last).rev() {
        if Cursor::new(bytes, at).u32()? != END {
            continue;
        }
        signatures += 1;
        let comment = Cursor::new(bytes, at + END_LEN - 2).u16()?;
        if at + END_LEN + usize::from(comment) == bytes.len() {
            found = Some(at);
            // What lies before it is data, and the layout has to account for that; a signature after it,
            // inside its comment, is what another reader may take for the end.
            break;
        }
    }
    match found {
        Some(_) if signatures > 1 => Err(ZipError::NotZip { why: "more than one end record could be meant" }),
        Some(at) => Ok(at),
        None if signatures > 0 => Err(ZipError::NotZip { why: "there is data after the end record" }),
        None => Err(ZipError::NotZip { why: "it has no end-of-central-directory record" }),
    }
}

/// The zip64 records before the end record, where there is a locator; with the offset where they start.
fn zip64(bytes: &[u8], end_at: usize, small: &End) -> Result<Option<(End, usize)>, ZipError> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR64_LEN) else { return Ok(None) };
    let mut c = Cursor::new(bytes, locator_at);
    if c.u32()? != LOCATOR64 {
        return Ok(None);
    }
    let (disk, at, disks) = (c.u32()?, c.u64()?, c.u32()?);
    if disk != 0 || disks != 1 {
        return Err(ZipError::MultiDisk);
    }
    let expected = locator_at.checked_sub(END64_LEN);
    if expected.map(|e| e as u64) != Some(at) {
        return Err(c.malformed("the zip64 locator does not point at the record before it"));
    }
    let start = expected.unwrap_or_default();
    let mut c = Cursor::new(bytes, start);
    c.expect(END64, "a zip64 end record was expected")?;
    if c.u64()? != (END64_LEN - 12) as u64 {
        return Err(c.malformed("the zip64 end record has extensible data"));
    }
    let versions = (c.u16()?, c.u16()?);
    if (c.u32()?, c.u32()?) != (0, 0) {
        return Err(ZipError::MultiDisk);
    }
    let (here, entries, directory_len, directory) = (c.u64()?, c.u64()?, c.u64()?, c.u64()?);
    let agrees = |small: u64, wide: u64, max: u64| small == wide || small == max;
    if here != entries
        || !agrees(small.entries, entries, u16::MAX.into())
        || !agrees(small.directory_len, directory_len, u32::MAX.into())
        || !agrees(small.directory, directory, u32::MAX.into())
    {
        return Err(c.malformed("the zip64 end record contradicts the end record"));
    }
    let end = End { entries, directory, directory_len, zip64: Some(versions), ..small.clone() };
    Ok(Some((end, start)))
}
