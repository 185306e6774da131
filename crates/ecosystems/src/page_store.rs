//! Where pages survive a restart, so that the first request afterwards is conditional, and an index that
//! is down at that moment is bridged. A cache: whatever goes wrong here is a miss.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::io::AsyncWriteExt as _;
use trustmill_core::port::fetch::Validators;
use trustmill_core::{Sha256, Timestamp};

/// Longest header line that is read.
const MAX_HEADER: usize = 16 << 10;

/// A page as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPage {
    /// The body, inflated.
    pub body: Bytes,
    /// `Content-Type` as it came.
    pub content_type: String,
    /// For the next request.
    pub validators: Validators,
    /// When the index last confirmed it.
    pub checked_at: Timestamp,
    /// Until when it needs no confirmation.
    pub fresh_until: Timestamp,
}

/// A place for pages by URL. Losing one costs a request, never more.
#[async_trait]
pub trait PageStore: Send + Sync {
    /// The page that was kept for `url`, if it is there and whole.
    async fn load(&self, url: &str) -> Option<StoredPage>;

    /// Keeps a page.
    async fn save(&self, url: &str, page: &StoredPage);
}

/// One file per page in a folder.
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
}

/// The first line of the file; the body follows.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    url: Sha256,
    body: Sha256,
    content_type: String,
    validators: Validators,
    checked_at: Timestamp,
    fresh_until: Timestamp,
}

/// The version of [`Header`].
const FORMAT: u32 = 1;

impl FolderStore {
    /// A store in `folder`, which is made when the first page is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file name is a digest: URLs are foreign text, and may carry credentials.
    fn path(&self, url: &str) -> PathBuf {
        self.folder.join(Sha256::of(url.as_bytes()).to_hex())
    }

    async fn write(&self, url: &str, page: &StoredPage) -> std::io::Result<()> {
        let header = Header {
            format: FORMAT,
            url: Sha256::of(url.as_bytes()),
            body: Sha256::of(&page.body),
            content_type: page.content_type.clone(),
            validators: page.validators.clone(),
            checked_at: page.checked_at,
            fresh_until: page.fresh_until,
        };
        let mut header = serde_json::to_vec(&header)?;
        header.push(b'\n');
        let path = self.path(url);
        // Whoever reads while this writes sees the old page or the new one.
        let temporary = path.with_extension(format!("{}.part", std::process::id()));
        tokio::fs::create_dir_all(&self.folder).await?;
        let mut file = tokio::fs::File::create(&temporary).await?;
        file.write_all(&header).await?;
        file.write_all(&page.body).await?;
        file.flush().await?;
        tokio::fs::rename(&temporary, &path).await
    }
}

#[async_trait]
impl PageStore for FolderStore {
    async fn load(&self, url: &str) -> Option<StoredPage> {
        let file = Bytes::from(tokio::fs::read(self.path(url)).await.ok()?);
        let end = file.iter().take(MAX_HEADER).position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(file.get(..end)?).ok()?;
        let body = file.slice(end + 1..);
        let whole = header.format == FORMAT
            && header.url == Sha256::of(url.as_bytes())
            && header.body == Sha256::of(&body);
        whole.then_some(StoredPage {
            body,
            content_type: header.content_type,
            validators: header.validators,
            checked_at: header.checked_at,
            fresh_until: header.fresh_until,
        })
    }

    async fn save(&self, url: &str, page: &StoredPage) {
        if let Err(error) = self.write(url, page).await {
            tracing::warn!(folder = %self.folder.display(), %error, "an index page could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path().join("pages"));
        let url = "http://user:secret@index.invalid/simple/a/";
        assert_eq!(store.load(url).await, None);
        let page = StoredPage {
            body: Bytes::from_static(b"{\n}"),
            content_type: "text/html".into(),
            validators: Validators { etag: Some("\"1\"".into()), last_modified: None },
            checked_at: Timestamp::UNIX_EPOCH,
            fresh_until: Timestamp::UNIX_EPOCH,
        };
        store.save(url, &page).await;
        assert_eq!(store.load(url).await.as_ref(), Some(&page));
        let written = std::fs::read(store.path(url)).unwrap();
        assert!(!String::from_utf8_lossy(&written).contains("secret"));
        for broken in [&written[..written.len() - 1], &b"\n{}"[..], &b""[..]] {
            std::fs::write(store.path(url), broken).unwrap();
            assert_eq!(store.load(url).await, None);
        }
    }
}
