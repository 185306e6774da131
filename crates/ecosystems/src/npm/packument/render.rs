//! Pages out of a packument: the versions' own texts, with the addresses and the words that are the mill's.

use super::object::Object;
use super::{Listed, Packument};
use crate::npm::names;
use std::collections::BTreeMap;
use trustmill_core::Timestamp;

/// Which of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// All that the registry says.
    Full,
    /// What an installer needs.
    Short,
}

impl Form {
    /// `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Full => "application/json",
            Self::Short => "application/vnd.npm.install-v1+json",
        }
    }
}

/// What the short form has of a version: the registry's own list, and what newer clients ask for.
const SHORT: [&str; 21] = [
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "dist",
    "engines",
    "cpu",
    "os",
    "libc",
    "funding",
    "_hasShrinkwrap",
    "hasInstallScript",
];

/// A version that a page shows.
pub(crate) struct Shown<'a> {
    /// It.
    pub(crate) listed: &'a Listed,
    /// What `deprecated` says instead of the publisher's own words.
    pub(crate) warning: Option<&'a str>,
}

/// What is rendered.
pub(crate) struct Rendering<'a> {
    /// The package.
    pub(crate) packument: &'a Packument,
    /// Its body.
    pub(crate) body: &'a str,
    /// The address that files are given below: `http://HOST/npm`.
    pub(crate) base: &'a str,
    /// Which form.
    pub(crate) form: Form,
}

impl Rendering<'_> {
    /// The packument with these versions and tags. Nothing comes out if the body is not the one that was read.
    pub(crate) fn page(
        &self,
        shown: &[Shown<'_>],
        tags: &BTreeMap<String, String>,
        past: bool,
    ) -> Option<String> {
        let packument = self.packument;
        let mut out = String::with_capacity(if self.form == Form::Full { packument.size() } else { 4096 });
        let mut page = Writer::object(&mut out);
        if self.form == Form::Full {
            page.string("_id", &packument.name);
        }
        page.string("name", &packument.name);
        page.key("dist-tags");
        write_map(page.out, tags.iter().map(|(tag, version)| (tag.as_str(), version.as_str())));
        page.key("versions");
        let mut versions = Writer::object(page.out);
        for shown in shown {
            versions.key(&shown.listed.version);
            self.manifest(versions.out, shown)?;
        }
        versions.end();
        let newest = shown.iter().filter_map(|shown| shown.listed.time).max();
        let modified = if past { newest } else { packument.modified.or(newest) };
        if self.form == Form::Short
            && let Some(modified) = modified
        {
            page.string("modified", &instant(modified));
        }
        page.key("time");
        self.times(page.out, shown, modified);
        // What is said of the package as a whole is said of its newest version; a view of the past has it too,
        // since nothing in it is installed.
        for (key, span) in packument.other.iter().filter(|_| self.form == Form::Full) {
            page.raw(key, span.of(self.body)?);
        }
        page.end();
        Some(out)
    }

    /// The document of one version.
    pub(crate) fn version(&self, shown: &Shown<'_>) -> Option<String> {
        let mut out = String::new();
        self.manifest(&mut out, shown)?;
        Some(out)
    }

    fn manifest(&self, out: &mut String, shown: &Shown<'_>) -> Option<()> {
        let manifest = Object::read(shown.listed.span.of(self.body)?)?;
        let mut fields = Writer::object(out);
        let (mut has_dist, mut says_scripts) = (false, false);
        for (key, raw) in manifest.iter() {
            if self.form == Form::Short && !SHORT.contains(&key) {
                continue;
            }
            match key {
                "dist" => {
                    has_dist = true;
                    fields.key("dist");
                    self.dist(fields.out, Object::read(raw).unwrap_or_default(), &shown.listed.version);
                }
                "deprecated" if shown.warning.is_some() => {}
                _ => {
                    says_scripts |= key == "hasInstallScript";
                    fields.raw(key, raw);
                }
            }
        }
        if let Some(warning) = shown.warning {
            fields.string("deprecated", warning);
        }
        if !has_dist {
            fields.key("dist");
            self.dist(fields.out, Object::default(), &shown.listed.version);
        }
        if self.form == Form::Short && !says_scripts && shown.listed.install_script {
            fields.raw("hasInstallScript", "true");
        }
        fields.end();
        Some(())
    }

    fn dist(&self, out: &mut String, dist: Object<'_>, version: &str) {
        let mut fields = Writer::object(out);
        for (key, raw) in dist.iter().filter(|(key, _)| *key != "tarball") {
            fields.raw(key, raw);
        }
        let name = &self.packument.name;
        fields.string("tarball", &format!("{}/{name}/-/{}", self.base, names::tarball(name, version)));
        fields.end();
    }

    fn times(&self, out: &mut String, shown: &[Shown<'_>], modified: Option<Timestamp>) {
        let mut times = Writer::object(out);
        if let Some(created) = self.packument.created {
            times.string("created", &instant(created));
        }
        if let Some(modified) = modified {
            times.string("modified", &instant(modified));
        }
        for (listed, time) in shown.iter().filter_map(|shown| Some((shown.listed, shown.listed.time?))) {
            times.string(&listed.version, &instant(time));
        }
        times.end();
    }
}

/// As JavaScript's `toISOString` writes it: three digits.
fn instant(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn write_map<'a>(out: &mut String, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut fields = Writer::object(out);
    for (key, value) in entries {
        fields.string(key, value);
    }
    fields.end();
}

/// Writes an object, field by field.
pub(super) struct Writer<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn object(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        quote(self.out, key);
        self.out.push(':');
    }

    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(self.out, value);
    }

    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }
}

fn quote(out: &mut String, value: &str) {
    // Text always serialises.
    out.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "\"\"".to_owned()));
}
