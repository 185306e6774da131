//! PEP 503 pages: anchors with `data-` attributes, through a tokenizer that follows the WHATWG's rules.

use super::{MAX_FIELD, MAX_FILES, PageError, RawFile, RawPage};
use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use percent_encoding::percent_decode_str;

/// Takes a page apart.
pub(super) fn read(body: &[u8]) -> Result<RawPage, PageError> {
    let mut page = RawPage::default();
    for token in Tokenizer::new(body) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        match tag.name.as_slice() {
            b"a" => {
                if page.files.len() == MAX_FILES {
                    return Err(PageError::TooMuch { what: "files", limit: MAX_FILES });
                }
                page.files.extend(anchor(&tag)?);
            }
            // The first one counts, as in a browser.
            b"base" if page.base.is_none() => page.base = attribute(&tag, "href")?,
            b"meta" => check_version(&tag)?,
            _ => {}
        }
    }
    Ok(page)
}

/// The file behind one anchor; `None` for an anchor that leads nowhere.
fn anchor(tag: &StartTag<()>) -> Result<Option<RawFile>, PageError> {
    let Some(href) = attribute(tag, "href")? else { return Ok(None) };
    let (url, fragment) = href.split_once('#').unwrap_or((&href, ""));
    let path = url.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let Ok(filename) = percent_decode_str(last).decode_utf8() else { return Ok(None) };
    let (filename, url) = (filename.into_owned(), url.trim().to_owned());
    let hashes = fragment
        .split('&')
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| !matches!(*name, "egg" | "subdirectory"))
        .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        .collect();
    let metadata = match attribute(tag, "data-core-metadata")? {
        Some(metadata) => Some(metadata),
        None => attribute(tag, "data-dist-info-metadata")?,
    };
    Ok(Some(RawFile {
        filename,
        url,
        hashes,
        requires_python: attribute(tag, "data-requires-python")?,
        metadata: metadata.filter(|text| text != "false").map(|text| {
            text.split_once('=').filter(|(name, _)| *name == "sha256").map(|(_, digest)| digest.to_owned())
        }),
        yanked: attribute(tag, "data-yanked")?,
        gpg_sig: attribute(tag, "data-gpg-sig")?.map(|text| text == "true"),
        provenance: attribute(tag, "data-provenance")?,
        ..RawFile::default()
    }))
}

/// The attribute's text, character references resolved.
fn attribute(tag: &StartTag<()>, name: &str) -> Result<Option<String>, PageError> {
    let Some(value) = tag.attributes.get(name.as_bytes()) else { return Ok(None) };
    let text: &HtmlString = value;
    if text.len() > MAX_FIELD {
        return Err(PageError::TooMuch { what: "bytes in an attribute", limit: MAX_FIELD });
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(PageError::Html("an attribute is not UTF-8")),
    }
}

/// PEP 629: a page of another major version is not understood.
fn check_version(tag: &StartTag<()>) -> Result<(), PageError> {
    if attribute(tag, "name")?.as_deref() != Some("pypi:repository-version") {
        return Ok(());
    }
    let version = attribute(tag, "content")?.unwrap_or_default();
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    Err(PageError::ApiVersion(version.chars().take(20).collect()))
}
