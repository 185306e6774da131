//! TLS: what is presented, what is refused at start, and what happens when certificates are renewed.

use crate::fake::{Fake, blobs};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use trustmill_core::port::Coded;
use trustmill_serve::{Options, Server, ServerLimits, Tls, router};

struct Pair {
    der: CertificateDer<'static>,
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["mill.test".into()]).unwrap();
    Pair { der: cert.der().clone(), certificate: cert.pem(), key: signing_key.serialize_pem() }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    _folder: tempfile::TempDir,
}

impl Files {
    fn of(pair: &Pair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
            _folder: folder,
        };
        files.write(&pair.certificate, &pair.key);
        files
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(&self.certificate, certificate).unwrap();
        std::fs::write(&self.key, key).unwrap();
    }

    fn load(&self) -> Result<Tls, trustmill_serve::TlsError> {
        Tls::load(&self.certificate, &self.key)
    }
}

async fn serve(tls: Tls) -> SocketAddr {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
    let (addr, blobs) = (server.addr(), blobs().await);
    let app = router(vec![Arc::new(Fake::default())], blobs, Options::default());
    tokio::spawn(server.with_tls(tls).run(app, std::future::pending()));
    addr
}

async fn connect(addr: SocketAddr, trusted: &Pair) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("mill.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /pypi/view HTTP/1.1\r\nHost: mill.test\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_agrees_on_http_1_and_knows_that_it_is_secure() {
    let pair = pair();
    let addr = serve(Files::of(&pair).load().unwrap()).await;
    let mut stream = connect(addr, &pair).await.unwrap();
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..]),
        "reasons stand in the status line"
    );
    let answer = ask(&mut stream).await;
    assert!(answer.contains("\"origin\":\"https://mill.test\""), "{answer}");
    let mut plain = TcpStream::connect(addr).await.unwrap();
    plain.write_all(b"GET /pypi/view HTTP/1.1\r\nHost: m\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP"), "nothing is said in the clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_and_open_connections_go_on() {
    let (old, new) = (pair(), pair());
    let files = Files::of(&old);
    let addr = serve(files.load().unwrap()).await;
    let mut open = connect(addr, &old).await.unwrap();
    ask(&mut open).await;
    // Half renewed: the old pair stays.
    std::fs::write(&files.certificate, &new.certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(connect(addr, &old).await.is_ok());
    std::fs::write(&files.key, &new.key).unwrap();
    let renewed = async {
        while connect(addr, &new).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.unwrap();
    assert!(connect(addr, &old).await.is_err(), "the old one is not shown any more");
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"), "the open connection goes on");
}

#[test]
fn files_that_are_no_pair_are_errors_at_start() {
    let (pair, other) = (pair(), pair());
    let code = |certificate: &str, key: &str| {
        let files = Files::of(&pair);
        files.write(certificate, key);
        let error = files.load().err().unwrap();
        assert!(!format!("{error:?}").contains("PRIVATE"), "no key is shown");
        error.code()
    };
    assert_eq!(code(&pair.certificate, &other.key), "TM0722");
    assert_eq!(code("", &pair.key), "TM0721");
    assert_eq!(code(&pair.key, &pair.key), "TM0721", "a key is no certificate");
    assert_eq!(code(&pair.certificate, &pair.certificate), "TM0721", "a certificate is no key");
    assert_eq!(
        code(&pair.certificate.replacen("MII", "AAA", 1), &pair.key),
        "TM0722",
        "no certificate inside"
    );
    let files = Files::of(&pair);
    std::fs::remove_file(&files.key).unwrap();
    assert_eq!(files.load().err().unwrap().code(), "TM0720");
}
