//! TLS by rustls: a certificate and its key from files, read again when they change.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::{TlsAcceptor, rustls};
use trustmill_core::port::Coded;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Largest file that is read: a chain has a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// The server's side of TLS.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    files: Arc<Files>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.files.fmt(f)
    }
}

/// The pair that is presented, and where it is from.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the {what} file {} cannot be read", path.display())]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {what} in PEM", path.display())]
    Malformed {
        /// `certificate` or `private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The key is not the certificate's, or of a kind that is not supported.
    #[error("the key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// rustls's words.
        #[source]
        source: Box<rustls::Error>,
    },
}

impl Coded for TlsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "TM0720",
            Self::Malformed { .. } => "TM0721",
            Self::Mismatch { .. } => "TM0722",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the paths in [serve.tls], and that the user that runs the mill may read them",
            Self::Malformed { .. } => "give PEM files: the certificate first and then its chain, and one private key (PKCS#8, SEC1 or PKCS#1)",
            Self::Mismatch { .. } => "give the key with which the certificate was asked for; the first certificate in the file must be the server's own",
        }
        .into()
    }
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(read(certificate, key)?));
        let files = Arc::new(Files { certificate: certificate.to_owned(), key: key.to_owned(), current });
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|source| files.mismatch(source))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&files) as _);
        // Reasons for people stand in the status line, which HTTP/2 does not have.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), files })
    }

    pub(crate) const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again whenever they change, for as long as this is polled. What cannot be used changes nothing:
    /// whoever renews a certificate writes one file after the other.
    pub(crate) async fn follow(self) {
        let mut seen = self.files.stamp();
        loop {
            tokio::time::sleep(LOOK).await;
            let stamp = self.files.stamp();
            if stamp == seen {
                continue;
            }
            match read(&self.files.certificate, &self.files.key) {
                Ok(pair) => {
                    *self.files.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                    tracing::info!("new connections are shown the new certificate");
                }
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "the new certificate cannot be used, the old one stays");
                }
            }
            seen = stamp;
        }
    }
}

impl Files {
    /// What changes when a file is written or replaced, links followed.
    fn stamp(&self) -> [Option<(u64, u64, i64, i64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let meta = path.metadata().ok()?;
            Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
        })
    }

    fn mismatch(&self, source: rustls::Error) -> TlsError {
        mismatch(&self.certificate, &self.key, source)
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files({}, the key is not shown)", self.certificate.display())
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn mismatch(certificate: &Path, key: &Path, source: rustls::Error) -> TlsError {
    TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), source: Box::new(source) }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let text = bytes("certificate", certificate)?;
    let none = || TlsError::Malformed { what: "certificate", path: certificate.to_owned() };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(none)?;
    let text = bytes("key", key)?;
    let private = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| TlsError::Malformed { what: "private key", path: key.to_owned() })?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider())
        .map_err(|source| mismatch(certificate, key, source))
}

fn bytes(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Unreadable { what, path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read(path).map_err(failed)
}
