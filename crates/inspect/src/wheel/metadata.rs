//! `METADATA` (PyPA "Core metadata specifications", versions 1.0 to 2.5).

use super::headers::{Headers, HeadersError};
use trustmill_core::port::Coded;

/// Why `METADATA` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is no header file.
    #[error("METADATA is no block of header fields")]
    Headers(#[source] HeadersError),
    /// A field that has to be there is not, or is there twice.
    #[error("METADATA has not just one {field} field")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// A major version that this code does not know; the specification tells tools to fail.
    #[error("METADATA has version {version:?}; 1.x and 2.x are read")]
    Version {
        /// The version, cut.
        version: String,
    },
}

impl Coded for MetadataError {
    fn code(&self) -> &'static str {
        "TM0351"
    }

    fn help(&self) -> String {
        "installers and resolvers refuse this metadata too; report it to the publisher".into()
    }
}

/// A parsed `METADATA` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its `Metadata-Version`.
    pub version: (u32, u32),
    /// Its fields and the description.
    pub headers: Headers,
}

impl Metadata {
    /// The newest version whose fields this code knows.
    pub const NEWEST: (u32, u32) = (2, 5);

    /// Parses `METADATA`.
    ///
    /// # Errors
    /// [`MetadataError`]: malformed, without the required fields, or of an unknown major version. A newer
    /// minor version is read, as the specification asks.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let headers = Headers::parse(bytes).map_err(MetadataError::Headers)?;
        for field in ["Metadata-Version", "Name", "Version"] {
            if headers.all(field).count() != 1 {
                return Err(MetadataError::Field { field });
            }
        }
        let text = headers.first("Metadata-Version").unwrap_or_default();
        let parsed = text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let version = parsed.filter(|(major, _)| (1..=Self::NEWEST.0).contains(major));
        let version =
            version.ok_or_else(|| MetadataError::Version { version: text.chars().take(20).collect() })?;
        Ok(Self { version, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_versions_are_read_and_unknown_ones_are_not() {
        let with = |version: &str| {
            Metadata::parse(format!("Metadata-Version: {version}\nName: a\nVersion: 1\n").as_bytes())
        };
        for version in ["1.0", "1.2", "2.0", "2.1", "2.5", "2.9"] {
            assert!(with(version).is_ok(), "{version}");
        }
        for version in ["3.0", "0.1", "2", "", "x.y"] {
            assert!(matches!(with(version), Err(MetadataError::Version { .. })), "{version}");
        }
    }

    #[test]
    fn required_fields_are_there_once() {
        for text in ["Name: a\nVersion: 1", "Metadata-Version: 2.1\nName: a\nName: b\nVersion: 1"] {
            assert!(matches!(Metadata::parse(text.as_bytes()), Err(MetadataError::Field { .. })), "{text}");
        }
    }
}
