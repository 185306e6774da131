//! What fetch phases unpacked, kept for the next recipe of the same commit: the recipes of one release mostly differ
//! in what runs afterwards, and unpacking hundreds of packages costs more than all of that.
//!
//! One archive and one record a key, below one folder. The newest few stay; what cannot be read is fetched again.

use super::Fetched;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trustmill_core::Sha256;

/// Archives that stay. Each has up to a few hundred megabytes; more releases than this are seldom under way.
const KEPT: usize = 4;

/// The folder of archives.
pub(in crate::npm) struct Kept {
    root: PathBuf,
}

impl Kept {
    /// Archives below `root`, which need not exist.
    pub(in crate::npm) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// What the fetch phase of this key gave, if it is still there and whole.
    pub(super) async fn get(&self, key: Sha256) -> Option<Fetched> {
        let record = tokio::fs::read(self.root.join(format!("{key}.json"))).await.ok()?;
        let mut fetched: Fetched = serde_json::from_slice(&record).ok()?;
        let archive = Bytes::from(tokio::fs::read(self.root.join(format!("{key}.tgz"))).await.ok()?);
        fetched.unpacked = (Sha256::of(&archive) == fetched.sha256).then_some(archive)?;
        Some(fetched)
    }

    /// Keeps what a fetch phase gave. Failing at it costs time later and nothing else, so nobody is told.
    pub(super) async fn put(&self, key: Sha256, fetched: &Fetched) {
        let Ok(record) = serde_json::to_vec(fetched) else { return };
        let (archive_path, record_path) =
            (self.root.join(format!("{key}.tgz")), self.root.join(format!("{key}.json")));
        if tokio::fs::create_dir_all(&self.root).await.is_err() {
            return;
        }
        // The digest in the record tells a whole archive from half of one.
        if tokio::fs::write(&archive_path, &fetched.unpacked).await.is_ok() {
            let _ = tokio::fs::write(&record_path, record).await;
        }
        let root = self.root.clone();
        let _ = tokio::task::spawn_blocking(move || forget_oldest(&root)).await;
    }
}

/// Removes all but the newest archives, and their records.
fn forget_oldest(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else { return };
    let mut archives: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    archives.sort();
    let surplus = archives.len().saturating_sub(KEPT);
    for (_, archive) in archives.into_iter().take(surplus) {
        // Best effort: what stays is found again next time.
        let _ = std::fs::remove_file(archive.with_extension("json"));
        let _ = std::fs::remove_file(archive);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(bytes: &'static [u8]) -> Fetched {
        Fetched {
            unpacked: Bytes::from_static(bytes),
            sha256: Sha256::of(bytes),
            requests: Vec::new(),
            install_scripts: Vec::new(),
            layers: Vec::new(),
            log: "a log".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_was_kept_comes_back_and_half_of_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("unpacked"));
        let key = Sha256::of(b"key");
        assert!(kept.get(key).await.is_none());
        kept.put(key, &fetched(b"an archive")).await;
        let again = kept.get(key).await.unwrap();
        assert_eq!((&again.unpacked[..], again.log.as_str()), (&b"an archive"[..], "a log"));
        std::fs::write(folder.path().join(format!("unpacked/{key}.tgz")), b"an arch").unwrap();
        assert!(kept.get(key).await.is_none());
    }

    #[tokio::test]
    async fn only_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().to_owned());
        for number in 0..=KEPT {
            kept.put(Sha256::of(&[u8::try_from(number).unwrap()]), &fetched(b"x")).await;
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2 * KEPT);
        assert!(kept.get(Sha256::of(&[u8::try_from(KEPT).unwrap()])).await.is_some());
    }
}
