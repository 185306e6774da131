//! `config.json` of an index: where files are
//! (<https://doc.rust-lang.org/cargo/reference/registry-index.html#index-configuration>).

use super::Release;
use crate::cargo::names;
use serde::Deserialize;
use url::Url;

/// What an index says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexConfig {
    /// `dl`: an address, with or without markers.
    dl: String,
    /// Whether it answers only who has a token.
    pub auth_required: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    dl: String,
    #[serde(default)]
    auth_required: bool,
}

/// Why a `config.json` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// It does not have the shape.
    #[error("config.json is malformed: {0}")]
    Shape(String),
    /// Files would come from what is no web server.
    #[error("the `dl` of config.json is not an http or https URL")]
    Address,
}

impl IndexConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// [`BadConfig`].
    pub fn parse(body: &[u8]) -> Result<Self, BadConfig> {
        let raw: Raw = serde_json::from_slice(body).map_err(|why| BadConfig::Shape(why.to_string()))?;
        let config = Self { dl: raw.dl, auth_required: raw.auth_required };
        // The markers stand for names that are checked; with them filled in it must be an address.
        let filled = config.fill("a", "1.0.0", &"0".repeat(64));
        match Url::parse(&filled) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(config),
            _ => Err(BadConfig::Address),
        }
    }

    /// Where the file of a release is.
    pub fn download(&self, name: &str, release: &Release) -> String {
        self.fill(name, &release.version, &release.sha256.to_hex())
    }

    fn fill(&self, name: &str, version: &str, sha256: &str) -> String {
        let markers = [
            ("{crate}", name),
            ("{version}", version),
            ("{prefix}", &names::prefix(name)),
            ("{lowerprefix}", &names::prefix(&name.to_ascii_lowercase())),
            ("{sha256-checksum}", sha256),
        ];
        if !markers.iter().any(|(marker, _)| self.dl.contains(marker)) {
            return format!("{}/{name}/{version}/download", self.dl.trim_end_matches('/'));
        }
        markers.iter().fold(self.dl.clone(), |url, (marker, value)| url.replace(marker, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(dl: &str) -> Result<String, BadConfig> {
        let body = serde_json::json!({ "dl": dl, "api": "x" }).to_string();
        Ok(IndexConfig::parse(body.as_bytes())?.fill("MyCrate", "1.0.0+x", "ab"))
    }

    #[test]
    fn markers_are_filled_in() {
        for (dl, url) in [
            ("https://h.invalid/dl", "https://h.invalid/dl/MyCrate/1.0.0+x/download"),
            ("https://h.invalid/dl/", "https://h.invalid/dl/MyCrate/1.0.0+x/download"),
            ("https://h.invalid/{crate}-{version}.crate", "https://h.invalid/MyCrate-1.0.0+x.crate"),
            (
                "https://h.invalid/{prefix}/{lowerprefix}/{sha256-checksum}",
                "https://h.invalid/My/Cr/my/cr/ab",
            ),
        ] {
            assert_eq!(filled(dl).as_deref(), Ok(url));
        }
    }

    #[test]
    fn files_come_from_web_servers_only() {
        for dl in ["", "/dl", "file:///etc", "ftp://h.invalid/x", "javascript:{crate}"] {
            assert_eq!(filled(dl), Err(BadConfig::Address), "{dl}");
        }
        for body in ["", "[]", "{}", r#"{"dl":1}"#] {
            assert!(matches!(IndexConfig::parse(body.as_bytes()), Err(BadConfig::Shape(_))), "{body}");
        }
        let closed = IndexConfig::parse(br#"{"dl":"http://h.invalid","auth-required":true}"#).unwrap();
        assert!(closed.auth_required);
    }
}
