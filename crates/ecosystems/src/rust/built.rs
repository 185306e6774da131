//! What crates compile to, kept for the runs that need the same: one file for each set, of which the last few stay.

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trustmill_core::Sha256;
use trustmill_core::port::sandbox::{InputFile, OutputFile};

/// Sets that are kept: a repair needs two.
const MOST: usize = 4;

/// Where cargo puts what it makes, inside.
pub(crate) const TARGET: &str = "/build/target";

/// A file of a set; its bytes follow those of the one before.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    mode: u32,
    length: usize,
}

/// The files of a set, as a job gets them; `None` where it is not kept.
pub(super) async fn get(folder: &Path, key: Sha256) -> Option<Vec<InputFile>> {
    let path = folder.join(key.to_hex());
    let at = tokio::fs::metadata(&path).await.and_then(|kept| kept.modified()).ok()?;
    let mtime = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs().try_into().ok()?;
    let mut bytes = Bytes::from(tokio::fs::read(&path).await.ok()?);
    let head = bytes.iter().position(|byte| *byte == b'\n')?;
    let entries: Vec<Entry> = serde_json::from_slice(&bytes.split_to(head)).ok()?;
    bytes.advance(1);
    let each = entries.into_iter().map(|Entry { path, mode, length }| {
        let bytes = (length <= bytes.len()).then(|| bytes.split_to(length))?;
        // All of one age: cargo makes anew what is older than what it was made of.
        Some(InputFile { path: format!("{TARGET}/{path}"), bytes, mode, mtime: Some(mtime) })
    });
    each.collect()
}

/// Keeps a set, and lets the oldest go.
pub(super) async fn put(folder: PathBuf, key: Sha256, files: Vec<OutputFile>) -> io::Result<()> {
    let write = move || {
        let entry = |file: &OutputFile| Entry {
            path: file.path.clone(),
            mode: file.mode & 0o755,
            length: file.bytes.len(),
        };
        let mut all = serde_json::to_vec(&files.iter().map(entry).collect::<Vec<_>>())?;
        all.push(b'\n');
        for file in files {
            all.extend_from_slice(&file.bytes);
        }
        std::fs::create_dir_all(&folder)?;
        let part = folder.join(format!("{key}.part"));
        std::fs::write(&part, all)?;
        std::fs::rename(&part, folder.join(key.to_hex()))?;
        let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
        kept.sort();
        let old = kept.len().saturating_sub(MOST);
        kept.into_iter().take(old).try_for_each(|(_, path)| std::fs::remove_file(path))
    };
    tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_set_comes_back_as_it_was_and_few_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &'static str, mode| OutputFile {
            path: path.to_owned(),
            bytes: Bytes::from_static(text.as_bytes()),
            mode,
        };
        let key = |n: usize| Sha256::of(n.to_string().as_bytes());
        for n in 0..=MOST {
            let files = vec![file("debug/deps/a", "a\nb", 0o755), file("debug/deps/b", "", 0o644)];
            put(folder.path().to_owned(), key(n), files).await.unwrap();
        }
        let back = get(folder.path(), key(MOST)).await.unwrap();
        let shown: Vec<_> =
            back.iter().map(|file| (file.path.as_str(), file.bytes.as_ref(), file.mode)).collect();
        assert_eq!(
            shown,
            [
                ("/build/target/debug/deps/a", b"a\nb".as_slice(), 0o755),
                ("/build/target/debug/deps/b", b"".as_slice(), 0o644)
            ]
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), MOST);
        std::fs::write(folder.path().join(key(MOST).to_hex()), "[").unwrap();
        assert!(get(folder.path(), key(MOST)).await.is_none());
    }
}
