//! A blob as a reader that seeks: a wheel of a gigabyte is opened where it lies, in a few kilobytes of memory.

use bytes::Bytes;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use tokio::runtime::Handle;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;

/// Bytes read from the store at once.
const CHUNK: u64 = 64 << 10;

/// A blob from its first byte. Lives on a thread that may block.
pub(super) struct BlobReader {
    blobs: Arc<dyn Blobs>,
    runtime: Handle,
    digest: Sha256,
    size: u64,
    at: u64,
    chunk: Bytes,
    chunk_at: u64,
}

impl BlobReader {
    /// A reader of the blob `digest`, which has `size` bytes. Called on a thread of the async runtime.
    pub(super) fn new(blobs: Arc<dyn Blobs>, digest: Sha256, size: u64) -> Self {
        Self { blobs, runtime: Handle::current(), digest, size, at: 0, chunk: Bytes::new(), chunk_at: 0 }
    }

    /// What of the current chunk lies at the position.
    fn buffered(&self) -> Option<&[u8]> {
        let offset = usize::try_from(self.at.checked_sub(self.chunk_at)?).ok()?;
        self.chunk.get(offset..).filter(|rest| !rest.is_empty())
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_none() && self.at < self.size {
            let range = self.at..self.at.saturating_add(CHUNK).min(self.size);
            let read =
                self.runtime.block_on(self.blobs.read(&self.digest, range)).map_err(io::Error::other)?;
            self.chunk = read.ok_or(io::ErrorKind::NotFound)?;
            self.chunk_at = self.at;
        }
        let Some(rest) = self.buffered() else { return Ok(0) };
        let taken = rest.take(out.len() as u64).read(out)?;
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
