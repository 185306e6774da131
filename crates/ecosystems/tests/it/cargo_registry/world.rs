//! A mill with one sparse index above it, all in memory.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{Answer, Refusal, Registry, RenderedPage, Request};
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Sha256};
use trustmill_ecosystems::cargo::registry::{CargoRegistry, RegistryOptions, RegistryPorts};
use trustmill_ecosystems::cargo::upstream::{Upstream, index_url};
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

pub(super) const INDEX: &str = "http://index.invalid/";

pub(super) struct World {
    clock: Arc<ManualClock>,
    blobs: Arc<MemBlobs>,
    records: Arc<MemRecords>,
    pub(super) fetch: Arc<ScriptedFetch>,
    pub(super) gate: Arc<ScriptedGate>,
    pub(super) registry: Arc<CargoRegistry>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::over(RegistryOptions::default())
    }

    fn over(options: RegistryOptions) -> Self {
        let blobs = Arc::new(MemBlobs::new());
        let records = Arc::new(MemRecords::new());
        let fetch = Arc::new(ScriptedFetch::new(blobs.clone()));
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let upstream = Upstream::new(index_url(INDEX, "test").unwrap(), fetch.clone(), clock.clone());
        let gate = Arc::new(ScriptedGate::new());
        let ports = RegistryPorts {
            records: records.clone(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock: clock.clone(),
            gate: gate.clone(),
        };
        fetch.page(&format!("{INDEX}config.json"), "", r#"{"dl":"http://files.invalid/dl"}"#);
        let registry = Arc::new(CargoRegistry::with_options(Arc::new(upstream), ports, options));
        Self { clock, blobs, records, fetch, gate, registry }
    }

    /// What the index lists for crate `a`, from now on; the body.
    pub(super) fn list(&self, lines: &[String]) -> String {
        let body = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let url = format!("{INDEX}1/a");
        self.fetch.clear(&url).page(&url, "text/plain", body.clone());
        body
    }

    pub(super) fn fail_index(&self, error: impl Fn(String) -> FetchError) {
        let url = format!("{INDEX}1/a");
        self.fetch.clear(&url).fail(&url, error(url.clone()));
    }

    pub(super) fn request(path: &str) -> Request {
        Request { path: path.to_owned(), mount: "/cargo".to_owned(), ..Request::default() }
    }

    pub(super) async fn ask(&self, path: &str, as_of: Option<&str>) -> Answer {
        let as_of = as_of.map(|instant| instant.parse().unwrap());
        self.registry.answer(&Request { as_of, ..Self::request(path) }).await
    }

    pub(super) async fn page(&self, path: &str) -> Arc<RenderedPage> {
        match self.ask(path, None).await {
            Answer::Page(page) => page,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn index(&self, as_of: Option<&str>) -> String {
        match self.ask("1/a", as_of).await {
            Answer::Page(page) => String::from_utf8(page.body.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn refused(&self, path: &str) -> Refusal {
        match self.ask(path, None).await {
            Answer::Refused(refusal) => refusal,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn store(&self, bytes: &'static [u8]) -> Sha256 {
        self.blobs.put(Bytes::from_static(bytes)).await.unwrap()
    }

    pub(super) async fn locked(&self, filename: &str) -> Option<Sha256> {
        self.records.locked("cargo", filename).await.unwrap()
    }

    pub(super) async fn shelve(&self, filename: &str, shelf: Shelf) {
        self.fact(filename, serde_json::to_value(shelf).unwrap()).await;
    }

    pub(super) async fn fact(&self, filename: &str, body: serde_json::Value) {
        let fact = Fact {
            format: Fact::FORMAT,
            about: Purl::release("cargo", "a", "1.0.0"),
            kind: Shelf::KIND.into(),
            subject: Some(filename.to_owned()),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            body,
        };
        self.records.append(&[fact]).await.unwrap();
    }

    pub(super) async fn alarms(&self) -> Vec<Fact> {
        self.records.facts(&Purl::project("cargo", "a"), Some("alarm")).await.unwrap()
    }

    /// How often a URL was asked for.
    pub(super) fn asked(&self, url: &str) -> usize {
        self.fetch.asked().iter().filter(|asked| *asked == url).count()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) fn file_url(version: &str) -> String {
    format!("http://files.invalid/dl/a/{version}/download")
}

/// A line of the index for `bytes`, published on a day.
pub(super) fn line(version: &str, bytes: &[u8], day: &str) -> String {
    let sum = Sha256::of(bytes);
    format!(
        r#"{{"name":"a","vers":"{version}","deps":[],"cksum":"{sum}","features":{{}},"yanked":false,"v":2,"pubtime":"{day}T00:00:00Z"}}"#
    )
}
