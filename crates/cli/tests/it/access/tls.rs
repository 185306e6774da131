//! Every real client over TLS, with a certificate authority that nobody but the test knows.

use crate::npm_clients::client::{Client, Lock, installed, project};
use crate::support::{Mill, Server, retry, tools};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mill under TLS, and the authority's certificate.
struct Secure {
    mill: Mill,
    server: Server,
    authority: PathBuf,
}

impl Secure {
    fn new() -> Self {
        let mill = Mill::new();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of the test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = mill.file("ca.pem", &params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        own.use_authority_key_identifier_extension = true;
        let certificate = mill.file("tls.crt", &own.signed_by(&own_key, &issuer).unwrap().pem());
        let key = mill.file("tls.key", &own_key.serialize_pem());
        let text = format!("[serve.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
        let config = mill.file("trustmill.toml", &text);
        let server = mill.up(&["--serve-only", "--config", config.to_str().unwrap()]);
        assert!(server.url("").starts_with("https://"));
        Self { mill, server, authority }
    }
}

#[test]
fn pip_uv_npm_and_cargo_install_over_tls() {
    let secure = Secure::new();
    let (mill, index, authority) = (&secure.mill, secure.server.index(), secure.authority.as_path());
    retry(
        Command::new(tools().join("bin/pip"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env_remove("PIP_FIND_LINKS")
            // Whoever sets it means it for everything, also where pip is told otherwise.
            .env_remove("REQUESTS_CA_BUNDLE")
            .env_remove("CURL_CA_BUNDLE")
            .args(["download", "--no-deps", "--no-cache-dir", "--index-url", &index, "--cert"])
            .arg(authority)
            .args(["six==1.17.0", "-d"])
            .arg(mill.path().join("by-pip")),
    );
    retry(
        Command::new(tools().join("bin/uv"))
            .env("SSL_CERT_FILE", authority)
            .args(["pip", "install", "--no-config", "--no-deps", "--no-cache", "--default-index", &index])
            .args(["six==1.17.0", "--target"])
            .arg(mill.path().join("by-uv")),
    );
    by_npm(&secure.server, authority);
    by_cargo(mill, &secure.server, authority);
    let refused = Command::new("curl").args(["-sS", &secure.server.url("/healthz")]).output().unwrap();
    assert!(!refused.status.success(), "who does not know the authority is not served");
}

/// npm's tarballs have whole addresses: they say https.
fn by_npm(server: &Server, authority: &Path) {
    let folder = project(&[("is-number", "7.0.0")]);
    Client::Npm.configure(folder.path(), &server.url("/npm/"));
    let mut said = String::new();
    for _ in 0..3 {
        let outcome = Client::Npm.run(folder.path(), Lock::Free, &[("NODE_EXTRA_CA_CERTS", authority)]);
        if outcome.ok {
            break;
        }
        said = outcome.said;
    }
    assert_eq!(installed(folder.path(), "is-number").as_deref(), Some("7.0.0"), "{said}");
}

fn by_cargo(mill: &Mill, server: &Server, authority: &Path) {
    let (folder, home) = (mill.path().join("demo"), mill.path().join("cargo-home"));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::create_dir_all(&home).unwrap();
    let config = format!(
        "[source.crates-io]\nreplace-with = \"mill\"\n[registries.mill]\nindex = \"sparse+{}\"\n[http]\ncainfo = {authority:?}\n",
        server.url("/cargo/")
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nitoa = \"=1.0.15\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    retry(
        Command::new(env!("CARGO"))
            .current_dir(&folder)
            .env("CARGO_HOME", &home)
            .env_remove("CARGO_HTTP_CAINFO")
            .arg("fetch"),
    );
}

#[test]
fn a_wrong_pair_is_an_error_at_start() {
    let mill = Mill::new();
    let key = mill.file("tls.key", &KeyPair::generate().unwrap().serialize_pem());
    let text = format!("[serve.tls]\ncertificate = {key:?}\nkey = {key:?}\n");
    let config = mill.file("trustmill.toml", &text);
    let arguments =
        ["up", "--json", "--serve-only", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()];
    assert_eq!(mill.run(&arguments).json(2)["error"]["code"], "TM0721");
}
