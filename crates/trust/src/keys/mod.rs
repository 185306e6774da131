//! Ed25519 keys (RFC 8032): the mill's signing key and the public keys that a verifier trusts.
//!
//! The key id is the lower-case hexadecimal SHA-256 of the public key's `SubjectPublicKeyInfo` in DER
//! (RFC 8410): `openssl pkey -pubin -outform DER | sha256sum` gives the same. It names a key and proves
//! nothing.

pub mod file;

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ed25519_dalek::pkcs8::{KeypairBytes, PublicKeyBytes};
use std::fmt;
use std::path::PathBuf;
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use zeroize::{Zeroize as _, Zeroizing};

/// The most keys that a trust file may list.
pub const MAX_KEYS: usize = 64;

const BEGIN_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----";
const END_PUBLIC: &str = "-----END PUBLIC KEY-----";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the key that was asked for, in the form that was asked for.
    #[error("{origin} is not {expected}")]
    Malformed {
        /// Where it was read.
        origin: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Others than the owner can read the key or replace it.
    #[error("{} has mode {mode:o}: others than its owner can get at the key", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key cannot be read or written.
    #[error("the key {} cannot be {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written`, …
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness for a new key")]
    Randomness(#[source] getrandom::Error),
}

impl Coded for KeyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "TM0520",
            Self::Exposed { .. } => "TM0521",
            Self::Io { .. } => "TM0522",
            Self::Randomness(_) => "TM0523",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Malformed { .. } => {
                "give a PEM file: PUBLIC KEY blocks to verify, one PRIVATE KEY (PKCS#8, Ed25519) to sign"
                    .into()
            }
            Self::Exposed { path, .. } => {
                format!(
                    "run `chmod go= {}`, and replace the key if somebody else may have had it",
                    path.display()
                )
            }
            Self::Io { .. } => {
                "check that the data folder exists and belongs to the user that runs the mill".into()
            }
            Self::Randomness(_) => "check that /dev/urandom and getrandom(2) work in this container".into(),
        }
    }
}

/// The key that signs. It is zeroised on drop, has no `Clone`, and `Debug` shows its id alone.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`].
    pub fn generate() -> Result<Self, KeyError> {
        let secret = random()?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// The key with this secret (RFC 8032, section 5.1.5): for tests and for keys kept elsewhere.
    pub fn from_secret(mut secret: [u8; 32]) -> Self {
        let key = Self(ed25519_dalek::SigningKey::from_bytes(&secret));
        secret.zeroize();
        key
    }

    /// Reads a PKCS#8 PEM (RFC 5958, RFC 8410). `origin` is named in errors.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_pem(pem: &str, origin: &str) -> Result<Self, KeyError> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::Malformed {
            origin: origin.to_owned(),
            expected: "an Ed25519 private key in PKCS#8 PEM",
        })
    }

    /// The key as PKCS#8 version 1 PEM, which every reader takes; zeroised on drop.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if the encoder refuses, which it has no reason to.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        KeypairBytes { secret_key: self.0.to_bytes(), public_key: None }
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Malformed { origin: "the key".into(), expected: "encodable" })
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message` (Ed25519, no pre-hash).
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret not shown)", self.public().id())
    }
}

/// Secret bytes from the operating system's randomness.
///
/// # Errors
/// [`KeyError::Randomness`].
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut secret = Zeroizing::new([0; N]);
    getrandom::fill(secret.as_mut()).map_err(KeyError::Randomness)?;
    Ok(secret)
}

/// A key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Reads one `PUBLIC KEY` PEM block (SPKI, RFC 8410). `origin` is named in errors.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; weak (small order) keys are refused too.
    pub fn from_pem(pem: &str, origin: &str) -> Result<Self, KeyError> {
        ed25519_dalek::VerifyingKey::from_public_key_pem(pem)
            .ok()
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or_else(|| KeyError::Malformed {
                origin: origin.to_owned(),
                expected: "an Ed25519 public key in SPKI PEM",
            })
    }

    /// The key as SPKI PEM.
    pub fn to_pem(&self) -> String {
        // The encoder fails only for documents longer than DER allows; an empty text is never a key.
        PublicKeyBytes::from(&self.0).to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The SHA-256 of the SPKI DER.
    pub fn id(&self) -> KeyId {
        let der = PublicKeyBytes::from(&self.0).to_public_key_der();
        KeyId(Sha256::of(der.as_ref().map(|der| der.as_bytes()).unwrap_or_default()))
    }

    /// The raw 32 bytes, as RFC 8032 encodes a point.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether `signature` is this key's over `message`, by the strict rule: no small-order points and no
    /// second encoding of the same signature.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// The name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Sha256);

impl KeyId {
    /// Whether a hint in an envelope means this key.
    pub fn matches(&self, hint: &str) -> bool {
        hint.parse() == Ok(self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The public keys that a verifier trusts, each as much as any other. After a rotation the old key stays
/// here, so that what it signed can still be verified; a key that was stolen is taken out.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

impl TrustedKeys {
    /// Trusts these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut list = Self::default();
        keys.into_iter().for_each(|key| list.add(key));
        list
    }

    /// Trusts one key more.
    pub fn add(&mut self, key: PublicKey) {
        if !self.0.contains(&key) {
            self.0.push(key);
        }
    }

    /// Reads one or more `PUBLIC KEY` PEM blocks. Text between the blocks is for people.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if there is no block, a block is not an Ed25519 key, the text holds a
    /// private key, or there are more than [`MAX_KEYS`].
    pub fn from_pem(text: &str, origin: &str) -> Result<Self, KeyError> {
        let bad = |expected| KeyError::Malformed { origin: origin.to_owned(), expected };
        if text.contains("PRIVATE KEY-----") {
            return Err(bad("a list of public keys: it holds a private key"));
        }
        let mut list = Self::default();
        for rest in text.split(BEGIN_PUBLIC).skip(1) {
            let (body, _) = rest.split_once(END_PUBLIC).ok_or_else(|| bad("a PEM file with whole blocks"))?;
            list.add(PublicKey::from_pem(&format!("{BEGIN_PUBLIC}{body}{END_PUBLIC}\n"), origin)?);
            if list.0.len() > MAX_KEYS {
                return Err(bad("a list of at most 64 keys"));
            }
        }
        if list.0.is_empty() { Err(bad("a PEM file with a PUBLIC KEY block")) } else { Ok(list) }
    }

    /// The keys as PEM blocks, in order.
    pub fn to_pem(&self) -> String {
        self.0.iter().map(PublicKey::to_pem).collect()
    }

    /// The keys, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, PublicKey> {
        self.0.iter()
    }

    /// Whether no key is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.3: the private key of the examples, and section 10.1: its public key.
    const RFC_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const RFC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_keys_of_rfc_8410_are_read_and_written() {
        let key = SigningKey::from_pem(RFC_PRIVATE, "rfc").unwrap();
        assert_eq!(*key.to_pem().unwrap(), RFC_PRIVATE);
        assert_eq!(key.public().to_pem(), RFC_PUBLIC);
        assert_eq!(PublicKey::from_pem(RFC_PUBLIC, "rfc").unwrap(), key.public());
    }

    #[test]
    fn a_secret_never_prints() {
        let key = SigningKey::from_secret([0xab; 32]);
        let shown = format!("{key:?}");
        assert!(
            shown.contains(&key.public().id().to_string())
                && !shown.contains("abab")
                && !shown.contains("171"),
            "{shown}"
        );
    }

    #[test]
    fn a_signature_is_checked_whole() {
        let key = SigningKey::from_secret([1; 32]);
        let signature = key.sign(b"message");
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"messagE", &signature));
        assert!(!key.public().verifies(b"message", &signature[..63]));
        assert!(!SigningKey::from_secret([2; 32]).public().verifies(b"message", &signature));
    }

    #[test]
    fn a_trust_file_lists_keys_and_words() {
        let two = format!(
            "the old key\n{RFC_PUBLIC}\nthe new key\n{}",
            SigningKey::from_secret([1; 32]).public().to_pem()
        );
        let keys = TrustedKeys::from_pem(&two, "keys").unwrap();
        assert_eq!(keys.iter().count(), 2);
        assert_eq!(TrustedKeys::from_pem(&keys.to_pem(), "keys").unwrap().to_pem(), keys.to_pem());
    }

    #[test]
    fn a_trust_file_is_not_what_looks_like_one() {
        let cut = RFC_PUBLIC.replace(END_PUBLIC, "");
        for text in [
            "",
            "no key",
            RFC_PRIVATE,
            &cut,
            &RFC_PUBLIC.replace("MCow", "MCox"),
            &format!("{RFC_PUBLIC}{RFC_PRIVATE}"),
        ] {
            assert!(matches!(TrustedKeys::from_pem(text, "keys"), Err(KeyError::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn a_weak_key_is_refused() {
        let weak = ed25519_dalek::VerifyingKey::from_bytes(&{
            let mut one = [0; 32];
            one[0] = 1;
            one
        })
        .unwrap();
        assert!(PublicKey::from_pem(&PublicKey(weak).to_pem(), "weak").is_err());
    }
}
