//! One entry of a zip: its two headers checked against each other, its name and mode refused or taken.

use super::ZipError;
use super::wire::{Central, Cursor, Descriptor, Header, SEE64, extra_fields};
use crate::archive::limits::Limits;
use crate::archive::path::{PathError, check, shown};
use bytes::Bytes;
use std::ops::Range;
use zlib_rs::{Inflate, InflateFlush, Status};

/// A kind of extra field (APPNOTE 4.5.2) by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtraField(pub u16);

impl ExtraField {
    /// Sizes and offsets of 64 bits.
    pub const ZIP64: Self = Self(0x0001);
    /// Info-ZIP's second, Unicode name: two names for one member.
    pub const UNICODE_PATH: Self = Self(0x7075);
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path, checked, without the trailing slash of a directory.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// The local header as written.
    pub local: Header,
    /// The central header as written.
    pub central: Central,
    /// The data descriptor, where there is one.
    pub descriptor: Option<Descriptor>,
    /// Inflated bytes, zip64 resolved.
    pub size: u64,
    /// First byte of the local header.
    pub start: u64,
    /// First byte after the data and its descriptor.
    pub stop: u64,
    /// Where the compressed bytes are.
    pub data: Range<usize>,
}

/// Sizes and offset, zip64 resolved (APPNOTE 4.5.3: only fields that are `SEE64`, in this order).
struct Wide {
    size: u64,
    compressed: u64,
    offset: u64,
}

fn wide(header: &Header, offset: u32, at: u64) -> Result<Wide, ZipError> {
    let mut values = [u64::from(header.size), u64::from(header.compressed), u64::from(offset)];
    let fields = extra_fields(&header.extra, at)?;
    let mut zip64 = fields.iter().filter(|(id, _)| ExtraField(*id) == ExtraField::ZIP64);
    let field = zip64.next();
    if zip64.next().is_some() {
        return Err(ZipError::Malformed { at, why: "there are two zip64 extra fields" });
    }
    if fields.iter().any(|(id, _)| ExtraField(*id) == ExtraField::UNICODE_PATH) {
        return Err(ZipError::Malformed { at, why: "an extra field gives the member a second name" });
    }
    if let Some((_, data)) = field {
        let mut c = Cursor::new(data, 0);
        for value in values.iter_mut().filter(|value| **value == u64::from(SEE64)) {
            *value =
                c.u64().map_err(|_| ZipError::Malformed { at, why: "a zip64 extra field is cut short" })?;
        }
    }
    let [size, compressed, offset] = values;
    Ok(Wide { size, compressed, offset })
}

/// Where the local header of `central` is.
pub(super) fn offset(central: &Central) -> Result<u64, ZipError> {
    Ok(wide(&central.header, central.offset, u64::from(central.offset))?.offset)
}

/// Reads the entry that `central` describes; `starts` are the offsets of all local headers and of the
/// directory, in order.
pub(super) fn read(
    bytes: &[u8],
    central: Central,
    starts: &[u64],
    limits: &Limits,
) -> Result<Entry, ZipError> {
    let header = &central.header;
    let (path, directory) = name(header, limits)?;
    let shown_name = || shown(&path);
    if header.bit(0) || header.bit(6) || header.bit(13) {
        return Err(ZipError::Encrypted { name: shown_name() });
    }
    if !matches!(header.method, 0 | 8) {
        return Err(ZipError::Method { name: shown_name(), method: header.method });
    }
    if central.disk != 0 {
        return Err(ZipError::MultiDisk);
    }
    let sizes = wide(header, central.offset, u64::from(central.offset))?;
    let mut c = Cursor::new(bytes, usize::try_from(sizes.offset).unwrap_or(usize::MAX));
    let local = Header::local(&mut c)?;
    agree(&local, header, &sizes).map_err(|field| ZipError::Disagreement { name: shown_name(), field })?;
    let begin = c.at();
    c.take(usize::try_from(sizes.compressed).unwrap_or(usize::MAX))?;
    let data = begin..c.at();
    let (descriptor, stop) = if header.bit(3) {
        let after = starts.partition_point(|start| *start <= sizes.offset);
        let next = starts.get(after).copied().unwrap_or_default();
        let descriptor = descriptor(bytes, c.at(), next, header.crc, &sizes)
            .ok_or(ZipError::Disagreement { name: shown_name(), field: "data descriptor" })?;
        (Some(descriptor), next)
    } else {
        (None, c.at() as u64)
    };
    let entry = Entry {
        path,
        directory,
        local,
        descriptor,
        size: sizes.size,
        start: sizes.offset,
        stop,
        data,
        central,
    };
    entry.check_kind()?;
    Ok(entry)
}

fn descriptor(bytes: &[u8], from: usize, next: u64, crc: u32, sizes: &Wide) -> Option<Descriptor> {
    let gap = bytes.get(from..usize::try_from(next).ok()?)?;
    Descriptor::read(gap, crc, sizes.compressed, sizes.size)
}

fn name(header: &Header, limits: &Limits) -> Result<(String, bool), ZipError> {
    let raw = || shown(&String::from_utf8_lossy(&header.name));
    let name = std::str::from_utf8(&header.name).map_err(|_| PathError::NotUtf8 { name: raw() })?;
    // Without flag bit 11 the name is code page 437 (APPNOTE appendix D) to some and UTF-8 to others.
    if !name.is_ascii() && !header.bit(11) {
        return Err(PathError::NotUtf8 { name: raw() }.into());
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    check(path, limits.path_bytes)?;
    Ok((path.to_owned(), path.len() < name.len()))
}

/// What the local header has to repeat. With a data descriptor, sizes and checksum may be zero there.
fn agree(local: &Header, central: &Header, sizes: &Wide) -> Result<(), &'static str> {
    if local.name != central.name {
        return Err("name");
    }
    if local.flags != central.flags {
        return Err("set of flags");
    }
    if local.method != central.method {
        return Err("method");
    }
    let here = wide(local, 0, sizes.offset).map_err(|_| "zip64 field")?;
    let later = central.bit(3);
    if local.crc != central.crc && !(later && local.crc == 0) {
        return Err("CRC-32");
    }
    if here.size != sizes.size && !(later && here.size == 0) {
        return Err("size");
    }
    if here.compressed != sizes.compressed && !(later && here.compressed == 0) {
        return Err("compressed size");
    }
    Ok(())
}

impl Entry {
    /// The Unix mode with its type bits; zero where the container records none.
    fn unix(&self) -> u32 {
        self.central.external >> 16
    }

    /// Permission bits as recorded; `None` where the container records none.
    pub fn mode(&self) -> Option<u32> {
        (self.unix() != 0).then_some(self.unix() & 0o7777)
    }

    /// Seconds since 1970, the DOS time read as UTC; `None` if it is no date.
    pub fn mtime(&self) -> Option<i64> {
        let part = |value: u16, shift: u16, bits: u16| i8::try_from(value >> shift & ((1 << bits) - 1)).ok();
        let (date, time) = (self.central.header.date, self.central.header.time);
        let year = 1980 + i16::from(part(date, 9, 7)?);
        let (hour, minute, second) = (part(time, 11, 5)?, part(time, 5, 6)?, part(time, 0, 5)? * 2);
        let civil =
            jiff::civil::DateTime::new(year, part(date, 5, 4)?, part(date, 0, 5)?, hour, minute, second, 0);
        let zoned = civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_second())
    }

    fn check_kind(&self) -> Result<(), ZipError> {
        let name = || shown(&self.path);
        match self.unix() & 0o170_000 {
            // Writers that record permission bits only leave the type at zero.
            0 | 0o100_000 => {}
            0o040_000 if self.directory => {}
            0o040_000 => return Err(ZipError::Disagreement { name: name(), field: "file type" }),
            0o120_000 => return Err(ZipError::Symlink { name: name() }),
            _ => return Err(ZipError::Device { name: name() }),
        }
        let mode = self.unix() & 0o7777;
        if mode & 0o7000 != 0 {
            return Err(ZipError::SpecialMode { name: name(), mode });
        }
        if self.directory && self.size != 0 {
            return Err(PathError::FileAndDirectory { name: name() }.into());
        }
        Ok(())
    }

    /// The member's bytes, checked against stated size and checksum.
    pub(super) fn inflate(&self, bytes: &Bytes) -> Result<Bytes, ZipError> {
        let corrupt = || ZipError::Corrupt { name: shown(&self.path) };
        let out = if self.central.header.method == 0 {
            bytes.slice(self.data.clone())
        } else {
            let size = usize::try_from(self.size).map_err(|_| corrupt())?;
            inflate(bytes.get(self.data.clone()).unwrap_or_default(), size).ok_or_else(corrupt)?.into()
        };
        if out.len() as u64 != self.size {
            return Err(corrupt());
        }
        let mut crc = flate2::Crc::new();
        crc.update(&out);
        if crc.sum() != self.central.header.crc {
            return Err(ZipError::Crc { name: shown(&self.path) });
        }
        Ok(out)
    }
}

/// Inflates one raw deflate stream that has to give just `size` bytes and to end where its bytes end.
fn inflate(stream: &[u8], size: usize) -> Option<Vec<u8>> {
    // One byte more than stated, so that a longer stream is seen; deflate grows at most 1032-fold.
    let room = size.min(stream.len().saturating_mul(1032)).saturating_add(1);
    let mut out = vec![0; room];
    let mut engine = Inflate::new(false, 15);
    let status = engine.decompress(stream, &mut out, InflateFlush::Finish).ok()?;
    let ended = status == Status::StreamEnd && engine.total_in() == stream.len() as u64;
    out.truncate(usize::try_from(engine.total_out()).ok()?);
    (ended && out.len() == size).then_some(out)
}
