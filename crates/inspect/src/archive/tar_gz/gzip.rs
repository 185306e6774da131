//! The gzip file around a published tar (RFC 1952): one member, its header kept, nothing after it.

use super::TarGzError;
use crate::archive::tar::SdistError;
use crate::archive::{LimitError, Limits};
use std::ops::Range;
use zlib_rs::{Inflate, InflateFlush, Status};

/// The header of a gzip member, as written, and where its deflate stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gzip {
    /// Modification time, seconds since 1970; zero for none.
    pub mtime: u32,
    /// Extra flags: 2 for the slowest level, 4 for the fastest.
    pub xfl: u8,
    /// The operating system's number.
    pub os: u8,
    /// Whether the flag for text is set.
    pub text: bool,
    /// The extra field.
    pub extra: Option<Vec<u8>>,
    /// The original file name, without its NUL.
    pub name: Option<Vec<u8>>,
    /// The comment, without its NUL.
    pub comment: Option<Vec<u8>>,
    /// The header's own checksum.
    pub header_crc: Option<u16>,
    /// Where the deflate stream is in the file.
    pub stream: Range<usize>,
}

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const TEXT: u8 = 1;
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// Bytes of a name or comment at most.
const TEXT_BYTES: usize = 4096;
/// CRC-32 and size.
const TRAILER: usize = 8;
/// What is inflated at once.
const PIECE: usize = 64 << 10;

/// Takes fields from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], TarGzError> {
        let (field, rest) =
            self.0.split_at_checked(len).ok_or(TarGzError::Gzip { why: "its header is cut short" })?;
        self.0 = rest;
        Ok(field)
    }

    fn u16(&mut self) -> Result<u16, TarGzError> {
        Ok(self.take(2)?.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes)))
    }

    fn text(&mut self) -> Result<Vec<u8>, TarGzError> {
        let end = self.0.iter().take(TEXT_BYTES).position(|byte| *byte == 0);
        let end = end.ok_or(TarGzError::Gzip { why: "its name or comment has no end" })?;
        let text = self.take(end)?.to_vec();
        self.take(1)?;
        Ok(text)
    }
}

/// Reads the one member that `bytes` consists of; with what it inflates to.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<(Gzip, Vec<u8>), TarGzError> {
    let mut gzip = header(bytes)?;
    let (tar, used) = inflate(bytes.get(gzip.stream.start..).unwrap_or_default(), limits)?;
    gzip.stream.end = gzip.stream.start + used;
    let mut rest = Fields(bytes.get(gzip.stream.end..).unwrap_or_default());
    let trailer = rest.take(TRAILER).map_err(|_| TarGzError::Gzip { why: "its trailer is cut short" })?;
    if trailer != self::trailer(&tar) {
        return Err(TarGzError::Gzip { why: "its checksum or size is wrong" });
    }
    match rest.0 {
        [] => Ok((gzip, tar)),
        [0x1f, 0x8b, ..] => Err(TarGzError::Gzip { why: "another gzip member follows" }),
        _ => Err(TarGzError::Gzip { why: "bytes follow its end" }),
    }
}

/// CRC-32 and size of what was compressed, as they end a member.
pub(crate) fn trailer(data: &[u8]) -> [u8; TRAILER] {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    // The size is stated modulo 2^32 (RFC 1952, 2.3.1).
    let size = u32::try_from(data.len() as u64 & u64::from(u32::MAX)).unwrap_or_default();
    (u64::from(size) << 32 | u64::from(crc.sum())).to_le_bytes()
}

fn header(bytes: &[u8]) -> Result<Gzip, TarGzError> {
    let mut fields = Fields(bytes);
    if fields.take(3).ok() != Some(&MAGIC) {
        return Err(TarGzError::Gzip { why: "it does not start as one" });
    }
    let flags = fields.take(1)?.first().copied().unwrap_or_default();
    if flags & !(TEXT | HEADER_CRC | EXTRA | NAME | COMMENT) != 0 {
        return Err(TarGzError::Gzip { why: "it has reserved flags" });
    }
    let mtime = fields.take(4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let [xfl, os] = fields.take(2)?.first_chunk().copied().unwrap_or_default();
    let extra = if flags & EXTRA != 0 {
        let len = usize::from(fields.u16()?);
        Some(fields.take(len)?.to_vec())
    } else {
        None
    };
    let name = (flags & NAME != 0).then(|| fields.text()).transpose()?;
    let comment = (flags & COMMENT != 0).then(|| fields.text()).transpose()?;
    let header_crc = (flags & HEADER_CRC != 0).then(|| fields.u16()).transpose()?;
    let start = bytes.len() - fields.0.len();
    let text = flags & TEXT != 0;
    Ok(Gzip { mtime, xfl, os, text, extra, name, comment, header_crc, stream: start..start })
}

impl Gzip {
    /// Writes a header without extra field, comment and checksum.
    pub(crate) fn write_plain(&self, out: &mut Vec<u8>) {
        out.extend(MAGIC);
        out.push(if self.name.is_some() { NAME } else { 0 } | if self.text { TEXT } else { 0 });
        out.extend(self.mtime.to_le_bytes());
        out.extend([self.xfl, self.os]);
        if let Some(name) = &self.name {
            out.extend(name);
            out.push(0);
        }
    }
}

/// Inflates the stream that `bytes` starts with; with how many bytes it takes. By zlib-rs: the C zlib that replay needs
/// takes twice the time.
fn inflate(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, usize), TarGzError> {
    let broken = |why: &str| TarGzError::Tar(SdistError::Decompress { why: why.to_owned() });
    let mut engine = Inflate::new(false, 15);
    let mut out = Vec::new();
    let mut piece = vec![0; PIECE];
    let mut rest = bytes;
    loop {
        let before = (engine.total_in(), engine.total_out());
        let status = engine
            .decompress(rest, &mut piece, InflateFlush::NoFlush)
            .map_err(|error| broken(engine.error_message().unwrap_or(error.as_str())))?;
        let taken = usize::try_from(engine.total_in() - before.0).unwrap_or(usize::MAX);
        let given = usize::try_from(engine.total_out() - before.1).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        out.extend_from_slice(piece.get(..given).unwrap_or_default());
        let size = out.len() as u64;
        if size > limits.total_bytes {
            return Err(LimitError::TotalBytes { limit: limits.total_bytes }.into());
        }
        if limits.too_dense(size, bytes.len() as u64) {
            return Err(LimitError::Ratio { limit: limits.ratio }.into());
        }
        if status == Status::StreamEnd {
            return Ok((out, bytes.len() - rest.len()));
        }
        if taken == 0 && given == 0 {
            return Err(broken("the deflate stream is cut short"));
        }
    }
}
