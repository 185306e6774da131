//! Real `pip` and real `uv` against the real registry: what installs, what is refused, and whether the
//! person reads why. The table in `docs/refusals.md` is this file's.
//!
//! The clients come from the registry that this machine's own `pip` is configured for, once, into the
//! target folder; everything they then ask goes to loopback.

use crate::client::{get, send};
use crate::fake::{Running, serve};
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::Effect;
use trustmill_core::shelf::{OwnFile, Shelf, ShelfRefusal};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_ecosystems::pypi::registry::{PypiRegistry, RegistryPorts};
use trustmill_ecosystems::pypi::upstream::{Upstream, index_url};
use trustmill_serve::{Options, ServerLimits};
use trustmill_testkit::gate::decision;
use trustmill_testkit::once::made_once;
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedGate};

const UV: &str = "uv==0.13.9";
const PIP: &str = "pip==26.3";
const REASON: &str = "known malware GHSA-test";
const NEWEST: &str = "tm_demo-2.0-py3-none-any.whl";

/// A mill over an index with two releases of `tm-demo`.
struct Mill {
    server: Running,
    records: Arc<MemRecords>,
    gate: Arc<ScriptedGate>,
    blobs: Arc<MemBlobs>,
    out: tempfile::TempDir,
}

/// How a client ended and what it said.
struct Outcome {
    ok: bool,
    said: String,
    /// Names of the wheels or the installed folders that arrived.
    got: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// The machine's own `pip`.
    OldPip,
    /// The newest one that was checked.
    NewPip,
    Uv,
}

const CLIENTS: [Client; 3] = [Client::OldPip, Client::NewPip, Client::Uv];

fn wheel(version: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let info = format!("tm_demo-{version}.dist-info");
    let members = [
        ("tm_demo.py".to_owned(), format!("VERSION = '{version}'\n")),
        (format!("{info}/METADATA"), metadata(version)),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".into(),
        ),
        (
            format!("{info}/RECORD"),
            format!("tm_demo.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
        ),
    ];
    for (name, text) in members {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn metadata(version: &str) -> String {
    format!("Metadata-Version: 2.1\nName: tm-demo\nVersion: {version}\n")
}

fn listed(version: &str, day: &str) -> Value {
    let bytes = wheel(version);
    let name = format!("tm_demo-{version}-py3-none-any.whl");
    json!({
        "filename": name, "url": format!("http://files.invalid/{name}"), "size": bytes.len(),
        "hashes": {"sha256": Sha256::of(&bytes)}, "upload-time": format!("{day}T00:00:00.000000Z"),
        "requires-python": ">=3.7", "yanked": false, "core-metadata": {"sha256": Sha256::of(metadata(version).as_bytes())},
    })
}

impl Mill {
    async fn start() -> Self {
        let (blobs, records) = (Arc::new(MemBlobs::new()), Arc::new(MemRecords::new()));
        let fetch = Arc::new(ScriptedFetch::new(blobs.clone()));
        let page = json!({"meta": {"api-version": "1.1"}, "name": "tm-demo", "versions": ["1.0", "2.0"],
            "files": [listed("1.0", "2023-06-01"), listed("2.0", "2024-06-01")]});
        let json = "application/vnd.pypi.simple.v1+json";
        fetch.page("http://index.invalid/simple/tm-demo/", json, page.to_string());
        for version in ["1.0", "2.0"] {
            let url = format!("http://files.invalid/tm_demo-{version}-py3-none-any.whl");
            fetch.file(&url, wheel(version));
            fetch.file(&format!("{url}.metadata"), metadata(version));
        }
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let index = index_url("http://index.invalid/simple/", "test").unwrap();
        let upstream = Arc::new(Upstream::new(index, fetch.clone(), clock.clone()));
        let gate = Arc::new(ScriptedGate::new());
        let ports = RegistryPorts {
            records: records.clone(),
            blobs: blobs.clone(),
            fetch,
            clock,
            gate: gate.clone(),
        };
        let registry = Arc::new(PypiRegistry::new(upstream, ports));
        let server = serve(vec![registry], blobs.clone(), Options::default(), ServerLimits::default()).await;
        Self { server, records, gate, blobs, out: tempfile::tempdir().unwrap() }
    }

    /// A mill that refuses the newest release.
    async fn refusing() -> Self {
        let mill = Self::start().await;
        let refuse = ShelfRefusal { code: "TM0703".into(), reason: REASON.into() };
        mill.shelve("2.0", NEWEST, Shelf { refuse: Some(refuse), ..Shelf::new() }).await;
        mill
    }

    async fn shelve(&self, version: &str, filename: &str, shelf: Shelf) {
        let fact = Fact {
            format: Fact::FORMAT,
            about: Purl::release("pypi", "tm-demo", version),
            kind: Shelf::KIND.into(),
            subject: Some(filename.into()),
            at: Timestamp::UNIX_EPOCH,
            body: serde_json::to_value(shelf).unwrap(),
        };
        self.records.append(&[fact]).await.unwrap();
    }

    /// Asks for `what` (requirements and options) through the view `simple`, or one of the past.
    async fn install(&self, client: Client, view: &str, what: &[&str]) -> Outcome {
        let out = tempfile::tempdir_in(self.out.path()).unwrap();
        let index = format!("http://{}/pypi/{view}", self.server.addr);
        let mut command = match client {
            Client::OldPip | Client::NewPip => {
                let mut command = Command::new("python3");
                if client == Client::NewPip {
                    command.env("PYTHONPATH", tool(PIP).await);
                }
                command.args(["-m", "pip", "install", "--no-deps", "--no-cache-dir", "--retries", "0"]);
                command.args(["--disable-pip-version-check", "--index-url", &index, "--target"]);
                command
            }
            Client::Uv => {
                let mut command = Command::new(tool(UV).await.join("bin/uv"));
                command.args([
                    "pip",
                    "install",
                    "--no-deps",
                    "--no-cache",
                    "--no-config",
                    "--python",
                    "python3",
                ]);
                command.args(["--default-index", &index, "--target"]);
                command.env("UV_PYTHON_DOWNLOADS", "never").env("UV_HTTP_RETRIES", "0");
                command
            }
        };
        for name in [
            "PIP_FIND_LINKS",
            "PIP_INDEX_URL",
            "PIP_EXTRA_INDEX_URL",
            "UV_FIND_LINKS",
            "UV_INDEX_URL",
            "UV_DEFAULT_INDEX",
        ] {
            command.env_remove(name);
        }
        command.env("PIP_CONFIG_FILE", "/dev/null").env("NO_PROXY", "127.0.0.1");
        let output = command.arg(out.path()).args(what).output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        let got = std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut got: Vec<String> = got.map(|name| name.to_string_lossy().into_owned()).collect();
        got.retain(|name| name.ends_with(".dist-info"));
        Outcome { ok: output.status.success(), said: String::from_utf8_lossy(&said).into_owned(), got }
    }
}

/// The folder of a client, installed once per target folder.
async fn tool(requirement: &'static str) -> PathBuf {
    let install = move || {
        let name = requirement.replace("==", "-");
        made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), &name, |folder| {
            for tries in 1..=4 {
                let mut pip = std::process::Command::new("python3");
                pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
                let output = pip.arg("--target").arg(folder).arg(requirement).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                match output.status.success() {
                    true => return,
                    false => assert!(tries < 4, "{requirement} cannot be installed: {said}"),
                }
                std::thread::sleep(Duration::from_secs(2 * tries));
            }
        })
    };
    tokio::task::spawn_blocking(install).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_refusal_the_newest_is_installed() {
    let mill = Mill::start().await;
    for client in CLIENTS {
        let outcome = mill.install(client, "simple/", &["tm-demo"]).await;
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        assert_eq!(outcome.got, ["tm_demo-2.0.dist-info"], "{client:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_requirement_gets_the_newest_that_is_not_refused() {
    let mill = Mill::refusing().await;
    for client in CLIENTS {
        let outcome = mill.install(client, "simple/", &["tm-demo"]).await;
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        assert_eq!(outcome.got, ["tm_demo-1.0.dist-info"], "{client:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_pin_is_refused_and_the_person_reads_why() {
    let mill = Mill::refusing().await;
    for client in CLIENTS {
        let outcome = mill.install(client, "simple/", &["tm-demo==2.0"]).await;
        assert!(!outcome.ok && outcome.got.is_empty(), "{client:?}: {}", outcome.said);
        assert!(outcome.said.contains(REASON), "{client:?}: {}", outcome.said);
        assert!(outcome.said.contains("TM0703"), "{client:?}: {}", outcome.said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_release_is_passed_over_by_ranges_and_says_why_to_pins() {
    let mill = Mill::start().await;
    // Everybody has the page and the files from before.
    for client in CLIENTS {
        assert!(mill.install(client, "simple/", &["tm-demo"]).await.ok);
    }
    let reason = "published 2 hours ago; held until 2026-01-04";
    mill.gate.decide(Purl::release("pypi", "tm-demo", "2.0"), decision(Effect::Hold, "TM0902", reason));
    for client in CLIENTS {
        for view in ["simple/", "@2025-01-01/simple/"] {
            let range = mill.install(client, view, &["tm-demo>=1"]).await;
            assert_eq!(range.got, ["tm_demo-1.0.dist-info"], "{client:?}: {}", range.said);
            let pin = mill.install(client, view, &["tm-demo==2.0"]).await;
            assert!(!pin.ok && pin.got.is_empty(), "{client:?}: {}", pin.said);
            assert!(pin.said.contains(reason) && pin.said.contains("TM0902"), "{client:?}: {}", pin.said);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_spelling_and_no_header_leads_to_a_refused_file() {
    let mill = Mill::start().await;
    let (addr, file) = (mill.server.addr, format!("/pypi/files/tm-demo/{NEWEST}"));
    let etag = get(addr, &file, &[]).await.header("etag").unwrap().to_owned();
    mill.gate.decide(Purl::release("pypi", "tm-demo", "2.0"), decision(Effect::Block, "TM0901", REASON));
    let paths = [
        file.clone(),
        format!("{file}.metadata"),
        format!("{file}?x=1"),
        file.replace("tm-demo", "%74m-demo"),
        file.replace("tm-demo", "TM_Demo"),
        file.replace("tm-demo", "tm-demo/"),
        file.replace("tm-demo", "tm-demo/../tm-demo"),
        file.replace("tm-demo", "tm-demo/%2e%2e/tm-demo"),
        file.replace("2.0", "%32.0"),
        file.replace("2.0", "2%2E0"),
        file.replace("2.0", "2.0.0"),
        file.replace(".whl", ".WHL"),
        file.replace(".whl", ".whl%00"),
        file.replace(".whl", ".whl/"),
        file.replace("/files", "//files"),
        file.replace("/pypi", "/pypi/@2025-01-01"),
        file.replace("/pypi", "/pypi/@2025-01-01T00%3A00%3A00Z"),
        file.replace("/pypi", "/PyPI"),
    ];
    let headers: [&[(&str, &str)]; 5] = [
        &[],
        &[("Range", "bytes=0-99")],
        &[("If-None-Match", &etag)],
        &[("If-None-Match", "*")],
        &[("Range", "bytes=0-99"), ("If-Range", &etag)],
    ];
    for path in &paths {
        for headers in headers {
            for method in ["GET", "HEAD"] {
                let reply = send(addr, method, path, headers).await;
                assert!(
                    reply.status >= 400 || reply.status == 301,
                    "{method} {path} {headers:?}: {}",
                    reply.status
                );
            }
        }
    }
    assert_eq!(get(addr, &file, &[]).await.status, 403);
    let allowed = get(addr, &file.replace("2.0", "1.0"), &[("Range", "bytes=0-99")]).await;
    assert_eq!(allowed.status, 206);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_hold_and_a_wrong_one_fails() {
    let mill = Mill::start().await;
    let file = mill.out.path().join("requirements.txt");
    let file_text = file.to_str().unwrap().to_owned();
    for client in CLIENTS {
        for (digest, good) in [(Sha256::of(&wheel("1.0")), true), (Sha256::of(b"other"), false)] {
            std::fs::write(&file, format!("tm-demo==1.0 --hash=sha256:{digest}\n")).unwrap();
            let outcome = mill.install(client, "simple/", &["--require-hashes", "-r", &file_text]).await;
            assert_eq!(outcome.ok, good, "{client:?}: {}", outcome.said);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_of_the_past_and_the_clients_own_cut_off_agree() {
    let mill = Mill::start().await;
    for client in CLIENTS {
        for view in ["@2024-01-01/simple/", "@2024-06-01T00:00:00Z/simple/"] {
            let outcome = mill.install(client, view, &["tm-demo"]).await;
            assert_eq!(outcome.got, ["tm_demo-1.0.dist-info"], "{client:?} {view}: {}", outcome.said);
        }
        let cut_off = match client {
            Client::OldPip => continue,
            Client::NewPip => "--uploaded-prior-to=2024-01-01T00:00:00Z",
            Client::Uv => "--exclude-newer=2024-01-01",
        };
        let outcome = mill.install(client, "simple/", &[cut_off, "tm-demo"]).await;
        assert_eq!(outcome.got, ["tm_demo-1.0.dist-info"], "{client:?}: {}", outcome.said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wheel_of_the_mill_installs_like_any_other() {
    let mill = Mill::start().await;
    let bytes = wheel("3.0");
    let own = OwnFile {
        sha256: mill.blobs.put(bytes.clone().into()).await.unwrap(),
        size: bytes.len() as u64,
        upload_time: "2025-01-01T00:00:00Z".parse().unwrap(),
        requires_python: None,
        metadata_sha256: None,
    };
    mill.shelve("3.0", "tm_demo-3.0-py3-none-any.whl", Shelf { own: Some(own), ..Shelf::new() }).await;
    for client in CLIENTS {
        // The second time with the metadata file that the first one made known.
        for _ in 0..2 {
            let outcome = mill.install(client, "simple", &["TM_Demo"]).await;
            assert_eq!(outcome.got, ["tm_demo-3.0.dist-info"], "{client:?}: {}", outcome.said);
        }
    }
}
