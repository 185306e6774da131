//! Reads the index out of a packument's body.

use super::object::{Object, text};
use super::{Listed, Packument, Span, Tarball};
use crate::npm::{names, version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use trustmill_core::digest::Checksum;
use trustmill_core::{Sha256, Timestamp};
use url::Url;

/// Largest packument that is read, in bytes.
pub(crate) const MAX_BODY: usize = 100 << 20;
/// Longest URL of a file.
const MAX_URL: usize = 2048;
/// Longest licence.
const MAX_LICENCE: usize = 512;
/// Most licences to choose from.
const MAX_LICENCES: usize = 16;
/// Scripts that run when a package is installed.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];
/// Most `dist-tags`.
const MAX_TAGS: usize = 10_000;

/// Why a body is no packument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackumentError {
    /// Too long.
    #[error("the packument is longer than {MAX_BODY} bytes")]
    TooLarge,
    /// No JSON object in UTF-8, or one with too many keys.
    #[error("the packument is not a JSON object that can be read")]
    NoObject,
    /// Another package's.
    #[error("the packument is that of another package")]
    OtherName,
    /// No `versions`.
    #[error("the packument lists no versions")]
    NoVersions,
}

/// Reads the packument of `name` that the registry at `registry` sent.
///
/// Versions that could not be served are left out: whose text is no object, names another package or another
/// version, or whose version no URL could carry.
///
/// # Errors
/// The body is too long, or no packument of this package.
pub fn parse(name: &str, registry: &Url, body: Bytes) -> Result<Packument, PackumentError> {
    if body.len() > MAX_BODY {
        return Err(PackumentError::TooLarge);
    }
    let whole = std::str::from_utf8(&body).map_err(|_| PackumentError::NoObject)?;
    let document = Object::read(whole).ok_or(PackumentError::NoObject)?;
    if document.text("name").is_some_and(|stated| stated != name) {
        return Err(PackumentError::OtherName);
    }
    let listed = document.get("versions").and_then(Object::read).ok_or(PackumentError::NoVersions)?;
    let mut times = document.get("time").map(read_times).unwrap_or_default();
    let mut place = Place { name, registry, whole, licences: HashSet::new() };
    let mut versions: Vec<Listed> = Vec::new();
    for (version, raw) in listed.iter() {
        match place.listed(version, raw, times.remove(version)) {
            Some(listed) => versions.push(listed),
            None => tracing::debug!(name, ?version, "a version that cannot be served is left out"),
        }
    }
    let known = ["_id", "_rev", "name", "dist-tags", "versions", "time", "_attachments", "modified"];
    let other = document.iter().filter(|(key, _)| !known.contains(key));
    let other = other.filter_map(|(key, raw)| Some((key.to_owned(), place.span(raw)?))).collect();
    let modified = times.remove("modified");
    let modified = modified.or_else(|| document.text("modified").and_then(|text| text.parse().ok()));
    let order = order_of(&versions);
    let mut packument = Packument {
        name: name.to_owned(),
        digest: Sha256::of(&body),
        tags: BTreeMap::new(),
        created: times.remove("created"),
        modified,
        size: body.len(),
        versions,
        order,
        other,
        body: None,
    };
    packument.tags = document.get("dist-tags").map(|raw| read_tags(raw, &packument)).unwrap_or_default();
    packument.versions.shrink_to_fit();
    packument.body = Some(body);
    Ok(packument)
}

/// For the fuzz target: reads `data` as the packument of `a`.
#[doc(hidden)]
pub fn fuzz(data: &[u8]) -> Option<Packument> {
    let registry = Url::parse("https://registry.invalid/npm/").ok()?;
    parse("a", &registry, Bytes::copy_from_slice(data)).ok()
}

pub(super) fn order_of(versions: &[Listed]) -> Vec<u32> {
    // There are no more versions than an object has keys.
    let mut order: Vec<u32> = (0..u32::try_from(versions.len()).unwrap_or(u32::MAX)).collect();
    let text = |index: &u32| versions.get(*index as usize).map_or("", |listed| &*listed.version);
    order.sort_by(|a, b| text(a).cmp(text(b)));
    order
}

/// Instants by version; what is no instant is left out.
fn read_times(raw: &str) -> HashMap<String, Timestamp> {
    let Some(times) = Object::read(raw) else { return HashMap::new() };
    times.iter().filter_map(|(key, raw)| Some((key.to_owned(), text(raw)?.parse().ok()?))).collect()
}

/// Tags that name a listed version. A tag that looks like a version would hide one.
fn read_tags(raw: &str, packument: &Packument) -> BTreeMap<String, String> {
    let Some(tags) = Object::read(raw) else { return BTreeMap::new() };
    let tags = tags.iter().take(MAX_TAGS).filter_map(|(tag, raw)| {
        let version = text(raw)?;
        let fits = !tag.is_empty() && version::parse(tag).is_none() && packument.find(&version).is_some();
        fits.then(|| (tag.to_owned(), version.into_owned()))
    });
    tags.collect()
}

/// Where a version's text stands.
struct Place<'a> {
    name: &'a str,
    registry: &'a Url,
    whole: &'a str,
    /// Those that were read, each once.
    licences: HashSet<Arc<str>>,
}

impl Place<'_> {
    fn listed(&mut self, version: &str, raw: &str, time: Option<Timestamp>) -> Option<Listed> {
        let manifest = Object::read(raw)?;
        let says = |key: &str, expected: &str| manifest.text(key).is_none_or(|stated| stated == expected);
        if !version::is_safe(version) || !says("name", self.name) || !says("version", version) {
            return None;
        }
        let dist = manifest.get("dist").and_then(Object::read).unwrap_or_default();
        let deprecated = manifest.text("deprecated").is_some_and(|text| !text.is_empty());
        Some(Listed {
            version: version.into(),
            time,
            tarball: self.tarball(version, dist.text("tarball").as_deref()),
            promised: promised(dist.text("integrity"), dist.text("shasum")),
            deprecated,
            install_script: has_install_script(&manifest),
            licence: licence(&manifest).map(|text| self.once(&text)),
            span: self.span(raw)?,
        })
    }

    fn once(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.licences.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.licences.insert(text.clone());
        text
    }

    /// `raw` is a part of the whole, and the whole is shorter than 4 GiB.
    fn span(&self, raw: &str) -> Option<Span> {
        let start = (raw.as_ptr() as usize).checked_sub(self.whole.as_ptr() as usize)?;
        Some(Span { start: u32::try_from(start).ok()?, len: u32::try_from(raw.len()).ok()? })
    }

    /// Files come from the registry's own host. Some proxies hand on the addresses of the registry above them;
    /// where such a one has the usual path, the file is under that path here as well, which is also how npm
    /// itself follows a lockfile from another registry.
    fn tarball(&self, version: &str, url: Option<&str>) -> Tarball {
        let usual = usual_path(self.name, version);
        let Some(mut url) = url.filter(|url| url.len() <= MAX_URL).and_then(|url| Url::parse(url).ok())
        else {
            return Tarball::Usual;
        };
        let is_usual = url.path().replace("%2f", "/").replace("%2F", "/").ends_with(&format!("/{usual}"));
        if is_usual {
            return Tarball::Usual;
        }
        if url.host() != self.registry.host() || !matches!(url.scheme(), "http" | "https") {
            return Tarball::Elsewhere;
        }
        // The registry's early entries say http; whoever configured https means it.
        let moved = url.set_scheme(self.registry.scheme()).and_then(|()| url.set_port(self.registry.port()));
        url.set_fragment(None);
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        if moved.is_err() { Tarball::Elsewhere } else { Tarball::At(url.as_str().into()) }
    }
}

/// `{name}/-/{base}-{version}.tgz`.
pub(super) fn usual_path(name: &str, version: &str) -> String {
    format!("{name}/-/{}", names::tarball(name, version))
}

/// Whether an installer would run something. A `binding.gyp` is an install script too; `gypfile` says so.
pub(super) fn has_install_script(manifest: &Object<'_>) -> bool {
    let scripts = || manifest.get("scripts").and_then(Object::read).unwrap_or_default();
    let runs = |scripts: &Object<'_>| {
        let runs = |name: &&str| scripts.text(name).is_some_and(|script| !script.trim().is_empty());
        INSTALL_SCRIPTS.iter().any(runs)
    };
    let said = |key: &str| manifest.get(key) == Some("true");
    said("hasInstallScript") || said("gypfile") || runs(&scripts())
}

/// The licence: an SPDX expression as a rule. In the early years an object had its name, and a list was a choice.
fn licence(manifest: &Object<'_>) -> Option<String> {
    let one = |raw: &str| match Object::read(raw) {
        Some(object) => object.text("type").map(Cow::into_owned),
        None => text(raw).map(Cow::into_owned),
    };
    let several = |raw: &str| {
        let raw: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
        let names: Option<Vec<String>> = raw.iter().take(MAX_LICENCES).map(|raw| one(raw.get())).collect();
        names.filter(|names| !names.is_empty()).map(|names| names.join(" OR "))
    };
    let raw = manifest.get("license").or_else(|| manifest.get("licenses"))?;
    one(raw).or_else(|| several(raw)).filter(|text| !text.is_empty() && text.len() <= MAX_LICENCE)
}

/// The strongest digest that is stated (Subresource Integrity, and the hexadecimal SHA-1 of the early years).
fn promised(integrity: Option<Cow<'_, str>>, shasum: Option<Cow<'_, str>>) -> Option<Checksum> {
    let stated = integrity.as_deref().unwrap_or_default().split_ascii_whitespace().take(16);
    let read = |entry: &str| {
        let (algorithm, digest) = entry.split_once('-')?;
        let digest = digest.split('?').next()?;
        Checksum::new(algorithm, &BASE64_STANDARD.decode(digest).ok()?)
    };
    // The order of the variants is that of their strength.
    let strongest = stated.filter_map(read).max_by_key(|checksum| checksum.as_bytes().len());
    strongest.or_else(|| format!("sha1:{}", shasum?).parse().ok())
}
