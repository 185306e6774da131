//! A packument with repaired releases beside the published ones.
//!
//! A repaired release says of itself what the one that it repairs says, but for its version and its digest. Its text is
//! put behind the body, so that the places of all others stay what they were.

use super::object::Object;
use super::render::Writer;
use super::{Listed, Packument, Span, Tarball, read};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;

/// A release that repairs another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// Its version.
    pub(crate) version: String,
    /// The version that it repairs.
    pub(crate) of: String,
    /// The digest of its file.
    pub(crate) sha256: Sha256,
}

impl Packument {
    /// The packument with these releases; `body` is its own. One that repairs what is not listed is left out.
    pub(crate) fn with_repaired(&self, body: &Bytes, releases: &[Repaired]) -> Option<Self> {
        let whole = std::str::from_utf8(body).ok()?;
        let mut text = whole.to_owned();
        let mut versions = self.versions.clone();
        for one in releases {
            let Some((_, listed)) = self.find(&one.of).filter(|_| self.find(&one.version).is_none()) else {
                continue;
            };
            let Some(manifest) = listed.span.of(whole).and_then(Object::read) else { continue };
            let start = text.len() + 1;
            text.push('\n');
            written(&mut text, &manifest, &self.name, one);
            let span =
                Span { start: u32::try_from(start).ok()?, len: u32::try_from(text.len() - start).ok()? };
            versions.push(Listed {
                version: one.version.as_str().into(),
                tarball: Tarball::Usual,
                promised: Some(Checksum::Sha256(one.sha256)),
                span,
                ..listed.clone()
            });
        }
        let body = Bytes::from(text);
        Some(Self {
            digest: Sha256::of(&body),
            order: read::order_of(&versions),
            size: body.len(),
            versions,
            body: Some(body),
            ..self.clone()
        })
    }
}

fn written(out: &mut String, manifest: &Object<'_>, name: &str, one: &Repaired) {
    let mut fields = Writer::object(out);
    for (key, raw) in manifest.iter().filter(|(key, _)| !matches!(*key, "version" | "_id" | "dist")) {
        fields.raw(key, raw);
    }
    fields.string("version", &one.version);
    fields.string("_id", &format!("{name}@{}", one.version));
    let mut dist = String::new();
    let mut inner = Writer::object(&mut dist);
    inner.string("integrity", &format!("sha256-{}", BASE64_STANDARD.encode(one.sha256.as_bytes())));
    inner.end();
    fields.raw("dist", &dist);
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Rendering, Shown, parse};
    use super::*;

    #[test]
    fn a_repaired_release_is_listed_beside_the_others() {
        let body = Bytes::from_static(
            br#"{"name":"kit","versions":{"1.2.0":{"name":"kit","version":"1.2.0","dependencies":{"a":"^1"},"dist":{"shasum":"00","tarball":"https://h.invalid/kit/-/kit-1.2.0.tgz"}}},"time":{"1.2.0":"2020-01-01T00:00:00.000Z"}}"#,
        );
        let registry = url::Url::parse("https://h.invalid/").unwrap();
        let packument = parse("kit", &registry, body.clone()).unwrap();
        let of =
            |of: &str| Repaired { version: "1.2.0-tm.1".into(), of: of.into(), sha256: Sha256::of(b"x") };
        let with = packument.with_repaired(&body, &[of("1.2.0"), of("9.9.9")]).unwrap();
        let body = with.body().unwrap();
        let rendering = Rendering {
            packument: &with,
            body: std::str::from_utf8(&body).unwrap(),
            base: "http://m/npm",
            form: Form::Full,
        };
        let (_, listed) = with.find("1.2.0-tm.1").unwrap();
        assert_eq!(listed.time, packument.versions[0].time);
        let text = rendering.version(&Shown { listed, warning: None }).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["version"], "1.2.0-tm.1");
        assert_eq!(value["dependencies"]["a"], "^1");
        assert_eq!(value["dist"]["tarball"], "http://m/npm/kit/-/kit-1.2.0-tm.1.tgz");
        assert!(value["dist"]["integrity"].as_str().unwrap().starts_with("sha256-"));
        assert!(value["dist"].get("shasum").is_none());
        assert_eq!(with.versions.len(), 2);
    }
}
