//! A mill with one index above it, all in memory.

use bytes::Bytes;
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{Answer, FileAnswer, Refusal, Registry, RenderedPage, Request};
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_ecosystems::pypi::registry::{PypiRegistry, RegistryPorts};
use trustmill_ecosystems::pypi::upstream::{Upstream, index_url};
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

pub(super) const JSON: &str = "application/vnd.pypi.simple.v1+json";
pub(super) const INDEX: &str = "http://index.invalid/simple/";

pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) blobs: Arc<MemBlobs>,
    pub(super) records: Arc<MemRecords>,
    pub(super) fetch: Arc<ScriptedFetch>,
    pub(super) gate: Arc<ScriptedGate>,
    pub(super) registry: Arc<PypiRegistry>,
}

impl World {
    pub(super) fn new() -> Self {
        let blobs = Arc::new(MemBlobs::new());
        let fetch = Arc::new(ScriptedFetch::new(blobs.clone()));
        Self::over(fetch, blobs, Arc::new(MemRecords::new()))
    }

    /// A mill that starts with what another left.
    pub(super) fn over(fetch: Arc<ScriptedFetch>, blobs: Arc<MemBlobs>, records: Arc<MemRecords>) -> Self {
        let clock = Arc::new(ManualClock::new(instant("2026-01-01T00:00:00Z")));
        let upstream = Upstream::new(index_url(INDEX, "test").unwrap(), fetch.clone(), clock.clone());
        let gate = Arc::new(ScriptedGate::new());
        let ports = RegistryPorts {
            records: records.clone(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock: clock.clone(),
            gate: gate.clone(),
        };
        let registry = Arc::new(PypiRegistry::new(Arc::new(upstream), ports));
        Self { clock, blobs, records, fetch, gate, registry }
    }

    /// What the index lists for project `a`, from now on.
    pub(super) fn list(&self, files: &[Value]) {
        let url = format!("{INDEX}a/");
        self.fetch.clear(&url).page(&url, JSON, page(files));
    }

    pub(super) async fn ask(&self, path: &str, accept: Option<&str>, as_of: Option<&str>) -> Answer {
        let request = Request {
            path: path.to_owned(),
            accept: accept.map(str::to_owned),
            as_of: as_of.map(instant),
            mount: "/pypi".to_owned(),
            ..Request::default()
        };
        self.registry.answer(&request).await
    }

    pub(super) async fn page(&self, path: &str, accept: &str) -> Arc<RenderedPage> {
        match self.ask(path, Some(accept), None).await {
            Answer::Page(page) => page,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn json(&self, as_of: Option<&str>) -> Value {
        match self.ask("simple/a/", Some(JSON), as_of).await {
            Answer::Page(page) => serde_json::from_slice(&page.body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn html(&self) -> String {
        String::from_utf8(self.page("simple/a/", "text/html").await.body.to_vec()).unwrap()
    }

    pub(super) async fn file(&self, path: &str) -> FileAnswer {
        match self.ask(path, None, None).await {
            Answer::File(file) => file,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn refused(&self, path: &str) -> Refusal {
        match self.ask(path, None, None).await {
            Answer::Refused(refusal) => refusal,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn shelve(&self, filename: &str, shelf: Shelf) {
        self.fact(filename, Shelf::KIND, serde_json::to_value(shelf).unwrap()).await;
    }

    pub(super) async fn fact(&self, filename: &str, kind: &str, body: Value) {
        let fact = Fact {
            format: Fact::FORMAT,
            about: Purl::release("pypi", "a", "1.0"),
            kind: kind.to_owned(),
            subject: Some(filename.to_owned()),
            at: instant("2026-01-01T00:00:00Z"),
            body,
        };
        self.records.append(&[fact]).await.unwrap();
    }

    pub(super) async fn alarms(&self) -> Vec<Fact> {
        self.records.facts(&Purl::project("pypi", "a"), Some("alarm")).await.unwrap()
    }

    /// How often a URL was asked for.
    pub(super) fn asked(&self, url: &str) -> usize {
        self.fetch.asked().iter().filter(|asked| *asked == url).count()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn page(files: &[Value]) -> String {
    let versions: Vec<&str> = vec!["1.0", "2.0"];
    json!({"meta": {"api-version": "1.4"}, "name": "a", "versions": versions, "files": files}).to_string()
}

pub(super) fn file_url(name: &str) -> String {
    format!("http://files.invalid/x/{name}")
}

/// An entry of the index for `bytes`, uploaded on a day of 2024.
pub(super) fn entry(name: &str, bytes: &[u8], day: &str) -> Value {
    json!({
        "filename": name, "url": file_url(name), "hashes": {"sha256": Sha256::of(bytes)},
        "size": bytes.len(), "upload-time": format!("2024-{day}T00:00:00.000000Z"), "yanked": false,
    })
}

/// A wheel of `a` with this metadata.
pub(super) fn wheel(metadata: &str) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [("a/__init__.py", "x = 1\n"), ("a-1.0.dist-info/METADATA", metadata)] {
        writer.start_file(name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    Bytes::from(writer.finish().unwrap().into_inner())
}
