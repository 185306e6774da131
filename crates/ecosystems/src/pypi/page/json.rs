//! PEP 691 pages, with the fields of PEP 592, 658, 700, 714 and 740.

use super::{MAX_FIELD, MAX_FILES, MAX_VERSIONS, PageError, RawFile, RawPage};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// Most algorithms that one file may state digests of.
const MAX_HASHES: usize = 16;

#[derive(Deserialize)]
struct Page {
    meta: Meta,
    files: Bounded<File, MAX_FILES>,
    versions: Option<Bounded<Text, MAX_VERSIONS>>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    filename: Text,
    url: Text,
    hashes: Hashes,
    requires_python: Option<Text>,
    core_metadata: Option<Metadata>,
    dist_info_metadata: Option<Metadata>,
    yanked: Option<Yanked>,
    size: Option<u64>,
    upload_time: Option<Text>,
    gpg_sig: Option<bool>,
    provenance: Option<Text>,
}

/// Takes a page apart.
pub(super) fn read(body: &[u8]) -> Result<RawPage, PageError> {
    let page: Page = serde_json::from_slice(body).map_err(|error| PageError::Json(error.to_string()))?;
    if page.meta.api_version.split('.').next() != Some("1") {
        return Err(PageError::ApiVersion(page.meta.api_version.chars().take(20).collect()));
    }
    let versions = page.versions.map(|list| list.0).unwrap_or_default();
    Ok(RawPage {
        files: page.files.0.into_iter().map(RawFile::from).collect(),
        versions: versions.into_iter().map(|text| text.0).collect(),
        base: None,
    })
}

impl From<File> for RawFile {
    fn from(file: File) -> Self {
        let text = |text: Option<Text>| text.map(|text| text.0);
        // PEP 714: the newer name wins; either may be there.
        let metadata = file.core_metadata.or(file.dist_info_metadata);
        Self {
            filename: file.filename.0,
            url: file.url.0,
            hashes: file.hashes.0,
            requires_python: text(file.requires_python),
            metadata: metadata.and_then(|metadata| metadata.0),
            yanked: file.yanked.and_then(|yanked| yanked.0),
            size: file.size,
            upload_time: text(file.upload_time),
            gpg_sig: file.gpg_sig,
            provenance: text(file.provenance),
        }
    }
}

/// A text of bounded length.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        if text.len() > MAX_FIELD {
            return Err(D::Error::custom(format_args!("a text is longer than {MAX_FIELD} bytes")));
        }
        Ok(Self(text.into_owned()))
    }
}

/// A list of bounded length: the limit holds while reading, not after.
struct Bounded<T, const MAX: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX {
                        return Err(A::Error::custom(format_args!("more than {MAX} entries")));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Items::<T, MAX>(PhantomData)).map(Self)
    }
}

/// Digests by algorithm.
struct Hashes(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "digests by algorithm")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut hashes = BTreeMap::new();
                while let Some((Text(name), Text(digest))) = map.next_entry()? {
                    if hashes.len() == MAX_HASHES {
                        return Err(A::Error::custom("too many digests"));
                    }
                    hashes.insert(name, digest);
                }
                Ok(hashes)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// `false`, `true`, or digests (PEP 658): `None`, `Some(None)`, `Some(Some(hex))`.
struct Metadata(Option<Option<String>>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            Flag(bool),
            Digests(Hashes),
        }
        Ok(Self(match Shape::deserialize(deserializer)? {
            Shape::Flag(offered) => offered.then_some(None),
            Shape::Digests(mut hashes) => Some(hashes.0.remove("sha256")),
        }))
    }
}

/// `false`, `true`, or a reason (PEP 592); the reason of `true` is empty.
struct Yanked(Option<String>);

impl<'de> Deserialize<'de> for Yanked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            Flag(bool),
            Reason(Text),
            Other(IgnoredAny),
        }
        match Shape::deserialize(deserializer)? {
            Shape::Flag(yanked) => Ok(Self(yanked.then(String::new))),
            Shape::Reason(Text(reason)) => Ok(Self(Some(reason))),
            Shape::Other(_) => Err(D::Error::custom("`yanked` is neither a flag nor a reason")),
        }
    }
}
