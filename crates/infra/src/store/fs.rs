//! Blobs as files: `sha256/ab/<hex>`, written beside and moved into place.
//!
//! A blob is written under `incoming/`, flushed to the medium, renamed to its address, and then its
//! folder is flushed: whatever a crash leaves is either the whole blob or a stray file that the next
//! start sweeps away. One process at a time uses the folder; the data folder's lock sees to that.

mod staged;

pub use staged::Staged;

use async_trait::async_trait;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;
use trustmill_core::port::blobs::{BlobError, Blobs};

/// A store in a folder. Clones share it.
#[derive(Debug, Clone)]
pub struct FsBlobs {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    incoming: PathBuf,
    /// By the first byte of the digest.
    shards: Vec<Shard>,
    /// The data folder's lock, held as long as anybody can write here.
    _guard: Option<Arc<File>>,
}

/// One of the 256 folders and what of it is known to be on the medium.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    /// Renames into the folder, those of an earlier process counted as one.
    renames: AtomicU64,
    /// Renames that a flush of the folder has covered.
    flushed: Mutex<u64>,
}

impl Shard {
    /// Returns when every rename so far is on the medium. Concurrent callers share one flush.
    fn flush(&self) -> io::Result<()> {
        let wanted = self.renames.load(Ordering::SeqCst);
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        if *flushed < wanted {
            let covers = self.renames.load(Ordering::SeqCst);
            File::open(&self.path)?.sync_all()?;
            *flushed = covers;
        }
        Ok(())
    }
}

impl FsBlobs {
    /// Opens or makes the store under `root` and sweeps what a crash left: no other process may use it.
    /// `guard` is held as long as any clone lives.
    pub fn open(root: &Path, guard: Option<Arc<File>>) -> Result<Self, BlobError> {
        let open = || Folder::open(root, guard).and_then(|folder| folder.sweep().map(|()| folder));
        let folder = open().map_err(|error| failed("the blob folder", error))?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// Opens the store beside the process that owns it: nothing is swept, for that process may be writing.
    pub fn beside(root: &Path) -> Result<Self, BlobError> {
        let folder = Folder::open(root, None).map_err(|error| failed("the blob folder", error))?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// Where a blob is, or would be.
    pub fn path(&self, digest: &Sha256) -> PathBuf {
        self.folder.shard(digest).path.join(digest.to_hex())
    }

    /// Begins a blob whose bytes, and so whose address, come piece by piece.
    pub async fn stage(&self, promised: Option<&Checksum>) -> Result<Staged, BlobError> {
        Staged::begin(Arc::clone(&self.folder), promised).await
    }

    async fn blocking<T, F>(&self, work: F) -> Result<T, BlobError>
    where
        T: Send + 'static,
        F: FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || work(&folder)).await.map_err(interrupted)?
    }
}

#[async_trait]
impl Blobs for FsBlobs {
    async fn put(&self, bytes: Bytes) -> Result<Sha256, BlobError> {
        self.blocking(move |folder| folder.put(&bytes)).await
    }

    async fn get(&self, digest: &Sha256) -> Result<Option<Bytes>, BlobError> {
        let digest = *digest;
        let read = move |folder: &Folder| {
            let Some(mut file) = folder.find(&digest)? else { return Ok(None) };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|error| failed(&digest.to_hex(), error))?;
            if Sha256::of(&bytes) != digest {
                return Err(BlobError::Corrupt { digest });
            }
            Ok(Some(Bytes::from(bytes)))
        };
        self.blocking(read).await
    }

    async fn size(&self, digest: &Sha256) -> Result<Option<u64>, BlobError> {
        let digest = *digest;
        let read = move |folder: &Folder| match fs::metadata(folder.address(&digest)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&digest.to_hex(), error)),
        };
        self.blocking(read).await
    }

    async fn read(&self, digest: &Sha256, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        let digest = *digest;
        let read = move |folder: &Folder| {
            let Some(file) = folder.find(&digest)? else { return Ok(None) };
            read_part(&file, &range).map(Some).map_err(|error| failed(&digest.to_hex(), error))
        };
        self.blocking(read).await
    }
}

impl Folder {
    fn open(root: &Path, guard: Option<Arc<File>>) -> io::Result<Self> {
        let (sha256, incoming) = (root.join("sha256"), root.join("incoming"));
        for path in [root, &sha256, &incoming] {
            make_private(path)?;
        }
        let shards: Vec<Shard> = (0..=u8::MAX)
            .map(|byte| Shard {
                path: sha256.join(format!("{byte:02x}")),
                renames: AtomicU64::new(1),
                flushed: Mutex::new(0),
            })
            .collect();
        for shard in &shards {
            make_private(&shard.path)?;
        }
        for path in [&sha256, root] {
            File::open(path)?.sync_all()?;
        }
        Ok(Self { incoming, shards, _guard: guard })
    }

    /// Removes what a process that was killed had begun.
    fn sweep(&self) -> io::Result<()> {
        fs::read_dir(&self.incoming)?.try_for_each(|stray| fs::remove_file(stray?.path()))
    }

    fn shard(&self, digest: &Sha256) -> &Shard {
        let [first, ..] = digest.as_bytes();
        #[expect(clippy::indexing_slicing, reason = "there is one shard for each value of a byte")]
        &self.shards[usize::from(*first)]
    }

    fn address(&self, digest: &Sha256) -> PathBuf {
        self.shard(digest).path.join(digest.to_hex())
    }

    fn find(&self, digest: &Sha256) -> Result<Option<File>, BlobError> {
        match File::open(self.address(digest)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&digest.to_hex(), error)),
        }
    }

    fn put(&self, bytes: &Bytes) -> Result<Sha256, BlobError> {
        let digest = Sha256::of(bytes);
        let fail = |error| failed(&digest.to_hex(), error);
        // Compared, not merely found: bytes that rotted on the medium are replaced by good ones.
        if self.find(&digest)?.is_some_and(|file| holds(file, bytes)) {
            self.shard(&digest).flush().map_err(fail)?;
            return Ok(digest);
        }
        let mut part = self.begin().map_err(fail)?;
        io::Write::write_all(&mut part.file, bytes).map_err(fail)?;
        self.publish(part, &digest).map_err(fail)?;
        Ok(digest)
    }

    /// A new file under `incoming/`.
    fn begin(&self) -> io::Result<Part> {
        let path = self.incoming.join(format!("{:016x}", fastrand::u64(..)));
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Part { file, path, published: false })
    }

    /// Gives a complete file its address. Durable when it returns.
    fn publish(&self, mut part: Part, digest: &Sha256) -> io::Result<()> {
        part.file.sync_all()?;
        let shard = self.shard(digest);
        fs::rename(&part.path, shard.path.join(digest.to_hex()))?;
        part.published = true;
        shard.renames.fetch_add(1, Ordering::SeqCst);
        shard.flush()
    }
}

/// A file that nobody sees yet; it goes away unless it is published.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    published: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a stray file stays until the next start");
        }
    }
}

/// Makes a folder that only its owner may enter; one that is there stays as it is.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether the file holds exactly these bytes. One that cannot be read does not.
fn holds(mut file: File, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return rest.is_empty(),
            Ok(count) => match (buffer.get(..count), rest.split_at_checked(count)) {
                (Some(read), Some((expected, after))) if read == expected => rest = after,
                _ => return false,
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// A part of the file; what lies beyond its end is cut.
fn read_part(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let len = file.metadata()?.len();
    let start = range.start.min(len);
    let count = range.end.min(len).saturating_sub(start);
    let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, start)?;
    Ok(Bytes::from(bytes))
}

/// The port's words for what the medium said about `what`.
fn failed(what: &str, source: io::Error) -> BlobError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BlobError::Full { what: what.to_owned() },
        _ => BlobError::Io { what: format!("the blob store failed at {what}"), source },
    }
}

fn interrupted(error: tokio::task::JoinError) -> BlobError {
    failed("a task that was interrupted", io::Error::other(error))
}
