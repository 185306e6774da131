//! A blob that arrives piece by piece, hashed on the way and never whole in memory.

use super::{Folder, Part, failed, interrupted};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::digest::{Checksum, ChecksumHasher};
use trustmill_core::port::blobs::BlobError;

/// Pieces are gathered to this many bytes before a thread is asked to write them.
const BATCH: usize = 512 << 10;

/// A blob in the making. Nothing of it is visible, and it vanishes when dropped, until [`Staged::commit`].
#[derive(Debug)]
pub struct Staged {
    folder: Arc<Folder>,
    /// Away only while a thread works on it.
    work: Option<Box<Work>>,
    pieces: Vec<Bytes>,
    gathered: usize,
    len: u64,
}

struct Work {
    part: Part,
    hasher: ChecksumHasher,
    /// A hasher that has seen nothing, for when the sender begins anew.
    fresh: ChecksumHasher,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.part.fmt(f)
    }
}

impl Staged {
    pub(super) async fn begin(folder: Arc<Folder>, promised: Option<&Checksum>) -> Result<Self, BlobError> {
        let begun = Arc::clone(&folder);
        let part = tokio::task::spawn_blocking(move || begun.begin()).await.map_err(interrupted)?;
        let part = part.map_err(|error| failed("a download", error))?;
        let fresh = ChecksumHasher::like(promised);
        let work = Some(Box::new(Work { part, hasher: fresh.clone(), fresh }));
        Ok(Self { folder, work, pieces: Vec::new(), gathered: 0, len: 0 })
    }

    /// The number of bytes so far.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes at the end.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.len = self.len.saturating_add(bytes.len() as u64);
        self.gathered = self.gathered.saturating_add(bytes.len());
        self.pieces.push(bytes);
        if self.gathered >= BATCH { self.flush().await } else { Ok(()) }
    }

    /// Forgets all bytes: the sender began anew.
    pub async fn restart(&mut self) -> Result<(), BlobError> {
        self.pieces.clear();
        (self.gathered, self.len) = (0, 0);
        self.on_thread(|work| {
            work.hasher = work.fresh.clone();
            work.part.file.set_len(0)?;
            work.part.file.rewind()
        })
        .await
    }

    /// The address of the bytes so far, and their digest in the algorithm that was promised.
    pub async fn digest(&mut self) -> Result<(Sha256, Checksum), BlobError> {
        self.flush().await?;
        self.work.as_ref().map(|work| work.hasher.clone().finish()).ok_or_else(lost)
    }

    /// The bytes so far, to be read from their beginning. They are gone when this is dropped, for whoever has not
    /// opened them.
    pub async fn reader(&mut self) -> Result<File, BlobError> {
        self.flush().await?;
        let path = self.work.as_ref().map(|work| work.part.path.clone()).ok_or_else(lost)?;
        let opened = tokio::task::spawn_blocking(move || File::open(path)).await.map_err(interrupted)?;
        opened.map_err(|error| failed("a download", error))
    }

    /// Publishes the bytes under their digest. Durable when it returns.
    pub async fn commit(mut self) -> Result<Sha256, BlobError> {
        let (digest, _) = self.digest().await?;
        let work = self.work.take().ok_or_else(lost)?;
        let folder = Arc::clone(&self.folder);
        let publish = move || folder.publish(work.part, &digest);
        let published = tokio::task::spawn_blocking(publish).await.map_err(interrupted)?;
        published.map_err(|error| failed(&digest.to_hex(), error))?;
        Ok(digest)
    }

    async fn flush(&mut self) -> Result<(), BlobError> {
        let pieces = std::mem::take(&mut self.pieces);
        self.gathered = 0;
        self.on_thread(move |work| {
            for piece in &pieces {
                work.hasher.update(piece);
                work.part.file.write_all(piece)?;
            }
            Ok(())
        })
        .await
    }

    /// After a failure, or when the caller is dropped meanwhile, the blob is gone for good: what was
    /// written is no longer known.
    async fn on_thread<F>(&mut self, task: F) -> Result<(), BlobError>
    where
        F: FnOnce(&mut Work) -> io::Result<()> + Send + 'static,
    {
        let mut work = self.work.take().ok_or_else(lost)?;
        let run = move || task(&mut work).map(|()| work);
        let done = tokio::task::spawn_blocking(run).await.map_err(interrupted)?;
        self.work = Some(done.map_err(|error| failed("a download", error))?);
        Ok(())
    }
}

fn lost() -> BlobError {
    failed("a download", io::Error::other("it failed before"))
}
