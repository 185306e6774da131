//! A project's page of a package index: PEP 503 (HTML), PEP 691 (JSON) and the fields that PEP 592, 658,
//! 700, 714 and 740 added, read from foreign bytes under limits.
//!
//! The two readers only take the page apart (`html`, `json`). What may go further is decided once,
//! here: a file whose name is not that of a distribution of the project is left out with a warning.

mod html;
mod json;

use super::{names, version};
use std::collections::{BTreeMap, HashSet};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::release::Project;
use trustmill_core::{Sha256, Timestamp};
use url::Url;

/// Largest page that is read, in bytes. The largest of the public index has a quarter of it.
pub const MAX_PAGE_BYTES: usize = 64 << 20;
/// Most files that a page may list.
pub const MAX_FILES: usize = 200_000;
/// Most versions that a page may list (PEP 700).
pub const MAX_VERSIONS: usize = 100_000;
/// Longest text of one field: a URL, a reason, a requirement.
pub const MAX_FIELD: usize = 4096;

/// What to ask an index for: JSON first, HTML where it knows no better (PEP 691, "version + format selection").
pub const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// One project as an index lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectPage {
    /// Normalised name.
    pub name: String,
    /// Its files in the index's order. Only distributions of this project.
    pub files: Vec<ListedFile>,
    /// The versions as the page lists them (PEP 700), normalised; empty where it lists none.
    pub versions: Vec<String>,
}

/// A file, with what only an index of this ecosystem says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// What every ecosystem knows of a file.
    pub artifact: Artifact,
    /// Digests beside SHA-256, by algorithm, as the page states them. Nothing relies on them.
    pub other_hashes: BTreeMap<String, String>,
    /// Whether a metadata file is offered apart (PEP 658), even if the page states no digest for it.
    pub has_metadata: bool,
    /// Whether a detached signature is offered, where the page says.
    pub gpg_sig: Option<bool>,
    /// Where the publisher's attestations are (PEP 740).
    pub provenance: Option<String>,
}

/// Why a page cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// A limit of this reader.
    #[error("it has more than {limit} {what}")]
    TooMuch {
        /// Bytes, files, versions.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Neither JSON nor HTML.
    #[error("its content type {0:?} is none of a package index")]
    ContentType(String),
    /// A major version of the protocol that this code does not know (PEP 629).
    #[error("it speaks version {0:?} of the index protocol")]
    ApiVersion(String),
    /// It is no JSON of this shape.
    #[error("it is not a PEP 691 page: {0}")]
    Json(String),
    /// It is no HTML that could be read.
    #[error("it is not a PEP 503 page: {0}")]
    Html(&'static str),
}

/// What either reader found for one file, nothing checked.
#[derive(Debug, Default)]
struct RawFile {
    filename: String,
    url: String,
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    /// `Some(None)`: offered, no digest.
    metadata: Option<Option<String>>,
    yanked: Option<String>,
    size: Option<u64>,
    upload_time: Option<String>,
    gpg_sig: Option<bool>,
    provenance: Option<String>,
}

/// What either reader found.
#[derive(Debug, Default)]
struct RawPage {
    files: Vec<RawFile>,
    versions: Vec<String>,
    /// `<base href>`.
    base: Option<String>,
}

/// Reads a page of `project` (normalised) that came from `url` with `content_type`.
///
/// # Errors
/// A limit, an unknown type or version, or a page that does not have the shape.
pub fn parse(project: &str, url: &Url, content_type: &str, body: &[u8]) -> Result<ProjectPage, PageError> {
    if body.len() > MAX_PAGE_BYTES {
        return Err(PageError::TooMuch { what: "bytes", limit: MAX_PAGE_BYTES });
    }
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let raw = match media.as_str() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => json::read(body)?,
        "application/vnd.pypi.simple.v1+html" | "text/html" | "application/xhtml+xml" => html::read(body)?,
        _ => return Err(PageError::ContentType(media.chars().take(80).collect())),
    };
    let base = raw.base.and_then(|base| url.join(&base).ok());
    let base = base.as_ref().unwrap_or(url);
    let mut seen = HashSet::new();
    let files = raw.files.into_iter().filter_map(|file| admit(project, base, file));
    // A name stands for one file: of two entries, the first counts, for listing and for download alike.
    let mut files: Vec<_> = files.filter(|file| seen.insert(file.artifact.filename.clone())).collect();
    // The page is kept: room to grow would be, too.
    files.shrink_to_fit();
    let versions = raw.versions.iter().filter_map(|text| version::normalise(text)).collect();
    Ok(ProjectPage { name: project.to_owned(), files, versions })
}

/// Turns what a page says of one file into a file, or leaves it out.
fn admit(project: &str, base: &Url, raw: RawFile) -> Option<ListedFile> {
    let parsed = match names::parse_filename(project, &raw.filename) {
        Ok(parsed) => parsed,
        Err(names::FilenameError::Version) => {
            tracing::debug!(project, filename = raw.filename, "file left out: no PEP 440 version");
            return None;
        }
        Err(why) => {
            tracing::warn!(project, filename = ?raw.filename, %why, "file left out of the index");
            return None;
        }
    };
    let Some(url) = file_url(base, &raw.url) else {
        tracing::warn!(project, filename = raw.filename, "file left out of the index: unusable URL");
        return None;
    };
    let mut hashes = raw.hashes;
    let stated = hashes.remove("sha256");
    let sha256 = match stated.map(|hex| hex.parse::<Sha256>()).transpose() {
        Ok(digest) => digest,
        Err(why) => {
            tracing::warn!(project, filename = raw.filename, %why, "file left out of the index");
            return None;
        }
    };
    let is_wheel = parsed.wheel.is_some();
    let metadata_sha256 = raw.metadata.clone().flatten().and_then(|hex| hex.parse().ok());
    let artifact = Artifact {
        filename: raw.filename,
        kind: parsed.kind,
        version: parsed.version,
        sha256,
        size: raw.size,
        upload_time: raw.upload_time.as_deref().and_then(instant),
        url,
        yanked: raw.yanked,
        requires_runtime: raw.requires_python,
        metadata_sha256: metadata_sha256.filter(|_| is_wheel),
        integrity: None,
        hints: BTreeMap::new(),
    };
    Some(ListedFile {
        artifact,
        // A map that was emptied keeps its node: half a kilobyte for every file of every page in memory.
        other_hashes: if hashes.is_empty() { BTreeMap::new() } else { hashes },
        has_metadata: raw.metadata.is_some() && is_wheel,
        gpg_sig: raw.gpg_sig,
        provenance: raw.provenance,
    })
}

/// The absolute URL of a file, without its fragment; only what the HTTP client speaks.
fn file_url(base: &Url, text: &str) -> Option<String> {
    let mut url = base.join(text).ok()?;
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

/// An upload time (PEP 700): RFC 3339. An unreadable one is none, and views of the past leave the file out.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

impl ProjectPage {
    /// The page in the words of the domain. Files of one release carry one spelling of its version: that
    /// of the page's own list, else that of the first file.
    pub fn project(&self) -> Project {
        let mut spelt: BTreeMap<pep440_rs::Version, String> = BTreeMap::new();
        let of_files = self.files.iter().map(|file| &file.artifact.version);
        for text in self.versions.iter().chain(of_files) {
            if let Some(parsed) = version::parse(text) {
                spelt.entry(parsed).or_insert_with(|| text.clone());
            }
        }
        let files = self.files.iter().map(|file| {
            let one = version::parse(&file.artifact.version).and_then(|parsed| spelt.get(&parsed));
            let version = one.unwrap_or(&file.artifact.version).clone();
            let mut artifact = Artifact { version, ..file.artifact.clone() };
            if let Some(statement) = &file.provenance {
                artifact.hints.insert(Artifact::PROVENANCE.to_owned(), statement.clone());
            }
            artifact
        });
        Project {
            name: self.name.clone(),
            files: files.collect(),
            versions: spelt.values().cloned().collect(),
        }
    }

    /// The file of that name.
    pub fn file(&self, filename: &str) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.artifact.filename == filename)
    }

    /// A rough count of the bytes that the page holds in memory, for bounded caches.
    pub(in crate::pypi) fn weight(&self) -> usize {
        self.files.len().saturating_mul(700) + self.versions.len().saturating_mul(48) + 512
    }
}

impl ListedFile {
    /// Whether this is a wheel, of any platform.
    pub fn is_wheel(&self) -> bool {
        matches!(self.artifact.kind, ArtifactKind::Portable | ArtifactKind::Native)
    }
}

/// Reads foreign bytes as an index page of a made-up project: the entry for fuzzing. The first byte
/// chooses the reader.
pub fn fuzz(input: &[u8]) -> Option<ProjectPage> {
    let url = Url::parse("http://index.invalid/simple/a/").ok()?;
    let (choice, body) = input.split_first()?;
    let kind = if choice % 2 == 0 { "application/vnd.pypi.simple.v1+json" } else { "text/html" };
    parse("a", &url, kind, body).ok()
}

#[cfg(test)]
mod tests;
