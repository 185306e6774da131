//! Real `cargo` against the real registry: what a held release comes to. The table in `docs/refusals.md` is this
//! file's.

use crate::fake::{Running, gzip, serve};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use tokio::process::Command;
use trustmill_core::ruling::Effect;
use trustmill_core::{Purl, Sha256};
use trustmill_ecosystems::cargo::registry::{CargoRegistry, RegistryPorts};
use trustmill_ecosystems::cargo::upstream::{Upstream, index_url};
use trustmill_serve::{Options, ServerLimits};
use trustmill_testkit::gate::decision;
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

const REASON: &str = "published 2 hours ago; held until 2026-01-04";

/// A mill over an index with two releases of `tm-demo`, and a folder for projects.
struct Mill {
    server: Running,
    gate: Arc<ScriptedGate>,
    folder: tempfile::TempDir,
}

impl Mill {
    async fn start() -> Self {
        let (blobs, gate) = (Arc::new(MemBlobs::new()), Arc::new(ScriptedGate::new()));
        let fetch = Arc::new(ScriptedFetch::new(blobs.clone()));
        fetch.page("http://index.invalid/config.json", "", r#"{"dl":"http://files.invalid"}"#);
        let mut lines = String::new();
        for version in ["1.0.0", "1.1.0"] {
            let packed = packed(version);
            let line = json!({"name": "tm-demo", "vers": version, "deps": [], "features": {}, "yanked": false,
                "cksum": Sha256::of(&packed)});
            lines.push_str(&format!("{line}\n"));
            fetch.file(&format!("http://files.invalid/tm-demo/{version}/download"), packed);
        }
        fetch.page("http://index.invalid/tm/-d/tm-demo", "text/plain", lines);
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let index = index_url("http://index.invalid/", "test").unwrap();
        let upstream = Arc::new(Upstream::new(index, fetch.clone(), clock.clone()));
        let records = Arc::new(MemRecords::new());
        let ports = RegistryPorts { records, blobs: blobs.clone(), fetch, clock, gate: gate.clone() };
        let registry = Arc::new(CargoRegistry::new(upstream, ports));
        let server = serve(vec![registry], blobs, Options::default(), ServerLimits::default()).await;
        Self { server, gate, folder: tempfile::tempdir().unwrap() }
    }

    fn hold(&self) {
        self.gate
            .decide(Purl::release("cargo", "tm-demo", "1.1.0"), decision(Effect::Hold, "TM0902", REASON));
    }

    /// A project that wants `tm-demo`.
    fn project(&self, name: &str, wanted: &str) -> PathBuf {
        let project = self.folder.path().join(name);
        std::fs::create_dir_all(project.join("src")).unwrap();
        std::fs::write(project.join("src/lib.rs"), "").unwrap();
        let manifest = format!(
            "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\ntm-demo = \"{wanted}\"\n[workspace]\n"
        );
        std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
        project
    }

    /// Fetches what a project wants, with nothing in any cache.
    async fn fetch(&self, project: &Path, more: &[&str]) -> Output {
        let home = tempfile::tempdir_in(self.folder.path()).unwrap();
        let config = format!(
            "[source.crates-io]\nreplace-with = \"mill\"\n[registries.mill]\nindex = \"sparse+http://{}/cargo/\"\n[net]\nretry = 0\n",
            self.server.addr
        );
        std::fs::write(home.path().join("config.toml"), config).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(project).env("CARGO_HOME", home.path()).arg("fetch").args(more);
        cargo.output().await.unwrap()
    }
}

/// A crate as cargo packs one.
fn packed(version: &str) -> Vec<u8> {
    let manifest = format!("[package]\nname = \"tm-demo\"\nversion = \"{version}\"\nedition = \"2021\"\n");
    let mut tar = Vec::new();
    for (name, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &format!("tm-demo-{version}/{name}"));
        put(100, "0000644\0");
        put(124, &format!("{:011o}\0", text.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    gzip(&tar).to_vec()
}

fn lock(project: &Path) -> String {
    std::fs::read_to_string(project.join("Cargo.lock")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_release_is_passed_over_by_ranges_and_says_why_to_locks() {
    let mill = Mill::start().await;
    let locked = mill.project("locked", "1");
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let output = mill.fetch(&locked, &[]).await;
    assert!(output.status.success() && lock(&locked).contains("1.1.0"), "{}", said(&output));
    mill.hold();

    let range = mill.project("range", "1");
    let output = mill.fetch(&range, &[]).await;
    assert!(output.status.success() && lock(&range).contains("1.0.0"), "{}", said(&output));

    let exact = mill.project("exact", "=1.1.0");
    let output = mill.fetch(&exact, &[]).await;
    assert!(
        !output.status.success() && said(&output).contains("version 1.1.0 is yanked"),
        "{}",
        said(&output)
    );

    let output = mill.fetch(&locked, &["--locked"]).await;
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("TM0902") && said(&output).contains(REASON), "{}", said(&output));
}
