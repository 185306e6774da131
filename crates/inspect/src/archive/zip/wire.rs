//! The records of a zip file as APPNOTE.TXT 6.3.10 lays them out, read from raw bytes.
//!
//! Our own reader, because replay needs every field and the refusals need every byte accounted for.

use super::ZipError;

/// Local file header (APPNOTE 4.3.7).
pub(crate) const LOCAL: u32 = 0x0403_4b50;
/// Central directory header (4.3.12).
pub(crate) const CENTRAL: u32 = 0x0201_4b50;
/// End of central directory record (4.3.16).
pub(crate) const END: u32 = 0x0605_4b50;
/// Zip64 end of central directory record (4.3.14).
pub(crate) const END64: u32 = 0x0606_4b50;
/// Zip64 end of central directory locator (4.3.15).
pub(crate) const LOCATOR64: u32 = 0x0706_4b50;
/// Optional signature of a data descriptor (4.3.9.3).
pub(crate) const DESCRIPTOR: u32 = 0x0807_4b50;
/// Bytes of an end-of-central-directory record without its comment.
pub(crate) const END_LEN: usize = 22;
/// Bytes of a zip64 locator.
pub(crate) const LOCATOR64_LEN: usize = 20;
/// Bytes of a zip64 end record without extensible data.
pub(crate) const END64_LEN: usize = 56;
/// A 32-bit field that says "see the zip64 extra field".
pub(crate) const SEE64: u32 = u32::MAX;

/// A place in the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn malformed(&self, why: &'static str) -> ZipError {
        ZipError::Malformed { at: self.at as u64, why }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ZipError> {
        let end = self.at.checked_add(len).ok_or_else(|| self.malformed("a length overflows"))?;
        let got = self.bytes.get(self.at..end).ok_or_else(|| self.malformed("the record is cut short"))?;
        self.at = end;
        Ok(got)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZipError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ZipError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ZipError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ZipError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn expect(&mut self, signature: u32, why: &'static str) -> Result<(), ZipError> {
        let before = *self;
        if self.u32()? == signature { Ok(()) } else { Err(before.malformed(why)) }
    }
}

/// The fields that a local and a central header share, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version needed to extract.
    pub version_needed: u16,
    /// General purpose flags.
    pub flags: u16,
    /// Compression method.
    pub method: u16,
    /// DOS time.
    pub time: u16,
    /// DOS date.
    pub date: u16,
    /// CRC-32.
    pub crc: u32,
    /// Compressed bytes, the 32-bit field.
    pub compressed: u32,
    /// Inflated bytes, the 32-bit field.
    pub size: u32,
    /// The name, raw.
    pub name: Vec<u8>,
    /// Extra fields, raw.
    pub extra: Vec<u8>,
}

impl Header {
    fn fixed(c: &mut Cursor<'_>) -> Result<(Self, usize, usize), ZipError> {
        let header = Self {
            version_needed: c.u16()?,
            flags: c.u16()?,
            method: c.u16()?,
            time: c.u16()?,
            date: c.u16()?,
            crc: c.u32()?,
            compressed: c.u32()?,
            size: c.u32()?,
            name: Vec::new(),
            extra: Vec::new(),
        };
        Ok((header, usize::from(c.u16()?), usize::from(c.u16()?)))
    }

    /// Reads a local header.
    pub(crate) fn local(c: &mut Cursor<'_>) -> Result<Self, ZipError> {
        c.expect(LOCAL, "a local header was expected")?;
        let (mut header, name, extra) = Self::fixed(c)?;
        header.name = c.take(name)?.to_vec();
        header.extra = c.take(extra)?.to_vec();
        Ok(header)
    }

    pub(crate) fn bit(&self, bit: u16) -> bool {
        self.flags >> bit & 1 == 1
    }
}

/// A central directory header, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Central {
    /// Version made by; the upper byte is the system.
    pub version_made_by: u16,
    /// The shared fields.
    pub header: Header,
    /// The disk it starts on, the 16-bit field.
    pub disk: u16,
    /// Internal attributes.
    pub internal: u16,
    /// External attributes: DOS below, Unix mode above.
    pub external: u32,
    /// Where the local header is, the 32-bit field.
    pub offset: u32,
    /// The comment, raw.
    pub comment: Vec<u8>,
}

impl Central {
    pub(crate) fn read(c: &mut Cursor<'_>) -> Result<Self, ZipError> {
        c.expect(CENTRAL, "a central directory header was expected")?;
        let version_made_by = c.u16()?;
        let (mut header, name, extra) = Header::fixed(c)?;
        let comment = usize::from(c.u16()?);
        let (disk, internal, external, offset) = (c.u16()?, c.u16()?, c.u32()?, c.u32()?);
        header.name = c.take(name)?.to_vec();
        header.extra = c.take(extra)?.to_vec();
        let comment = c.take(comment)?.to_vec();
        Ok(Self { version_made_by, header, disk, internal, external, offset, comment })
    }
}

/// Splits extra fields into (id, data) pairs (APPNOTE 4.5.1).
pub(crate) fn extra_fields(extra: &[u8], at: u64) -> Result<Vec<(u16, &[u8])>, ZipError> {
    let mut fields = Vec::new();
    let mut c = Cursor::new(extra, 0);
    while c.at() < extra.len() {
        let cut = |_| ZipError::Malformed { at, why: "an extra field is cut short" };
        let id = c.u16().map_err(cut)?;
        let len = c.u16().map_err(cut)?;
        fields.push((id, c.take(usize::from(len)).map_err(cut)?));
    }
    Ok(fields)
}

/// What follows a member's data where flag bit 3 is set (APPNOTE 4.3.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Whether the optional signature is written.
    pub signed: bool,
    /// Whether the sizes have 64 bits.
    pub wide: bool,
}

impl Descriptor {
    /// Reads the descriptor that fills `bytes`, if it says just this.
    pub(crate) fn read(bytes: &[u8], crc: u32, compressed: u64, size: u64) -> Option<Self> {
        let (signed, wide) = match bytes.len() {
            12 => (false, false),
            16 => (true, false),
            20 => (false, true),
            24 => (true, true),
            _ => return None,
        };
        let descriptor = Self { signed, wide };
        let mut expected = Vec::with_capacity(bytes.len());
        descriptor.write(&mut expected, crc, compressed, size)?;
        (expected == bytes).then_some(descriptor)
    }

    /// Writes it; `None` if a size does not fit.
    pub(crate) fn write(self, out: &mut Vec<u8>, crc: u32, compressed: u64, size: u64) -> Option<()> {
        if self.signed {
            out.extend(DESCRIPTOR.to_le_bytes());
        }
        out.extend(crc.to_le_bytes());
        for value in [compressed, size] {
            if self.wide {
                out.extend(value.to_le_bytes());
            } else {
                out.extend(u32::try_from(value).ok()?.to_le_bytes());
            }
        }
        Some(())
    }
}
