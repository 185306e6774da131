//! A feed: where its records come from, and what is remembered of it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::SourceState;
use trustmill_core::port::fetch::Validators;
use url::Url;

/// A feed of advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// The package URL type that it may speak of; `None` for all that the mill knows.
    pub ecosystem: Option<String>,
    /// How long what was read stands.
    pub every: Duration,
}

/// Where a feed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder of records, one JSON file each, with folders below it.
    Folder(PathBuf),
    /// One archive of such a folder.
    Archive(PathBuf),
    /// One record: it is added to the feed, and what the feed has beside it stays.
    Record(PathBuf),
    /// An archive on a server. Where `modified_id.csv` stands beside it, changes are read from there.
    Url(Url),
}

/// Why a text is no address of a feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFeed {
    /// A scheme that is not known.
    #[error("the address of a feed begins with https://, http:// or file://, or is a path")]
    Scheme,
    /// A path that does not lead to anything.
    #[error("{} is no folder, no .zip and no .json", .0.display())]
    Path(PathBuf),
}

impl Coded for BadFeed {
    fn code(&self) -> &'static str {
        "TM0916"
    }

    fn help(&self) -> String {
        "give the address of an OSV export (`https://…/all.zip`), or the path of a folder of its records"
            .into()
    }
}

impl Address {
    /// Reads an address or a path. A URL that ends with a slash means `all.zip` there.
    pub fn parse(text: &str) -> Result<Self, BadFeed> {
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            Ok(url) if url.scheme() == "file" => {
                return Self::of_path(&url.to_file_path().map_err(|()| BadFeed::Scheme)?);
            }
            Ok(_) => return Err(BadFeed::Scheme),
            Err(_) => return Self::of_path(Path::new(text)),
        };
        match url.path().ends_with('/') {
            true => url.join("all.zip").map(Self::Url).map_err(|_| BadFeed::Scheme),
            false => Ok(Self::Url(url)),
        }
    }

    /// A name for a feed from there: the last part of the address that says something, in the characters of a name.
    pub(super) fn short(&self) -> String {
        let shown = self.shown();
        let place = shown.trim_end_matches(".zip").trim_end_matches('/').trim_end_matches("/all");
        let last = place.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = last.chars().map(plain).take(40).collect();
        match name.trim_matches('-') {
            "" => "other".to_owned(),
            name => name.to_owned(),
        }
    }

    /// What stands at a path is told by its name: a volume may be mounted later. The same place has one address,
    /// wherever it is named from.
    fn of_path(path: &Path) -> Result<Self, BadFeed> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path: PathBuf = path.components().collect();
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => Ok(Self::Folder(path)),
            Some("zip") => Ok(Self::Archive(path)),
            Some("json") => Ok(Self::Record(path)),
            None => Ok(Self::Folder(path)),
            Some(_) => Err(BadFeed::Path(path)),
        }
    }

    /// For people: without credentials.
    pub fn shown(&self) -> String {
        match self {
            Self::Folder(path) | Self::Archive(path) | Self::Record(path) => path.display().to_string(),
            Self::Url(url) => crate::http::RedactedUrl::parse(url.as_str())
                .map_or_else(|_| "an address".to_owned(), |url| url.to_string()),
        }
    }
}

/// What is remembered of a feed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Where it was last read from.
    pub(super) address: String,
    /// When it was last read with success, and when as a whole.
    pub(super) read_at: Option<Timestamp>,
    pub(super) whole_at: Option<Timestamp>,
    /// The newest `modified`.
    pub(super) newest: Option<Timestamp>,
    /// Records held, malware among them, and records that were refused.
    pub(super) records: u64,
    pub(super) malicious: u64,
    pub(super) refused: u64,
    /// Package URL types that its records speak of.
    pub(super) types: Vec<String>,
    /// Of the archive and of the list of changes.
    pub(super) archive: Validators,
    pub(super) changes: Validators,
    /// The last failure, and when failures began.
    pub(super) failure: Option<String>,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) tried_at: Option<Timestamp>,
}

impl State {
    /// It was read, or did not change.
    pub(super) fn succeeded(&mut self, now: Timestamp) {
        (self.read_at, self.tried_at) = (Some(now), Some(now));
        (self.failure, self.failing_since) = (None, None);
    }

    pub(super) fn told(self, name: String) -> SourceState {
        SourceState {
            name,
            records: self.records,
            types: self.types,
            malicious: self.malicious,
            refused: self.refused,
            newest: self.newest,
            read_at: self.read_at,
            failure: self.failure,
            failing_since: self.failing_since,
        }
    }
}
