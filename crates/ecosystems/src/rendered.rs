//! A page as it goes out: validated by its content, compressed once, sent many times.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::time::Duration;
use trustmill_core::digest::Hasher;
use trustmill_core::port::registry::RenderedPage;

/// Shorter bodies do not get shorter.
const WORTH_GZIP: usize = 512;

/// Makes a page that clients tell apart by `Accept`.
pub(crate) fn page(content_type: &'static str, body: String, max_age: Duration) -> RenderedPage {
    let mut hasher = Hasher::new();
    hasher.update(content_type.as_bytes());
    hasher.update(body.as_bytes());
    // Half of a SHA-256 tells any two pages apart and keeps headers short.
    let etag = format!("\"{:.32}\"", hasher.finish().to_hex());
    let gzip = (body.len() >= WORTH_GZIP).then(|| compress(body.as_bytes())).flatten();
    RenderedPage { content_type, body: Bytes::from(body), gzip, etag, max_age, vary: "Accept" }
}

/// Writing to memory does not fail; if it did, the page goes out as it is.
fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(6));
    encoder.write_all(body).ok()?;
    let mut packed = encoder.finish().ok()?;
    packed.shrink_to_fit();
    Some(Bytes::from(packed))
}
