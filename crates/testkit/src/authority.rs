//! A certificate authority of a test's own, and a certificate of it for loopback.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// All in PEM form.
pub struct Authority {
    /// The root: who trusts it trusts the certificate.
    pub root: String,
    /// A certificate for `127.0.0.1` and `localhost`, signed with the root.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = root.self_signed(&root_key).unwrap();
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf = CertificateParams::new(names).unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
        Self { root: signed.pem(), certificate: leaf.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
