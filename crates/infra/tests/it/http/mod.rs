//! The HTTP client against a server that misbehaves.

mod files;
mod pages;
mod trust;

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use trustmill_infra::store::FsBlobs;
use trustmill_infra::{FetchConfig, HttpFetch};
use trustmill_testkit::server::{Reply, Server};

const LIMIT: u64 = 64 << 20;

struct World {
    server: Server,
    blobs: FsBlobs,
    fetch: HttpFetch,
    root: TempDir,
}

/// Short waits between tries; time-outs that no busy machine reaches.
fn quick() -> FetchConfig {
    FetchConfig {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
        tries: 3,
        page_limit: 1 << 20,
        ..FetchConfig::default()
    }
}

/// Short time-outs as well, so that what must end does so within a test.
fn impatient() -> FetchConfig {
    FetchConfig {
        response_timeout: Duration::from_millis(500),
        page_timeout: Duration::from_secs(1),
        slow_window: Duration::from_secs(1),
        ..quick()
    }
}

async fn world_with(config: FetchConfig) -> World {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let fetch = HttpFetch::new(config, blobs.clone()).unwrap();
    World { server: Server::start().await, blobs, fetch, root }
}

async fn world() -> World {
    world_with(quick()).await
}

impl World {
    async fn page(&self, path: &str) -> Result<Page, FetchError> {
        self.fetch.page(&self.server.url(path), "application/json", None).await
    }

    async fn file(&self, path: &str, expected: Option<&Sha256>) -> Result<(Sha256, u64), FetchError> {
        let expected = expected.map(|digest| Checksum::from(*digest));
        self.fetch.file(&self.server.url(path), expected.as_ref(), LIMIT).await
    }

    fn asked(&self) -> usize {
        self.server.received().len()
    }

    /// Files that were begun and neither published nor removed.
    fn strays(&self) -> usize {
        std::fs::read_dir(self.root.path().join("incoming")).unwrap().count()
    }
}

fn content(len: u32) -> Bytes {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn body(page: Page) -> Bytes {
    match page {
        Page::Fresh { body, .. } => body,
        Page::NotModified { .. } => panic!("nothing was known"),
    }
}
