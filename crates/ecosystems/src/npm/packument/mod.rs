//! A packument: all that a registry says of one package
//! (<https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>).
//!
//! Popular packages have thousands of versions and tens of megabytes. What is kept of one is an index: where each
//! version's own text stands in the body, and the few fields that decide what is served. The texts are read again
//! when a page is rendered from them, and go out as they came.

mod object;
mod project;
mod read;
mod render;
mod repaired;
#[cfg(test)]
mod tests;

pub use read::{PackumentError, fuzz, parse};
pub(crate) use render::{Form, Rendering, Shown};
pub(crate) use repaired::Repaired;

use super::names;
use crate::pages::Parsed;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::digest::Checksum;
use trustmill_core::{Sha256, Timestamp};

/// What is asked of a registry: the whole packument, for only it says when versions were published.
pub(crate) const ACCEPT: &str = "application/json";
/// What is asked where the whole one is larger than may be read.
pub(crate) const ACCEPT_SHORT: &str = "application/vnd.npm.install-v1+json";

/// The index of one package's packument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packument {
    /// The package's name.
    pub name: String,
    /// The SHA-256 of the body that was read.
    pub digest: Sha256,
    /// Every version that can be served, in the registry's order.
    pub versions: Vec<Listed>,
    /// `dist-tags` that name one of them.
    pub tags: BTreeMap<String, String>,
    /// When the package was made, where the registry says.
    pub created: Option<Timestamp>,
    /// When it was last changed, where the registry says.
    pub modified: Option<Timestamp>,
    /// Indexes into `versions`, ordered by version text.
    order: Vec<u32>,
    /// The other fields, as text of the body.
    other: Vec<(String, Span)>,
    /// The body, where nobody else keeps it.
    body: Option<Bytes>,
    size: usize,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The version.
    pub version: Box<str>,
    /// When it was published, where the registry says.
    pub time: Option<Timestamp>,
    /// Where its file is.
    pub tarball: Tarball,
    /// The strongest digest of its file that the registry states.
    pub promised: Option<Checksum>,
    /// Whether its publisher advises against it.
    pub deprecated: bool,
    /// Whether installing it runs something.
    pub install_script: bool,
    /// Its licence, in its publisher's words. One text for all versions that say the same.
    pub licence: Option<Arc<str>>,
    span: Span,
}

/// Where a version's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tarball {
    /// Where the registry has every file: `{name}/-/{base}-{version}.tgz` below its address.
    Usual,
    /// Elsewhere on the registry's own host.
    At(Box<str>),
    /// On another host, which is not asked; or nowhere.
    Elsewhere,
}

/// A part of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, body: &str) -> Option<&str> {
        let start = usize::try_from(self.start).ok()?;
        body.get(start..start.checked_add(usize::try_from(self.len).ok()?)?)
    }
}

impl Packument {
    /// The version, if it is listed.
    pub fn find(&self, version: &str) -> Option<(usize, &Listed)> {
        let text = |index: &u32| self.listed(*index).map_or("", |listed| &*listed.version);
        let at = self.order.binary_search_by(|index| text(index).cmp(version)).ok()?;
        let index = *self.order.get(at)?;
        Some((usize::try_from(index).ok()?, self.listed(index)?))
    }

    fn listed(&self, index: u32) -> Option<&Listed> {
        self.versions.get(usize::try_from(index).ok()?)
    }

    /// The version that a file of this package belongs to, under either of its names (see [`names`]).
    pub fn find_file(&self, file: &str) -> Option<(usize, &Listed)> {
        self.find(names::version_in(&self.name, file)?)
    }

    /// The body, where it is kept in memory.
    pub(crate) fn body(&self) -> Option<Bytes> {
        self.body.clone()
    }

    /// Leaves the body to a store.
    pub(crate) fn without_body(self) -> Self {
        Self { body: None, ..self }
    }

    /// Length of the body, in bytes.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }
}

impl Parsed for Packument {
    fn weight(&self) -> usize {
        let versions: usize = self.versions.iter().map(Listed::weight).sum();
        512 + versions + self.tags.len() * 128 + self.body.as_ref().map_or(0, Bytes::len)
    }
}

impl Listed {
    fn weight(&self) -> usize {
        let url = if let Tarball::At(url) = &self.tarball { url.len() } else { 0 };
        size_of::<Self>() + 16 + self.version.len() + url + if self.promised.is_some() { 64 } else { 0 }
    }
}
