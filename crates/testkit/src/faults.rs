//! Storage that fails on purpose: each write, before it landed or after.
//!
//! A test runs its scenario once with [`Faults::none`] to count the writes, then once per write and
//! [`When`], and checks that the world is whole each time.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::queue::{Enqueue, KeyInfo, Lease, Queue, QueueError, Release};
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::{Purl, Sha256};

/// Which side of the write the failure is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The write did not happen.
    Before,
    /// The write happened, and the caller is told that it failed.
    After,
}

/// One plan for any number of wrapped stores: their writes are counted together.
#[derive(Debug, Clone)]
pub struct Faults {
    writes: Arc<AtomicU64>,
    fail: Option<(u64, When)>,
}

impl Faults {
    /// Nothing fails; writes are counted.
    pub fn none() -> Self {
        Self { writes: Arc::default(), fail: None }
    }

    /// The write with this number, from 0, fails, and no other.
    pub fn nth(number: u64, when: When) -> Self {
        Self { writes: Arc::default(), fail: Some((number, when)) }
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Whether the planned failure has happened.
    pub fn fired(&self) -> bool {
        self.fail.is_some_and(|(number, _)| self.writes() > number)
    }

    async fn apply<T, E>(
        &self,
        write: impl Future<Output = Result<T, E>>,
        error: impl Fn() -> E,
    ) -> Result<T, E> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        match self.fail {
            Some((at, When::Before)) if at == number => Err(error()),
            Some((at, When::After)) if at == number => {
                write.await?;
                Err(error())
            }
            _ => write.await,
        }
    }
}

/// A store that follows a plan of failures.
pub struct Faulty<T: ?Sized> {
    faults: Faults,
    inner: Arc<T>,
}

impl<T: ?Sized> Faulty<T> {
    /// `inner`, but for what `faults` plans.
    pub const fn new(inner: Arc<T>, faults: Faults) -> Self {
        Self { faults, inner }
    }
}

fn injected() -> io::Error {
    io::Error::other("injected by the test")
}

fn blob_error() -> BlobError {
    BlobError::Io { what: "the blob store failed".into(), source: injected() }
}

fn queue_error() -> QueueError {
    QueueError::Storage { what: "written", source: Box::new(injected()) }
}

fn records_error() -> RecordsError {
    RecordsError::Storage { what: "written", source: Box::new(injected()) }
}

#[async_trait]
impl<T: Blobs + ?Sized> Blobs for Faulty<T> {
    async fn put(&self, bytes: Bytes) -> Result<Sha256, BlobError> {
        self.faults.apply(self.inner.put(bytes), blob_error).await
    }

    async fn get(&self, digest: &Sha256) -> Result<Option<Bytes>, BlobError> {
        self.inner.get(digest).await
    }

    async fn size(&self, digest: &Sha256) -> Result<Option<u64>, BlobError> {
        self.inner.size(digest).await
    }

    async fn read(&self, digest: &Sha256, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        self.inner.read(digest, range).await
    }
}

#[async_trait]
impl<T: Records + ?Sized> Records for Faulty<T> {
    async fn append(&self, facts: &[Fact]) -> Result<(), RecordsError> {
        self.faults.apply(self.inner.append(facts), records_error).await
    }

    async fn facts(&self, about: &Purl, kind: Option<&str>) -> Result<Vec<Fact>, RecordsError> {
        self.inner.facts(about, kind).await
    }

    async fn of_kind(&self, kind: &str, after: u64) -> Result<Vec<(u64, Fact)>, RecordsError> {
        self.inner.of_kind(kind, after).await
    }

    fn revision(&self, project: &Purl) -> u64 {
        self.inner.revision(project)
    }

    async fn lock(
        &self,
        ty: &str,
        filename: &str,
        digest: &Sha256,
        at: Timestamp,
    ) -> Result<FirstSeen, RecordsError> {
        self.faults.apply(self.inner.lock(ty, filename, digest, at), records_error).await
    }

    async fn locked(&self, ty: &str, filename: &str) -> Result<Option<Sha256>, RecordsError> {
        self.inner.locked(ty, filename).await
    }

    async fn watch(&self, purl: &Purl, at: Timestamp) -> Result<bool, RecordsError> {
        self.faults.apply(self.inner.watch(purl, at), records_error).await
    }

    async fn unwatch(&self, purl: &Purl) -> Result<bool, RecordsError> {
        self.faults.apply(self.inner.unwatch(purl), records_error).await
    }

    async fn watched(&self) -> Result<Vec<(Purl, Timestamp)>, RecordsError> {
        self.inner.watched().await
    }
}

#[async_trait]
impl<T: Queue + ?Sized> Queue for Faulty<T> {
    async fn enqueue(&self, requests: &[Enqueue]) -> Result<(), QueueError> {
        self.faults.apply(self.inner.enqueue(requests), queue_error).await
    }

    async fn lease(
        &self,
        owner: &str,
        limit: usize,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        self.faults.apply(self.inner.lease(owner, limit, now, ttl), queue_error).await
    }

    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<(), QueueError> {
        self.faults.apply(self.inner.heartbeat(lease, until), queue_error).await
    }

    async fn release(
        &self,
        lease: &Lease,
        how: Release,
        children: &[Enqueue],
        now: Timestamp,
    ) -> Result<(), QueueError> {
        self.faults.apply(self.inner.release(lease, how, children, now), queue_error).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, QueueError> {
        self.inner.next_due().await
    }

    async fn enumerate(&self) -> Result<Vec<KeyInfo>, QueueError> {
        self.inner.enumerate().await
    }
}
