//! The data folder: one process owns it, and everything embedded lives in it.

use crate::advisories::AdvisoryStore;
use crate::journal::SqliteJournal;
use crate::queue::SqliteQueue;
use crate::records::SqliteRecords;
use crate::sqlite::{Db, OpenError};
use crate::store::FsBlobs;
use crate::store::fs::make_private;
use crate::tokens::SqliteTokens;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::BlobError;

/// An open data folder. The lock is held until this and every handle made from it are gone.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    blobs: FsBlobs,
    queue: Arc<SqliteQueue>,
    records: Arc<SqliteRecords>,
    tokens: Arc<SqliteTokens>,
    journal: Arc<SqliteJournal>,
    advisories: Arc<AdvisoryStore>,
}

impl DataDir {
    /// Opens the folder, making it (mode 0700) where it is not there. Blocks for some milliseconds.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let path = path.as_ref();
        if path.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(DataDirError::NotAFolder { path: path.to_owned() });
        }
        make_private(path).map_err(|error| DataDirError::io(path, error))?;
        let guard = Arc::new(lock(path)?);
        let blobs = FsBlobs::open(&path.join("blobs"), Some(Arc::clone(&guard)))
            .map_err(|error| DataDirError::blobs(path, error))?;
        Self::with_state(path, blobs, Some(guard))
    }

    /// Opens the folder beside the process that owns it, if one does: to read, and to change the watch set.
    /// Whoever works on keys or serves MUST use [`Self::open`].
    pub fn beside(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let path = path.as_ref();
        if path.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(DataDirError::NotAFolder { path: path.to_owned() });
        }
        make_private(path).map_err(|error| DataDirError::io(path, error))?;
        let blobs = FsBlobs::beside(&path.join("blobs")).map_err(|error| DataDirError::blobs(path, error))?;
        Self::with_state(path, blobs, None)
    }

    /// Opens the advisories of a folder and nothing else; `None` if no feed was ever read into it.
    pub fn advisories_in(path: impl AsRef<Path>) -> Result<Option<AdvisoryStore>, DataDirError> {
        let file = path.as_ref().join("advisories.db");
        if !file.is_file() {
            return Ok(None);
        }
        AdvisoryStore::open(&file).map(Some).map_err(|error| DataDirError::state(&file, error))
    }

    fn with_state(path: &Path, blobs: FsBlobs, guard: Option<Arc<File>>) -> Result<Self, DataDirError> {
        let state = path.join("state.db");
        let db = Db::open(&state, guard).map_err(|error| DataDirError::state(&state, error))?;
        let db = Arc::new(db);
        let queue = Arc::new(SqliteQueue::new(Arc::clone(&db)));
        let records = Arc::new(SqliteRecords::new(Arc::clone(&db)));
        let tokens = Arc::new(SqliteTokens::new(Arc::clone(&db)));
        let journal = Arc::new(SqliteJournal::new(db));
        let advisories = path.join("advisories.db");
        let open = AdvisoryStore::open(&advisories);
        let advisories = Arc::new(open.map_err(|error| DataDirError::state(&advisories, error))?);
        Ok(Self { path: path.to_owned(), blobs, queue, records, tokens, journal, advisories })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The blob store under `blobs/`.
    pub fn blobs(&self) -> FsBlobs {
        self.blobs.clone()
    }

    /// The queue in `state.db`.
    pub fn queue(&self) -> Arc<SqliteQueue> {
        Arc::clone(&self.queue)
    }

    /// The records in `state.db`; every call gives the same, so that revisions are shared.
    pub fn records(&self) -> Arc<SqliteRecords> {
        Arc::clone(&self.records)
    }

    /// The tokens in `state.db`; every call gives the same.
    pub fn tokens(&self) -> Arc<SqliteTokens> {
        Arc::clone(&self.tokens)
    }

    /// The advisories in `advisories.db`; every call gives the same, so that what was read is kept once.
    pub fn advisories(&self) -> Arc<AdvisoryStore> {
        Arc::clone(&self.advisories)
    }

    /// The journal in `state.db`; every call gives the same, so that what was noted is known to whoever asks.
    pub fn journal(&self) -> Arc<SqliteJournal> {
        Arc::clone(&self.journal)
    }
}

/// Takes the folder's lock and writes this process's number into it, for whoever comes second. The
/// operating system lets go of it when the process ends, however it ends.
fn lock(folder: &Path) -> Result<File, DataDirError> {
    let path = folder.join("lock");
    let fail = |error| DataDirError::io(&path, error);
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::Locked { path: folder.to_owned(), pid: holder(&file) });
        }
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(fail)?;
    writeln!(file, "{}", std::process::id()).map_err(fail)?;
    Ok(file)
}

fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Why the data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it open.
    #[error(
        "the data folder {} is in use{}",
        path.display(),
        pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The holder, where it said.
        pid: Option<u32>,
    },
    /// It cannot be written to.
    #[error("{} cannot be written", path.display())]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Something else has its name.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// No room is left.
    #[error("no space left in the data folder {}", path.display())]
    Full {
        /// The folder or file.
        path: PathBuf,
    },
    /// The state is another program's, or damaged.
    #[error("{} is not a state file of the mill, or it is damaged", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: OpenError,
    },
    /// A newer version wrote the state.
    #[error("{} has format {found}, this version reads up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// In the file.
        found: u32,
        /// The newest this code reads.
        known: u32,
    },
    /// The medium failed.
    #[error("the data folder cannot be opened at {}", path.display())]
    Failed {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DataDirError {
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Self::NotAFolder { path },
            _ => Self::Failed { path, source: Box::new(source) },
        }
    }

    fn blobs(path: &Path, error: BlobError) -> Self {
        match error {
            BlobError::Io { source, .. } => Self::io(&path.join("blobs"), source),
            BlobError::Full { .. } => Self::Full { path: path.join("blobs") },
            other @ BlobError::Corrupt { .. } => {
                Self::Failed { path: path.join("blobs"), source: Box::new(other) }
            }
        }
    }

    fn state(path: &Path, error: OpenError) -> Self {
        let path = path.to_owned();
        match error {
            OpenError::Newer { found, known } => Self::Newer { path, found, known },
            OpenError::Full => Self::Full { path },
            source @ OpenError::Foreign(_) => Self::Foreign { path, source },
            source @ (OpenError::Failed(_) | OpenError::Thread(_)) => {
                Self::Failed { path, source: Box::new(source) }
            }
        }
    }
}

impl Coded for DataDirError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "TM0602",
            Self::Locked { .. } => "TM0604",
            Self::ReadOnly { .. } => "TM0605",
            Self::NotAFolder { .. } => "TM0606",
            Self::Foreign { .. } => "TM0607",
            Self::Failed { .. } => "TM0608",
            Self::Newer { .. } => "TM0620",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Full { .. } => "free space on the volume of the data folder, or move it with --data-dir; nothing was lost",
            Self::Locked { .. } => "stop the other trustmill, or give this one its own folder with --data-dir",
            Self::ReadOnly { .. } => "run as the user who owns the data folder, mount its volume writable, or choose another with --data-dir",
            Self::NotAFolder { .. } => "choose another path with --data-dir, or move the file away",
            Self::Foreign { .. } => "restore `state.db` (with its `-wal` file) from a backup, or move it away to begin anew: blobs are kept; `advisories.db` can be deleted, and its feeds are read anew",
            Self::Failed { .. } => "check that the volume of the data folder is healthy and mounted",
            Self::Newer { .. } => "use the version of trustmill that wrote this data folder, or a later one",
        }
        .into()
    }
}
