//! What documents for others have in common: an instant that can be set, and an identity that follows from the content.

use crate::error::Failure;
use crate::exit::Exit;
use serde::Serialize;
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_core::digest::{Checksum, ChecksumHasher};
use trustmill_core::port::Coded;

/// The namespace of our identities (RFC 9562, section 5.5): drawn once, and never changed.
const NAMESPACE: [u8; 16] =
    [0x7c, 0x1e, 0x0b, 0x52, 0x9d, 0x43, 0x4f, 0x6a, 0x8a, 0x35, 0x5e, 0xd2, 0xb8, 0x10, 0x64, 0x2f];

/// Why a document cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// `SOURCE_DATE_EPOCH` is no number of seconds.
    #[error("SOURCE_DATE_EPOCH is {0:?}, which is no number of seconds since 1970")]
    BadEpoch(String),
    /// The file cannot be written.
    #[error("{path} cannot be written")]
    Unwritable {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A package URL that names no release, or an ecosystem that is not known.
    #[error("{0} names no release that can be spoken of")]
    NoRelease(String),
}

impl Coded for DocumentError {
    fn code(&self) -> &'static str {
        match self {
            Self::BadEpoch(_) => "TM0933",
            Self::Unwritable { .. } => "TM0934",
            Self::NoRelease(_) => "TM0935",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::BadEpoch(_) => "set it to seconds, such as `git log -1 --format=%ct` prints, or unset it",
            Self::Unwritable { .. } => "check the folder of --output and its permissions",
            Self::NoRelease(_) => {
                "give a package URL with a version, such as pkg:pypi/requests@2.32.5, or a lockfile"
            }
        }
        .into()
    }
}

/// The instant that a document bears: `SOURCE_DATE_EPOCH`
/// (<https://reproducible-builds.org/specs/source-date-epoch/>), else `now`.
pub(crate) fn instant(now: Timestamp) -> Result<Timestamp, DocumentError> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        // Whole seconds: SPDX takes no others.
        return Ok(Timestamp::from_second(now.as_second()).unwrap_or(now));
    };
    let text = text.to_string_lossy().into_owned();
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or(DocumentError::BadEpoch(text))
}

/// A version 5 UUID (RFC 9562) of the content.
pub(crate) fn identity(content: &str) -> String {
    let mut hasher = ChecksumHasher::like(Some(&Checksum::Sha1([0; 20])));
    hasher.update(&NAMESPACE);
    hasher.update(content.as_bytes());
    let (_, digest) = hasher.finish();
    let mut raw: Vec<u8> = digest.as_bytes().iter().take(16).copied().collect();
    if let [_, _, _, _, _, _, version, _, variant, ..] = raw.as_mut_slice() {
        *version = *version & 0x0f | 0x50;
        *variant = *variant & 0x3f | 0x80;
    }
    let mut out = String::new();
    for (at, byte) in raw.iter().enumerate() {
        out.push_str(if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" });
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// Writes text to a file.
pub(crate) fn write_text(text: &str, path: &Path) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|source| {
        let path = path.display().to_string();
        Failure::new(Exit::Infrastructure, DocumentError::Unwritable { path, source })
    })
}

/// Writes a document to `output`, or to standard output.
pub(crate) fn write(document: &impl Serialize, output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output else {
        crate::render::to_json(document);
        return Ok(());
    };
    let unwritable = |source: std::io::Error| {
        Failure::new(
            Exit::Infrastructure,
            DocumentError::Unwritable { path: path.display().to_string(), source },
        )
    };
    let mut text = serde_json::to_string_pretty(document).map_err(|error| unwritable(error.into()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_follows_from_the_content() {
        let one = identity("a");
        assert_eq!(one, identity("a"));
        assert_ne!(one, identity("b"));
        assert!(
            one.len() == 36 && one.as_bytes()[14] == b'5' && b"89ab".contains(&one.as_bytes()[19]),
            "{one}"
        );
    }
}
