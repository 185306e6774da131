//! Any number of clients of one cold thing cause one request.

use super::world::{INDEX, JSON, World, entry, file_url, instant, page};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use trustmill_core::port::gate::Open;
use trustmill_core::port::registry::Answer;
use trustmill_core::port::registry::{Registry, Request};
use trustmill_ecosystems::pypi::registry::{PypiRegistry, RegistryPorts};
use trustmill_ecosystems::pypi::upstream::{Upstream, index_url};
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords};

async fn at_once(world: &Arc<World>, path: &'static str) {
    let mut clients = JoinSet::new();
    for _ in 0..64 {
        let world = world.clone();
        clients.spawn(async move { world.ask(path, Some(JSON), None).await });
    }
    while let Some(answer) = clients.join_next().await {
        let answer = answer.unwrap();
        assert!(matches!(answer, Answer::Page(_) | Answer::File(_)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_cause_one_request_for_a_page_and_one_for_a_file() {
    let world = Arc::new(World::new());
    let bytes = vec![7; 1 << 20];
    world.list(&[entry("a-1.0.tar.gz", &bytes, "01-02")]);
    world.fetch.file(&file_url("a-1.0.tar.gz"), bytes);
    at_once(&world, "simple/a/").await;
    assert_eq!(world.asked(&format!("{INDEX}a/")), 1);
    at_once(&world, "files/a/a-1.0.tar.gz").await;
    assert_eq!(world.asked(&file_url("a-1.0.tar.gz")), 1);
    assert_eq!(world.fetch.asked().len(), 2);
}

/// An index whose pages are old as soon as they arrive, and whose files wait for a permit.
struct Gated {
    blobs: Arc<MemBlobs>,
    pages: AtomicUsize,
    files: AtomicUsize,
    gate: Semaphore,
}

#[async_trait]
impl Fetch for Gated {
    async fn page(&self, _: &str, _: &str, _: Option<&Validators>) -> Result<Page, FetchError> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let body = page(&[entry("a-1.0.tar.gz", b"x", "01-02")]).into();
        let (content_type, validators) = (JSON.to_owned(), Validators::default());
        Ok(Page::Fresh { body, content_type, validators, max_age: Some(Duration::ZERO) })
    }

    async fn file(
        &self,
        _: &str,
        _: Option<&trustmill_core::digest::Checksum>,
        _: u64,
    ) -> Result<(Sha256, u64), FetchError> {
        self.files.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        Ok((self.blobs.put("x".into()).await.unwrap(), 1))
    }
}

fn gated() -> (Arc<Gated>, Arc<Upstream>, Arc<PypiRegistry>) {
    let blobs = Arc::new(MemBlobs::new());
    let fetch = Arc::new(Gated {
        blobs: blobs.clone(),
        pages: AtomicUsize::new(0),
        files: AtomicUsize::new(0),
        gate: Semaphore::new(0),
    });
    let clock = Arc::new(ManualClock::new(instant("2026-01-01T00:00:00Z")));
    let index = index_url(INDEX, "test").unwrap();
    let upstream = Arc::new(Upstream::new(index, fetch.clone(), clock.clone()));
    let ports = RegistryPorts {
        records: Arc::new(MemRecords::new()),
        blobs,
        fetch: fetch.clone(),
        clock,
        gate: Arc::new(Open),
    };
    let registry = Arc::new(PypiRegistry::new(upstream.clone(), ports));
    (fetch, upstream, registry)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_for_a_page_takes_it_however_short_its_life() {
    let (fetch, upstream, _) = gated();
    let mut clients = JoinSet::new();
    for _ in 0..64 {
        let upstream = upstream.clone();
        clients.spawn(async move { upstream.listing("a").await.unwrap().page.files.len() });
    }
    assert!(clients.join_all().await.iter().all(|files| *files == 1));
    assert_eq!(fetch.pages.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_its_download_running() {
    let (fetch, _, registry) = gated();
    let ask = || Request { path: "files/a/a-1.0.tar.gz".into(), mount: "/pypi".into(), ..Request::default() };
    let impatient = {
        let registry = registry.clone();
        tokio::spawn(async move { registry.answer(&ask()).await })
    };
    while fetch.files.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    fetch.gate.add_permits(1);
    assert!(matches!(registry.answer(&ask()).await, Answer::File(_)));
    assert_eq!(fetch.files.load(Ordering::SeqCst), 1, "it came back and found the file");
}
