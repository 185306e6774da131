//! What a registry promises about a file: the strongest digest that it states.

use super::{Hasher, Sha256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;
use std::fmt;
use std::str::FromStr;

/// A digest in the algorithm that the registry chose, written as `sha512:` and hexadecimal digits.
///
/// SHA-1 is what npm states for its oldest files. It is checked, because it still notices a broken download,
/// and it is never trusted: the SHA-256 of what came is locked at first sight as for every file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checksum {
    /// FIPS 180-4, 20 bytes; broken against collisions.
    Sha1([u8; 20]),
    /// FIPS 180-4.
    Sha256(Sha256),
    /// FIPS 180-4, 64 bytes.
    Sha512(Box<[u8; 64]>),
}

/// Why a text is not a checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected sha1:, sha256: or sha512: and hexadecimal digits, got {got:?}")]
pub struct ParseChecksumError {
    /// The text, cut to 80 characters.
    pub got: String,
}

impl Checksum {
    /// The algorithm and the raw bytes, where the length is the algorithm's own.
    pub fn new(algorithm: &str, raw: &[u8]) -> Option<Self> {
        match algorithm {
            "sha1" => raw.try_into().ok().map(Self::Sha1),
            "sha256" => raw.try_into().ok().map(|raw| Self::Sha256(Sha256::from_bytes(raw))),
            "sha512" => raw.try_into().ok().map(|raw| Self::Sha512(Box::new(raw))),
            _ => None,
        }
    }

    /// The name of the algorithm, as Subresource Integrity writes it.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha1(_) => "sha1",
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(raw) => raw,
            Self::Sha256(digest) => digest.as_bytes(),
            Self::Sha512(raw) => raw.as_slice(),
        }
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = ChecksumHasher::like(Some(self));
        hasher.update(bytes);
        hasher.finish().1 == *self
    }
}

impl From<Sha256> for Checksum {
    fn from(digest: Sha256) -> Self {
        Self::Sha256(digest)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm())?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseChecksumError { got: text.chars().take(80).collect() };
        let (algorithm, digits) = text.split_once(':').ok_or_else(bad)?;
        let raw = super::from_hex(digits).ok_or_else(bad)?;
        Self::new(algorithm, &raw).ok_or_else(bad)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream once for its address in the blob store and once for what was promised.
#[derive(Clone, Default)]
pub struct ChecksumHasher {
    address: Hasher,
    promised: Promised,
}

#[derive(Clone, Default)]
enum Promised {
    #[default]
    Address,
    Sha1(Box<sha1::Sha1>),
    Sha512(Box<sha2::Sha512>),
}

impl ChecksumHasher {
    /// A hasher that will answer in the algorithm of `expected`.
    pub fn like(expected: Option<&Checksum>) -> Self {
        let promised = match expected {
            None | Some(Checksum::Sha256(_)) => Promised::Address,
            Some(Checksum::Sha1(_)) => Promised::Sha1(Box::default()),
            Some(Checksum::Sha512(_)) => Promised::Sha512(Box::default()),
        };
        Self { address: Hasher::new(), promised }
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.address.update(bytes);
        match &mut self.promised {
            Promised::Address => {}
            Promised::Sha1(hasher) => hasher.update(bytes),
            Promised::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The address, and the digest in the algorithm that was promised.
    pub fn finish(self) -> (Sha256, Checksum) {
        let address = self.address.finish();
        let got = match self.promised {
            Promised::Address => Checksum::Sha256(address),
            Promised::Sha1(hasher) => Checksum::Sha1(hasher.finalize().into()),
            Promised::Sha512(hasher) => Checksum::Sha512(Box::new(hasher.finalize().into())),
        };
        (address, got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_knows_its_own_bytes() {
        for text in [
            "sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ] {
            let checksum: Checksum = text.parse().unwrap();
            assert!(checksum.matches(b"abc") && !checksum.matches(b"abd"), "{text}");
            assert_eq!(checksum.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for text in ["", "abc", "md5:00", "sha1:00", "sha512:zz", "sha256:"] {
            assert!(text.parse::<Checksum>().is_err(), "{text:?}");
        }
    }
}
