//! How the tests of a release are run, once that was found out: kept, so that every later run is comparable, in this
//! process and in the next.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::PathBuf;
use tokio::sync::Mutex;
use trustmill_core::{Purl, Sha256};

/// What was found out, by release.
#[derive(Debug)]
pub(crate) struct Settlements<T> {
    known: Mutex<HashMap<Sha256, T>>,
    /// Where it is kept; `None` keeps it for this process alone.
    folder: Option<PathBuf>,
}

impl<T: Clone + Serialize + DeserializeOwned> Settlements<T> {
    /// Kept below `folder`, which need not exist.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { known: Mutex::default(), folder }
    }

    /// How a release's tests are run, where that is known.
    pub(crate) async fn get(&self, release: &Purl) -> Option<T> {
        let key = key(release);
        if let Some(known) = self.known.lock().await.get(&key) {
            return Some(known.clone());
        }
        let path = self.folder.as_ref()?.join(format!("{key}.json"));
        serde_json::from_slice(&tokio::fs::read(path).await.ok()?).ok()
    }

    /// Keeps it. What cannot be kept is found out again.
    pub(crate) async fn put(&self, release: &Purl, settled: T) {
        let key = key(release);
        if let Some(folder) = &self.folder {
            let write = async {
                tokio::fs::create_dir_all(folder).await?;
                let part = folder.join(format!("{key}.part"));
                tokio::fs::write(&part, serde_json::to_vec(&settled)?).await?;
                tokio::fs::rename(part, folder.join(format!("{key}.json"))).await
            };
            if let Err(error) = write.await {
                tracing::warn!(%error, "how a release's tests are run could not be kept");
            }
        }
        self.known.lock().await.insert(key, settled);
    }
}

fn key(release: &Purl) -> Sha256 {
    Sha256::of(release.to_string().as_bytes())
}
