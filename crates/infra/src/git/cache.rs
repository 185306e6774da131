//! Where fetched repositories are kept: bare, one folder for each address, given up in the order of last use.
//!
//! ```text
//! home/           the empty home that git gets
//! locks/KEY       held by whoever works on a repository
//! KEY/trees.git   single commits with their files, without history
//! KEY/history.git commits alone
//! KEY/used        touched at each use; holds the folder's bytes
//! ```

use super::failure::Failure;
use crate::store::fs::make_private;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// How often a lock is tried that another process holds.
const RETRY: Duration = Duration::from_millis(50);
/// Beyond this many repositories the locks that nobody holds are forgotten.
const REMEMBERED: usize = 1_024;

/// The folder of all repositories.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    most: u64,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The two bare repositories that an address has here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Single commits with their files.
    Trees,
    /// Commits without files.
    History,
}

/// One repository's folder, nobody else's as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    _ours: OwnedMutexGuard<()>,
    _file: File,
}

impl Cache {
    /// A cache in `folder`, with at most so many bytes.
    pub(super) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most, locks: Mutex::default() }
    }

    /// The home that git gets.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The folder of a repository, as soon as nobody else works on it; waits for other processes at most `longest`.
    pub(super) async fn place(&self, key: &str, longest: Duration) -> Result<Place, Failure> {
        let ours = self.lock(key).lock_owned().await;
        let fail = |error: io::Error| Failure::here("the cache of repositories cannot be used", &error);
        let file = self.lock_file(key).map_err(fail)?;
        let began = Instant::now();
        while file.try_lock().is_err() {
            if began.elapsed() > longest {
                return Err(Failure::too_large("another process works on it for too long"));
            }
            tokio::time::sleep(RETRY).await;
        }
        let folder = self.folder.join(key);
        make_private(&folder).map_err(fail)?;
        Ok(Place { folder, _ours: ours, _file: file })
    }

    fn lock(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() >= REMEMBERED {
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        Arc::clone(locks.entry(key.to_owned()).or_default())
    }

    fn lock_file(&self, key: &str) -> io::Result<File> {
        let folder = self.folder.join("locks");
        make_private(&folder)?;
        File::options().write(true).create(true).truncate(false).open(folder.join(key))
    }

    /// Removes what was used longest ago until the rest is within bounds. Blocks.
    pub(super) fn give_up(&self) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, String)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if name.starts_with(REMOVED) {
                fs::remove_dir_all(entry.path())?;
            } else if name.len() == 64 {
                let (at, bytes) = last_use(&entry.path());
                kept.push((at, bytes, name));
            }
        }
        let mut total: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        kept.sort_unstable();
        for (_, bytes, key) in kept {
            if total <= self.most {
                break;
            }
            // Whoever works on it has just used it.
            let Ok(_ours) = self.lock(&key).try_lock_owned() else { continue };
            let file = self.lock_file(&key)?;
            if file.try_lock().is_ok() {
                let removed = self.folder.join(format!("{REMOVED}{key}"));
                fs::rename(self.folder.join(&key), &removed)?;
                fs::remove_dir_all(removed)?;
                total -= bytes;
                tracing::debug!(key, bytes, "a repository leaves the cache");
            }
        }
        Ok(())
    }
}

/// Before the name of a folder that is being removed: half of one must not be taken for a repository.
const REMOVED: &str = "removed-";

/// When a repository was used, and its bytes.
fn last_use(folder: &Path) -> (SystemTime, u64) {
    let used = folder.join("used");
    let at = used.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let bytes = fs::read_to_string(&used).ok().and_then(|text| text.trim().parse().ok());
    (at, bytes.unwrap_or_else(|| size(folder)))
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let (mut total, mut folders) = (0_u64, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total = total.saturating_add(metadata.len()),
                Err(_) => {}
            }
        }
    }
    total
}

impl Place {
    /// The bare repository of a part, made if it is not there; `width` is that of an object's name in bytes.
    pub(super) fn bare(&self, part: Part, width: usize) -> Result<PathBuf, Failure> {
        let name = match part {
            Part::Trees => "trees",
            Part::History => "history",
        };
        let format = if width == 32 { "-sha256" } else { "" };
        let bare = self.folder.join(format!("{name}{format}.git"));
        let made = make_bare(&bare, width).and_then(|()| sweep(&bare));
        made.map(|()| bare)
            .map_err(|error| Failure::here("the cache of repositories cannot be written", &error))
    }

    /// Forgets everything about the repository.
    pub(super) fn forget(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Notes the use, and the bytes if something was added.
    pub(super) fn used(&self, added: bool) {
        let used = self.folder.join("used");
        let noted = if added || !used.exists() {
            fs::write(&used, size(&self.folder).to_string())
        } else {
            File::options().write(true).open(&used).and_then(|file| file.set_modified(SystemTime::now()))
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of a repository cannot be noted");
        }
    }
}

/// An empty bare repository, as `git init` would make it without a template: no hook, no description.
fn make_bare(bare: &Path, width: usize) -> io::Result<()> {
    if bare.join("HEAD").is_file() {
        return Ok(());
    }
    fs::create_dir_all(bare.join("objects/pack"))?;
    fs::create_dir_all(bare.join("refs/mill"))?;
    let format = if width == 32 { "[extensions]\n\tobjectformat = sha256\n" } else { "" };
    fs::write(
        bare.join("config"),
        format!("[core]\n\trepositoryformatversion = 1\n\tbare = true\n{format}"),
    )?;
    // The last: git takes a folder with it for a repository.
    fs::write(bare.join("HEAD"), "ref: refs/heads/none\n")
}

/// Removes what a command that was stopped left behind. The caller holds the lock, so nobody else writes.
fn sweep(bare: &Path) -> io::Result<()> {
    let lock = |path: &Path| path.extension().is_some_and(|extension| extension == "lock");
    let temporary = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("tmp_"))
    };
    for (folder, left) in
        [(bare.to_owned(), &lock as &dyn Fn(&Path) -> bool), (bare.join("objects/pack"), &temporary)]
    {
        for entry in fs::read_dir(folder)?.filter_map(Result::ok) {
            if left(&entry.path()) && entry.path().is_file() {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
