//! Blobs in memory.

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::{BlobError, Blobs};

/// Blobs that end with their process.
#[derive(Debug, Default)]
pub struct MemBlobs {
    blobs: Mutex<HashMap<Sha256, Bytes>>,
}

impl MemBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts other bytes under an address, as a failing disk would.
    pub fn corrupt(&self, digest: &Sha256, bytes: Bytes) {
        self.blobs.lock().unwrap().insert(*digest, bytes);
    }

    /// The number of blobs.
    pub fn count(&self) -> usize {
        self.blobs.lock().unwrap().len()
    }

    fn find(&self, digest: &Sha256) -> Option<Bytes> {
        self.blobs.lock().unwrap().get(digest).cloned()
    }
}

#[async_trait]
impl Blobs for MemBlobs {
    async fn put(&self, bytes: Bytes) -> Result<Sha256, BlobError> {
        let digest = Sha256::of(&bytes);
        self.blobs.lock().unwrap().insert(digest, bytes);
        Ok(digest)
    }

    async fn get(&self, digest: &Sha256) -> Result<Option<Bytes>, BlobError> {
        match self.find(digest) {
            Some(bytes) if Sha256::of(&bytes) != *digest => Err(BlobError::Corrupt { digest: *digest }),
            found => Ok(found),
        }
    }

    async fn size(&self, digest: &Sha256) -> Result<Option<u64>, BlobError> {
        Ok(self.find(digest).map(|bytes| bytes.len() as u64))
    }

    async fn read(&self, digest: &Sha256, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        let part = |bytes: Bytes| {
            let start = range.start.min(bytes.len() as u64);
            let end = range.end.min(bytes.len() as u64).max(start);
            bytes.slice(usize::try_from(start).unwrap()..usize::try_from(end).unwrap())
        };
        Ok(self.find(digest).map(part))
    }
}
