//! PAX records (POSIX.1-2024, `pax` format) and GNU long names: what a tar says before the member it means.

use super::{Entry, SdistError};
use crate::archive::path::{PathError, shown};
use crate::archive::{LimitError, Limits};
use ::tar::EntryType;
use std::io::Read as _;

/// Bytes of one extension record at most; real ones have some hundred.
pub(in crate::archive) const RECORD_BYTES: u64 = 64 << 10;

/// What was said about the next member.
#[derive(Default)]
pub(in crate::archive) struct Pending {
    /// Its path.
    pub(in crate::archive) path: Option<Vec<u8>>,
    /// Its link target.
    pub(in crate::archive) link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
    described: bool,
}

/// Whether a header of this type says something about another member.
pub(in crate::archive) fn is_extension(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink
    )
}

/// A name or link target as text.
pub(in crate::archive) fn text(raw: &[u8]) -> Result<String, SdistError> {
    let name = || shown(&String::from_utf8_lossy(raw));
    String::from_utf8(raw.to_vec()).map_err(|_| PathError::NotUtf8 { name: name() }.into())
}

impl Pending {
    pub(super) fn is_some(&self) -> bool {
        self.described
    }

    /// Takes in an extension record.
    pub(super) fn take(&mut self, entry: &mut Entry<'_, '_>, limits: &Limits) -> Result<(), SdistError> {
        let header = entry.header();
        let kind = header.entry_type();
        let size = header.entry_size().unwrap_or(u64::MAX);
        let name = shown(&String::from_utf8_lossy(&entry.path_bytes()));
        if size > RECORD_BYTES.min(limits.member_bytes) {
            return Err(LimitError::MemberBytes { name, limit: RECORD_BYTES.min(limits.member_bytes) }.into());
        }
        let mut data = Vec::new();
        entry.read_to_end(&mut data).map_err(super::stream::error)?;
        if data.len() as u64 != size {
            return Err(SdistError::Extension { name, why: "it is cut short" });
        }
        self.say(kind, &data).map_err(|why| SdistError::Extension { name, why })
    }

    /// Takes in the data of an extension record of this kind.
    pub(in crate::archive) fn say(&mut self, kind: EntryType, data: &[u8]) -> Result<(), &'static str> {
        match kind {
            EntryType::GNULongName => set(&mut self.path, until_nul(data))?,
            EntryType::GNULongLink => set(&mut self.link, until_nul(data))?,
            EntryType::XGlobalHeader => return global(data),
            _ => self.pax(data)?,
        }
        self.described = true;
        Ok(())
    }

    fn pax(&mut self, data: &[u8]) -> Result<(), &'static str> {
        for (key, value) in records(data)? {
            match key {
                b"path" => set(&mut self.path, value)?,
                b"linkpath" => set(&mut self.link, value)?,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or("its size is no number")?);
                }
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// What was said against what the member's own header says.
    pub(in crate::archive) fn check(&self, path: &str, size: u64) -> Result<(), SdistError> {
        if self.sparse {
            return Err(SdistError::Sparse { name: shown(path) });
        }
        // Where the two sizes differ, two readers see two archives.
        if self.size.is_some_and(|stated| stated != size) {
            return Err(SdistError::Extension {
                name: shown(path),
                why: "it states another size than the header",
            });
        }
        Ok(())
    }
}

/// A global header may comment (git writes the commit there), not rename what follows.
fn global(data: &[u8]) -> Result<(), &'static str> {
    let renames = |key: &[u8]| matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.");
    match records(data)?.iter().any(|(key, _)| renames(key)) {
        true => Err("it changes path, link or size of every member that follows"),
        false => Ok(()),
    }
}

fn set(slot: &mut Option<Vec<u8>>, value: &[u8]) -> Result<(), &'static str> {
    match slot.replace(value.to_vec()) {
        Some(earlier) if earlier != value => Err("the member is given two names"),
        _ => Ok(()),
    }
}

fn until_nul(data: &[u8]) -> &[u8] {
    data.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Key and value.
pub(crate) type Record<'a> = (&'a [u8], &'a [u8]);

/// Splits `LENGTH KEY=VALUE\n` records; the length counts the whole record.
pub(crate) fn records(mut data: &[u8]) -> Result<Vec<Record<'_>>, &'static str> {
    let mut records = Vec::new();
    while !data.is_empty() {
        let space = data.iter().position(|byte| *byte == b' ').ok_or("a record has no length")?;
        let (digits, _) = data.split_at_checked(space).ok_or("a record has no length")?;
        let length = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<usize>().ok());
        let length = length.ok_or("a record's length is no number")?;
        let (record, rest) = data.split_at_checked(length).ok_or("a record is cut short")?;
        let body = record.get(space + 1..).and_then(|body| body.strip_suffix(b"\n"));
        let body = body.ok_or("a record does not end in a line feed")?;
        let equals = body.iter().position(|byte| *byte == b'=').ok_or("a record has no value")?;
        let (key, value) = body.split_at_checked(equals).ok_or("a record has no value")?;
        records.push((key, value.get(1..).unwrap_or_default()));
        data = rest;
    }
    Ok(records)
}
