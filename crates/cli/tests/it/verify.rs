//! `verify` of files that stand outside of the data folder: a crate and an npm package, each built from a commit of a
//! repository of the test's own.

use crate::support::{Mill, retry, succeed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use trustmill_core::Sha256;
use trustmill_ecosystems::cargo::default_index::LOCKED_AS;
use trustmill_testkit::server::{Reply, Server};

/// Where the packages say that their source is; the mirror map leads to a folder.
const FORGE: &str = "https://git.example/";

/// A repository with one commit, tagged; its commit.
fn commit(folder: &Path, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        succeed(git.args(["-c", "user.name=T", "-c", "user.email=t@example"]).args(arguments))
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message=one"]);
    git(&["tag", "v1.0.0"]);
    git(&["rev-parse", "HEAD"]).trim().to_owned()
}

/// A configuration whose mirror map leads to the folder of repositories.
fn config(mill: &Mill) -> PathBuf {
    let forge = mill.path().join("forge");
    mill.file("trustmill.toml", &format!("[source.mirrors]\n\"{FORGE}\" = \"file://{}/\"\n", forge.display()))
}

/// A file far from the data folder.
fn elsewhere(mill: &Mill, name: &str, bytes: &[u8]) -> PathBuf {
    let folder = mill.path().join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The file verifies from what the data folder holds, and with the attestations and the key alone; changed, it does not.
fn verifies(mill: &Mill, file: &Path, digest: &str) {
    let path = file.to_str().unwrap();
    let good = mill.run(&["verify", "--json", "--require", "normalised", path]).json(0);
    assert_eq!((&good[0]["error"], good[0]["sha256"].as_str()), (&Value::Null, Some(digest)), "{good:#}");
    let renamed = file.with_file_name(format!("other-{}", file.file_name().unwrap().to_str().unwrap()));
    std::fs::copy(file, &renamed).unwrap();
    mill.run(&["verify", "--json", renamed.to_str().unwrap()]).json(1);
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let bad = mill.run(&["verify", "--json", path]).json(1);
    assert!(bad[0]["error"]["code"].as_str().unwrap().starts_with("TM05"), "{bad:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_verifies_wherever_it_stands() {
    let mill = Mill::new();
    let repo = mill.path().join("forge/demo");
    let manifest = format!(
        "[package]\nname = \"tm-demo\"\nversion = \"1.0.0\"\nedition = \"2021\"\nlicense = \"MIT\"\ndescription = \"x\"\nrepository = \"{FORGE}demo\"\n"
    );
    commit(
        &repo,
        &[
            (".gitignore", "/target\nCargo.lock\n"),
            ("Cargo.toml", &manifest),
            ("src/lib.rs", "pub fn seven() -> u8 {\n    7\n}\n"),
        ],
    );
    let mut package = Command::new(env!("CARGO"));
    package.current_dir(&repo).args(["package", "--offline", "--no-verify", "--quiet"]);
    package.env("CARGO_TARGET_DIR", mill.path().join("target")).env("CARGO_HOME", mill.path().join("home"));
    succeed(&mut package);
    let bytes = std::fs::read(mill.path().join("target/package/tm-demo-1.0.0.crate")).unwrap();
    let digest = Sha256::of(&bytes).to_hex();

    let registry = Server::start().await;
    let line = json!({
        "name": "tm-demo", "vers": "1.0.0", "deps": [], "features": {}, "yanked": false, "cksum": digest,
    });
    registry.script("/config.json", [Reply::body(json!({ "dl": registry.url("/dl") }).to_string())]);
    registry.script("/tm/-d/tm-demo", [Reply::body(format!("{line}\n"))]);
    registry.script("/dl/tm-demo/1.0.0/download", [Reply::body(bytes.clone())]);
    let lock = mill.file(
        "Cargo.lock",
        &format!(
            "version = 4\n\n[[package]]\nname = \"tm-demo\"\nversion = \"1.0.0\"\nsource = \"{}\"\nchecksum = \"{digest}\"\n",
            LOCKED_AS[0]
        ),
    );
    let (config, upstream) = (config(&mill), format!("cargo={}", registry.url("/")));
    let checked = tokio::task::spawn_blocking(move || {
        let secure = ["--config", config.to_str().unwrap(), "--upstream", &upstream, "secure", "--json"];
        let summary = mill.run(&[&secure[..], &[lock.to_str().unwrap()]].concat()).json(0);
        let verdict = summary["rows"][0]["verdict"].as_str();
        assert!(matches!(verdict, Some("identical" | "replayed")), "{summary:#}");
        verifies(&mill, &elsewhere(&mill, "tm-demo-1.0.0.crate", &bytes), &digest);
    });
    checked.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_npm_package_verifies_wherever_it_stands() {
    let mill = Mill::new();
    let repo = mill.path().join("forge/demo");
    let manifest = json!({
        "name": "@tm/demo", "version": "1.0.0", "license": "MIT", "main": "index.js",
        "repository": { "type": "git", "url": format!("git+{FORGE}demo") },
    });
    let text = format!("{}\n", serde_json::to_string_pretty(&manifest).unwrap());
    let head = commit(&repo, &[("package.json", &text), ("index.js", "module.exports = 7;\n")]);
    let mut npm = Command::new("npm");
    npm.current_dir(&repo).args(["pack", "--silent", "--pack-destination"]).arg(mill.path());
    retry(&mut npm);
    let bytes = std::fs::read(mill.path().join("tm-demo-1.0.0.tgz")).unwrap();
    let digest = Sha256::of(&bytes).to_hex();
    let mut openssl = Command::new("sh");
    openssl
        .current_dir(mill.path())
        .args(["-c", "openssl dgst -sha512 -binary tm-demo-1.0.0.tgz | base64 -w0"]);
    let integrity = format!("sha512-{}", succeed(&mut openssl).trim());

    // Only this scope is the test's own; Node comes from where this machine's npm gets it.
    let registry = Server::start().await;
    let mut version = manifest.clone();
    version["gitHead"] = head.into();
    version["_npmVersion"] = succeed(Command::new("npm").arg("--version")).trim().into();
    version["_nodeVersion"] =
        succeed(Command::new("node").arg("--version")).trim().trim_start_matches('v').into();
    version["dist"] =
        json!({ "tarball": registry.url("/@tm/demo/-/demo-1.0.0.tgz"), "integrity": integrity });
    let packument = json!({
        "name": "@tm/demo", "dist-tags": { "latest": "1.0.0" }, "versions": { "1.0.0": version },
        "time": { "1.0.0": "2025-06-01T00:00:00.000Z" },
    });
    registry.script(
        "/@tm%2Fdemo",
        [Reply::body(packument.to_string()).header("Content-Type", "application/json")],
    );
    registry.script(
        "/@tm%2fdemo",
        [Reply::body(packument.to_string()).header("Content-Type", "application/json")],
    );
    registry.script("/@tm/demo/-/demo-1.0.0.tgz", [Reply::body(bytes.clone())]);
    let npmrc = mill.file("npmrc", &format!("@tm:registry={}\n", registry.url("/")));
    let lock = mill.file(
        "package-lock.json",
        &json!({
            "name": "app", "lockfileVersion": 3, "packages": {
                "": { "name": "app", "dependencies": { "@tm/demo": "1.0.0" } },
                "node_modules/@tm/demo": {
                    "version": "1.0.0", "resolved": registry.url("/@tm/demo/-/demo-1.0.0.tgz"), "integrity": integrity,
                },
            },
        })
        .to_string(),
    );
    let config = config(&mill);
    let checked = tokio::task::spawn_blocking(move || {
        let mut secure = mill.command();
        secure.arg("--config").arg(config).args(["secure", "--json"]).arg(lock);
        let summary = succeed(secure.env("npm_config_userconfig", npmrc));
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let verdict = summary["rows"][0]["verdict"].as_str();
        assert!(matches!(verdict, Some("identical" | "replayed" | "normalised")), "{summary:#}");
        verifies(&mill, &elsewhere(&mill, "@tm+demo-1.0.0.tgz", &bytes), &digest);
    });
    checked.await.unwrap();
}
