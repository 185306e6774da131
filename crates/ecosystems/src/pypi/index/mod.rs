//! Our own index pages: what `pip` and `uv` read, as JSON (PEP 691) and as HTML (PEP 503).
//!
//! URLs are relative, so that one rendered page serves under every mount and every host name.

mod negotiate;

pub use negotiate::{Representation, negotiate};

use crate::rendered;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;
use trustmill_core::port::registry::RenderedPage;
use trustmill_core::{Sha256, Timestamp};

/// What stays bare in a path segment: the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One file on a page.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its name.
    pub filename: &'a str,
    /// Its version, normalised.
    pub version: &'a str,
    /// The digest of what is served under the name, where one is known.
    pub sha256: Option<Sha256>,
    /// Further digests, by algorithm.
    pub other_hashes: Option<&'a BTreeMap<String, String>>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was uploaded.
    pub upload_time: Option<Timestamp>,
    /// `Requires-Python`.
    pub requires_python: Option<&'a str>,
    /// The digest of the metadata file that is served beside it (PEP 658).
    pub metadata: Option<Sha256>,
    /// `Some(reason)` if it is withdrawn (PEP 592).
    pub yanked: Option<&'a str>,
    /// Whether upstream has a detached signature.
    pub gpg_sig: Option<bool>,
    /// Whose attestations are offered (PEP 740).
    pub provenance: Option<Provenance<'a>>,
}

/// Where attestations of a file are.
#[derive(Debug, Clone, Copy)]
pub enum Provenance<'a> {
    /// Here: the mill's own.
    Ours,
    /// The publisher's, as upstream says.
    Upstream(&'a str),
}

/// The path of a file, seen from its project's page.
pub fn file_path(project: &str, filename: &str) -> String {
    format!(
        "../../files/{}/{}",
        utf8_percent_encode(project, SEGMENT),
        utf8_percent_encode(filename, SEGMENT)
    )
}

impl Entry<'_> {
    fn provenance_url(&self, project: &str) -> Option<String> {
        self.provenance.map(|place| match place {
            Provenance::Ours => file_path(project, self.filename) + ".provenance",
            Provenance::Upstream(url) => url.to_owned(),
        })
    }
}

/// Renders the page of a project. `versions` as PEP 700 wants them; `stale` says that upstream is down.
pub fn project(
    name: &str,
    entries: &[Entry<'_>],
    versions: &[&str],
    stale: bool,
    representation: Representation,
    max_age: Duration,
) -> RenderedPage {
    // PEP 700 (version 1.1 and later) makes `size` mandatory.
    let api = if entries.iter().all(|entry| entry.size.is_some()) { "1.3" } else { "1.0" };
    let body = match representation {
        Representation::Json => json_project(name, entries, versions, stale, api),
        Representation::VersionedHtml | Representation::Html => html_project(name, entries, stale, api),
    };
    finish(body, representation, max_age)
}

/// Renders the list of projects.
pub fn root(names: &[String], representation: Representation, max_age: Duration) -> RenderedPage {
    let body = match representation {
        Representation::Json => {
            let projects: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
            serde_json::json!({ "meta": { "api-version": "1.3" }, "projects": projects }).to_string()
        }
        Representation::VersionedHtml | Representation::Html => {
            let mut body = html_head("Simple index", "1.3");
            for name in names {
                let href = utf8_percent_encode(name, SEGMENT);
                let _ = writeln!(body, "<a href=\"{href}/\">{}</a><br>", escape(name));
            }
            body + "</body></html>\n"
        }
    };
    finish(body, representation, max_age)
}

fn finish(body: String, representation: Representation, max_age: Duration) -> RenderedPage {
    rendered::page(representation.content_type(), body, max_age)
}

#[derive(Serialize)]
struct JsonPage<'a> {
    meta: JsonMeta<'a>,
    name: &'a str,
    versions: &'a [&'a str],
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
struct JsonMeta<'a> {
    #[serde(rename = "api-version")]
    api_version: &'a str,
    /// Keys with an underscore are the server's own (PEP 691).
    #[serde(rename = "_stale", skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile<'a> {
    filename: &'a str,
    url: String,
    hashes: Hashes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requires_python: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_time: Option<String>,
    yanked: Yanked<'a>,
    /// PEP 714: under the new name and under the one that older installers read.
    core_metadata: Metadata,
    dist_info_metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpg_sig: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<String>,
}

struct Hashes<'a>(Option<Sha256>, Option<&'a BTreeMap<String, String>>);

impl Serialize for Hashes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(digest) = self.0 {
            map.serialize_entry("sha256", &digest)?;
        }
        for (name, digest) in self.1.into_iter().flatten() {
            map.serialize_entry(name, digest)?;
        }
        map.end()
    }
}

struct Yanked<'a>(Option<&'a str>);

impl Serialize for Yanked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some("") => serializer.serialize_bool(true),
            Some(reason) => serializer.serialize_str(reason),
        }
    }
}

struct Metadata(Option<Sha256>);

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some(digest) => Hashes(Some(digest), None).serialize(serializer),
        }
    }
}

fn json_project(name: &str, entries: &[Entry<'_>], versions: &[&str], stale: bool, api: &str) -> String {
    let files = entries.iter().map(|entry| JsonFile {
        filename: entry.filename,
        url: file_path(name, entry.filename),
        hashes: Hashes(entry.sha256, entry.other_hashes),
        requires_python: entry.requires_python,
        size: entry.size,
        // Six digits: older Pythons read three or six, nothing else.
        upload_time: entry.upload_time.map(|instant| format!("{instant:.6}")),
        yanked: Yanked(entry.yanked),
        core_metadata: Metadata(entry.metadata),
        dist_info_metadata: Metadata(entry.metadata),
        gpg_sig: entry.gpg_sig,
        provenance: entry.provenance_url(name),
    });
    let page =
        JsonPage { meta: JsonMeta { api_version: api, stale }, name, versions, files: files.collect() };
    // Texts, numbers and maps with text keys: nothing in it can fail to serialise.
    serde_json::to_string(&page).unwrap_or_default()
}

fn html_head(title: &str, api: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><meta name=\"pypi:repository-version\" content=\"{api}\">\
         <title>{title}</title></head><body>\n<h1>{title}</h1>\n"
    )
}

fn html_project(name: &str, entries: &[Entry<'_>], stale: bool, api: &str) -> String {
    let mut body = html_head(&format!("Links for {name}"), api);
    if stale {
        body.push_str("<!-- stale: upstream cannot be read just now -->\n");
    }
    for entry in entries {
        html_anchor(&mut body, name, entry);
    }
    body + "</body></html>\n"
}

fn html_anchor(body: &mut String, name: &str, entry: &Entry<'_>) {
    // Writing to a `String` does not fail.
    let _ = write!(body, "<a href=\"{}", file_path(name, entry.filename));
    if let Some(digest) = entry.sha256 {
        let _ = write!(body, "#sha256={digest}");
    }
    body.push('"');
    let mut attribute = |attribute: &str, value: &str| {
        let _ = write!(body, " data-{attribute}=\"{}\"", escape(value));
    };
    if let Some(requires) = entry.requires_python {
        attribute("requires-python", requires);
    }
    if let Some(digest) = entry.metadata {
        attribute("core-metadata", &format!("sha256={digest}"));
        attribute("dist-info-metadata", &format!("sha256={digest}"));
    }
    if let Some(reason) = entry.yanked {
        attribute("yanked", reason);
    }
    if let Some(signed) = entry.gpg_sig {
        attribute("gpg-sig", if signed { "true" } else { "false" });
    }
    if let Some(url) = entry.provenance_url(name) {
        attribute("provenance", &url);
    }
    let _ = writeln!(body, ">{}</a><br>", escape(entry.filename));
}

/// Escapes for element content and double-quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
