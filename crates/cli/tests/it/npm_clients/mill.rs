//! A mill inside the test: its registry, its server, and whatever is above it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::Effect;
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_core::{Purl, Timestamp};
use trustmill_ecosystems::npm::registry::{NpmRegistry, RegistryPorts};
use trustmill_ecosystems::npm::upstream::{
    FolderStore, PageOptions, PageStore, Registries, Upstream, discover, registry_url,
};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use trustmill_serve::{Drained, Options, Server, ServerLimits, router};
use trustmill_testkit::gate::decision;
use trustmill_testkit::{MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

/// A running mill; its task ends with the test.
pub(super) struct Mill {
    addr: SocketAddr,
    records: Arc<dyn Records>,
    /// What it decides.
    pub(super) gate: Arc<ScriptedGate>,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<Drained>,
    _folder: Option<tempfile::TempDir>,
}

impl Mill {
    /// A mill over the registry that this machine's own npm is configured for.
    pub(super) async fn over_the_real_registry() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path().join("data")).unwrap();
        let found = discover(std::env::vars(), |path| std::fs::read_to_string(path).ok()).unwrap();
        let fetch = Arc::new(HttpFetch::new(FetchConfig::default(), data.blobs()).unwrap());
        let store: Arc<dyn PageStore> = Arc::new(FolderStore::new(folder.path().join("pages")));
        let (records, blobs) = (data.records(), Arc::new(data.blobs()));
        Self::start(found.registries, fetch, Some(store), records, blobs, Some(folder)).await
    }

    /// A mill over a registry with `tm-demo` 1.0.0 and 1.1.0, `@tm/demo` 1.0.0, and `tm-two` 1.0.0, 1.1.0 and 2.0.0.
    pub(super) async fn over_a_demo() -> Self {
        let (blobs, records) = (Arc::new(MemBlobs::new()), Arc::new(MemRecords::new()));
        let fetch = ScriptedFetch::new(blobs.clone());
        for (name, versions) in [
            ("tm-demo", &["1.0.0", "1.1.0"][..]),
            ("@tm/demo", &["1.0.0"]),
            ("tm-two", &["1.0.0", "1.1.0", "2.0.0"]),
        ] {
            let url = format!("http://registry.invalid/{}", name.replace('/', "%2F"));
            fetch.page(&url, "application/json", packument(name, versions).to_string());
            for version in versions {
                fetch.file(&tarball_url(name, version), tarball(name, version));
            }
        }
        let registries = Registries::one(registry_url("http://registry.invalid", "test").unwrap().0);
        Self::start(registries, Arc::new(fetch), None, records, blobs, None).await
    }

    async fn start(
        registries: Registries,
        fetch: Arc<dyn Fetch>,
        store: Option<Arc<dyn PageStore>>,
        records: Arc<dyn Records>,
        blobs: Arc<dyn Blobs>,
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = PageOptions::default();
        let upstream = Upstream::with_options(registries, fetch.clone(), clock.clone(), store, options);
        let gate = Arc::new(ScriptedGate::new());
        let ports = RegistryPorts {
            records: records.clone(),
            blobs: blobs.clone(),
            fetch,
            clock,
            gate: gate.clone(),
        };
        let registry = Arc::new(NpmRegistry::new(Arc::new(upstream), ports));
        let app = router(vec![registry], blobs, Options::default());
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
        let (addr, (stop, stopped)) = (server.addr(), oneshot::channel::<()>());
        let task = tokio::spawn(async move { server.run(app, async move { drop(stopped.await) }).await });
        Self { addr, records, gate, _stop: stop, _task: task, _folder: folder }
    }

    /// The registry's address, or that of a view of the past.
    pub(super) fn registry(&self, view: &str) -> String {
        format!("http://{}/npm/{view}", self.addr)
    }

    /// Holds a release, as a cooldown does.
    pub(super) fn hold(&self, name: &str, version: &str, reason: &str) {
        self.gate.decide(Purl::release("npm", name, version), decision(Effect::Hold, "TM0902", reason));
    }

    /// Refuses a release's file.
    pub(super) async fn refuse(&self, name: &str, version: &str, reason: &str) {
        let refuse = ShelfRefusal { code: "TM0703".into(), reason: reason.into() };
        let fact = Fact {
            format: Fact::FORMAT,
            about: Purl::release("npm", name, version),
            kind: Shelf::KIND.into(),
            subject: Some(trustmill_ecosystems::npm::names::filename(name, version)),
            at: Timestamp::UNIX_EPOCH,
            body: serde_json::to_value(Shelf { refuse: Some(refuse), ..Shelf::new() }).unwrap(),
        };
        self.records.append(&[fact]).await.unwrap();
    }
}

fn tarball_url(name: &str, version: &str) -> String {
    let file = trustmill_ecosystems::npm::names::tarball(name, version);
    format!("http://registry.invalid/{name}/-/{file}")
}

fn packument(name: &str, versions: &[&str]) -> serde_json::Value {
    let mut page = serde_json::json!({"name": name, "versions": {}, "time": {}});
    for (month, version) in versions.iter().enumerate() {
        let bytes = tarball(name, version);
        page["dist-tags"] = serde_json::json!({"latest": version});
        page["time"][version] = format!("2024-0{}-01T00:00:00.000Z", month + 1).into();
        page["versions"][version] = serde_json::json!({"name": name, "version": version, "dist": {
            "tarball": tarball_url(name, version), "integrity": integrity(&bytes)}});
    }
    page
}

fn integrity(bytes: &[u8]) -> String {
    use base64::Engine as _;
    use trustmill_core::digest::{Checksum, ChecksumHasher};
    let mut hasher = ChecksumHasher::like(Checksum::new("sha512", &[0; 64]).as_ref());
    hasher.update(bytes);
    format!("sha512-{}", base64::prelude::BASE64_STANDARD.encode(hasher.finish().1.as_bytes()))
}

/// One tar header and one file, packed.
fn tarball(name: &str, version: &str) -> Vec<u8> {
    let manifest = serde_json::json!({"name": name, "version": version}).to_string();
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "package/package.json");
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", manifest.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(manifest.as_bytes());
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&tar).unwrap();
    encoder.finish().unwrap()
}
