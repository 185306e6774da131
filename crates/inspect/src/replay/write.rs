//! Writes a zip from our members and the facts of a published container.

use super::ReplayRefusal;
use crate::archive::zip::wire::{CENTRAL, END, END64, END64_LEN, LOCAL, LOCATOR64, SEE64};
use crate::archive::zip::{Archive, Entry, Header};

/// What we put into the container for one entry.
pub(super) struct Ours<'a> {
    /// The facts.
    pub(super) entry: &'a Entry,
    /// Our bytes as they go into the file: stored, or the stream that our bytes compress to.
    pub(super) stream: &'a [u8],
    /// CRC-32 of our bytes.
    pub(super) crc: u32,
    /// How many bytes ours inflate to.
    pub(super) size: u64,
}

/// Writes the archive; entries come in physical order.
pub(super) fn write(archive: &Archive, members: &[Ours<'_>]) -> Result<Vec<u8>, ReplayRefusal> {
    let mut out = Vec::with_capacity(archive.bytes.len());
    let mut offsets = std::collections::HashMap::with_capacity(members.len());
    for ours in members {
        offsets.insert(ours.entry.path.as_str(), (out.len() as u64, ours));
        local(&mut out, ours).ok_or(ReplayRefusal::Digest)?;
    }
    let directory = out.len() as u64;
    for entry in &archive.entries {
        let (offset, ours) = offsets.get(entry.path.as_str()).ok_or(ReplayRefusal::Digest)?;
        central(&mut out, ours, *offset).ok_or(ReplayRefusal::Digest)?;
    }
    end(&mut out, archive, directory);
    Ok(out)
}

/// A 32-bit field: what the container defers elsewhere stays deferred, the rest states our value.
fn field(theirs: u32, ours: u64, later: bool) -> Option<u32> {
    match theirs {
        0 if later => Some(0),
        SEE64 => Some(SEE64),
        _ => u32::try_from(ours).ok(),
    }
}

fn shared(out: &mut Vec<u8>, header: &Header, ours: &Ours<'_>, may_defer: bool) -> Option<()> {
    let later = may_defer && header.bit(3);
    for value in [header.version_needed, header.flags, header.method, header.time, header.date] {
        out.extend(value.to_le_bytes());
    }
    let crc = if later && header.crc == 0 { 0 } else { ours.crc };
    out.extend(crc.to_le_bytes());
    out.extend(field(header.compressed, ours.stream.len() as u64, later)?.to_le_bytes());
    out.extend(field(header.size, ours.size, later)?.to_le_bytes());
    out.extend(u16::try_from(header.name.len()).ok()?.to_le_bytes());
    out.extend(u16::try_from(header.extra.len()).ok()?.to_le_bytes());
    Some(())
}

fn local(out: &mut Vec<u8>, ours: &Ours<'_>) -> Option<()> {
    let header = &ours.entry.local;
    out.extend(LOCAL.to_le_bytes());
    shared(out, header, ours, true)?;
    out.extend(&header.name);
    out.extend(&header.extra);
    out.extend(ours.stream);
    match ours.entry.descriptor {
        Some(descriptor) => descriptor.write(out, ours.crc, ours.stream.len() as u64, ours.size),
        None => Some(()),
    }
}

fn central(out: &mut Vec<u8>, ours: &Ours<'_>, offset: u64) -> Option<()> {
    let central = &ours.entry.central;
    out.extend(CENTRAL.to_le_bytes());
    out.extend(central.version_made_by.to_le_bytes());
    shared(out, &central.header, ours, false)?;
    out.extend(0_u16.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out.extend(central.internal.to_le_bytes());
    out.extend(central.external.to_le_bytes());
    out.extend(field(central.offset, offset, false)?.to_le_bytes());
    out.extend(&central.header.name);
    out.extend(&central.header.extra);
    Some(())
}

fn end(out: &mut Vec<u8>, archive: &Archive, directory: u64) {
    let len = out.len() as u64 - directory;
    let entries = archive.entries.len() as u64;
    if let Some((made_by, needed)) = archive.end.zip64 {
        let at = out.len() as u64;
        out.extend(END64.to_le_bytes());
        out.extend((END64_LEN as u64 - 12).to_le_bytes());
        out.extend(made_by.to_le_bytes());
        out.extend(needed.to_le_bytes());
        out.extend([0; 8]);
        for value in [entries, entries, len, directory] {
            out.extend(value.to_le_bytes());
        }
        out.extend(LOCATOR64.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    let count =
        if archive.end.deferred.entries { u16::MAX } else { u16::try_from(entries).unwrap_or(u16::MAX) };
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    for (value, deferred) in [(len, archive.end.deferred.len), (directory, archive.end.deferred.offset)] {
        let value = if deferred { SEE64 } else { u32::try_from(value).unwrap_or(SEE64) };
        out.extend(value.to_le_bytes());
    }
    out.extend(0_u16.to_le_bytes());
}
