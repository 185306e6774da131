//! A mill with one registry above it, all in memory.

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::digest::{Checksum, ChecksumHasher};
use trustmill_core::fact::Fact;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{
    Answer, FileAnswer, Refusal, Registry, RenderedPage, Request, StatusAnswer,
};
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_core::{Purl, Timestamp};
use trustmill_ecosystems::npm::registry::{NpmRegistry, RegistryPorts};
use trustmill_ecosystems::npm::upstream::{Registries, Upstream, registry_url};
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

pub(super) const REGISTRY: &str = "http://registry.invalid/npm/";
pub(super) const SHORT: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) blobs: Arc<MemBlobs>,
    pub(super) records: Arc<MemRecords>,
    pub(super) fetch: Arc<ScriptedFetch>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) gate: Arc<ScriptedGate>,
    pub(super) registry: Arc<NpmRegistry>,
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
        let (url, _) = registry_url(REGISTRY, "test").unwrap();
        let upstream = Arc::new(Upstream::new(Registries::one(url), fetch.clone(), clock.clone()));
        let gate = Arc::new(ScriptedGate::new());
        let ports = RegistryPorts {
            records: records.clone(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock: clock.clone(),
            gate: gate.clone(),
        };
        let registry = Arc::new(NpmRegistry::new(upstream.clone(), ports));
        Self { clock, blobs, records, fetch, upstream, gate, registry }
    }

    /// What the registry says of package `a`, from now on.
    pub(super) fn list(&self, versions: &[Value], latest: &str) {
        self.say(packument("a", versions, json!({"latest": latest})).to_string());
    }

    pub(super) fn say(&self, body: impl Into<Bytes>) {
        let url = format!("{REGISTRY}a");
        self.fetch.clear(&url).page(&url, "application/json", body);
    }

    pub(super) async fn ask(&self, path: &str, accept: Option<&str>, as_of: Option<&str>) -> Answer {
        self.registry.answer(&request(path, accept, as_of)).await
    }

    pub(super) async fn page(&self, path: &str, accept: &str) -> Arc<RenderedPage> {
        match self.ask(path, Some(accept), None).await {
            Answer::Page(page) => page,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn json(&self, path: &str, accept: Option<&str>, as_of: Option<&str>) -> Value {
        match self.ask(path, accept, as_of).await {
            Answer::Page(page) => serde_json::from_slice(&page.body).unwrap(),
            Answer::Status(StatusAnswer { status: 200, body, .. }) => serde_json::from_slice(&body).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    pub(super) async fn status(&self, path: &str) -> u16 {
        match self.ask(path, None, None).await {
            Answer::Status(answer) => answer.status,
            other => panic!("{path}: {other:?}"),
        }
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

    pub(super) async fn refuse(&self, version: &str, reason: &str) {
        let refuse = ShelfRefusal { code: "TM0703".into(), reason: reason.into() };
        self.shelve(version, Shelf { refuse: Some(refuse), ..Shelf::new() }).await;
    }

    pub(super) async fn shelve(&self, version: &str, shelf: Shelf) {
        self.fact(version, serde_json::to_value(shelf).unwrap()).await;
    }

    pub(super) async fn fact(&self, version: &str, body: Value) {
        let fact = Fact {
            format: Fact::FORMAT,
            about: Purl::release("npm", "a", version),
            kind: Shelf::KIND.to_owned(),
            subject: Some(format!("a-{version}.tgz")),
            at: instant("2026-01-01T00:00:00Z"),
            body,
        };
        self.records.append(&[fact]).await.unwrap();
    }

    pub(super) async fn alarms(&self) -> Vec<Fact> {
        self.records.facts(&Purl::project("npm", "a"), Some("alarm")).await.unwrap()
    }

    /// How often a URL was asked for.
    pub(super) fn asked(&self, url: &str) -> usize {
        self.fetch.asked().iter().filter(|asked| *asked == url).count()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) fn request(path: &str, accept: Option<&str>, as_of: Option<&str>) -> Request {
    let mount = as_of.map_or("/npm".to_owned(), |instant| format!("/npm/@{instant}"));
    Request {
        path: path.to_owned(),
        accept: accept.map(str::to_owned),
        as_of: as_of.map(instant),
        mount,
        origin: Some("http://mill.test".to_owned()),
        ..Request::default()
    }
}

pub(super) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a registry says of a package whose versions were published one a month, the first in January 2024.
pub(super) fn packument(name: &str, versions: &[Value], tags: Value) -> Value {
    let mut time = json!({"created": "2024-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z"});
    let mut by_version = json!({});
    for (at, manifest) in versions.iter().enumerate() {
        let version = manifest["version"].as_str().unwrap();
        time[version] = json!(format!("2024-{:02}-01T12:00:00.000Z", at + 1));
        by_version[version] = manifest.clone();
    }
    json!({
        "_id": name, "_rev": "1-x", "name": name, "description": "words", "dist-tags": tags,
        "versions": by_version, "time": time, "readme": "# a",
    })
}

/// A version of `a` whose file has these bytes.
pub(super) fn version(version: &str, bytes: &[u8]) -> Value {
    json!({
        "name": "a", "version": version, "description": "words", "scripts": {"test": "x"},
        "dependencies": {"b": "^1.0.0"},
        "dist": {
            "integrity": integrity(bytes), "shasum": "0".repeat(40), "fileCount": 3,
            "tarball": file_url(version), "signatures": [{"keyid": "k", "sig": "s"}],
        },
    })
}

pub(super) fn file_url(version: &str) -> String {
    format!("{REGISTRY}a/-/a-{version}.tgz")
}

pub(super) fn checksum(algorithm: &str, bytes: &[u8]) -> Checksum {
    let length = if algorithm == "sha1" { 20 } else { 64 };
    let like = Checksum::new(algorithm, &vec![0; length]).unwrap();
    let mut hasher = ChecksumHasher::like(Some(&like));
    hasher.update(bytes);
    hasher.finish().1
}

pub(super) fn integrity(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("sha512-{}", base64::prelude::BASE64_STANDARD.encode(checksum("sha512", bytes).as_bytes()))
}
