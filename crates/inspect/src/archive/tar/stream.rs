//! The decompressed stream of a tar, metered: a bomb stops while it inflates, not after.

use super::SdistError;
use super::gunzip::Gunzip;
use crate::archive::{LimitError, Limits};
use std::error::Error as StdError;
use std::io::{self, Read};

/// How a tar is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
}

/// A metered reader of decompressed bytes.
pub(super) struct Stream<'a> {
    inner: Box<dyn Read + 'a>,
    compressed: u64,
    out: u64,
    limits: Limits,
}

/// Opens `bytes` for reading under `limits`.
pub(super) fn open<'a>(bytes: &'a [u8], compression: Compression, limits: &Limits) -> Stream<'a> {
    let inner: Box<dyn Read + 'a> = match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => Box::new(Gunzip::new(bytes)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(bytes)),
    };
    Stream { inner, compressed: bytes.len() as u64, out: 0, limits: *limits }
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.out = self.out.saturating_add(got as u64);
        if self.out > self.limits.total_bytes {
            return Err(io::Error::other(LimitError::TotalBytes { limit: self.limits.total_bytes }));
        }
        if self.limits.too_dense(self.out, self.compressed) {
            return Err(io::Error::other(LimitError::Ratio { limit: self.limits.ratio }));
        }
        Ok(got)
    }
}

/// After the last member there is only padding.
pub(super) fn check_end(mut stream: Stream<'_>) -> Result<(), SdistError> {
    let mut block = [0; 4096];
    loop {
        let got = stream.read(&mut block).map_err(error)?;
        if got == 0 {
            return Ok(());
        }
        if block.iter().take(got).any(|byte| *byte != 0) {
            return Err(SdistError::Malformed { why: "there is data after the end of the archive".into() });
        }
    }
}

/// What a failed read means: our own limit, or a broken stream or header.
pub(super) fn error(error: io::Error) -> SdistError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(limit) = inner.downcast_ref::<LimitError>() {
            return limit.clone().into();
        }
        cause = match inner.downcast_ref::<io::Error>() {
            Some(wrapper) => wrapper.get_ref().map(|e| e as &(dyn StdError + 'static)),
            None => inner.source(),
        };
    }
    let why: String = error.to_string().chars().take(200).collect();
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            SdistError::Decompress { why }
        }
        _ => SdistError::Malformed { why },
    }
}
