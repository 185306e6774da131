//! Files in pieces: a wheel of a gigabyte passes through a quarter of a megabyte.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use std::ops::Range;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::{BlobError, Blobs};

/// Bytes read from the store at once.
const CHUNK: u64 = 256 << 10;

/// A body of the bytes in `range`; `None` if the blob is not there. The first piece is read before anything
/// is sent, so that a missing file is an error and not a torn answer.
pub(crate) async fn body(
    blobs: Arc<dyn Blobs>,
    digest: Sha256,
    range: Range<u64>,
) -> Result<Option<Body>, BlobError> {
    let Some(first) = blobs.read(&digest, piece(&range)).await? else { return Ok(None) };
    let rest = range.start.saturating_add(first.len() as u64)..range.end;
    if rest.is_empty() {
        return Ok(Some(Body::from(first)));
    }
    let pieces = stream::try_unfold((Some(first), rest), move |(ready, rest)| {
        let blobs = blobs.clone();
        async move {
            if let Some(ready) = ready {
                return Ok(Some((ready, (None, rest))));
            }
            next(blobs.as_ref(), &digest, rest).await
        }
    });
    Ok(Some(Body::from_stream(pieces)))
}

/// The piece, and what is left for the following ones.
type Step = Option<(Bytes, (Option<Bytes>, Range<u64>))>;

async fn next(blobs: &dyn Blobs, digest: &Sha256, rest: Range<u64>) -> std::io::Result<Step> {
    if rest.is_empty() {
        return Ok(None);
    }
    let read = blobs.read(digest, piece(&rest)).await.map_err(std::io::Error::other)?;
    // A blob that vanishes or ends early tears the connection: the client sees that something is missing.
    let bytes = read.filter(|bytes| !bytes.is_empty()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let left = rest.start.saturating_add(bytes.len() as u64)..rest.end;
    Ok(Some((bytes, (None, left))))
}

fn piece(range: &Range<u64>) -> Range<u64> {
    range.start..range.end.min(range.start.saturating_add(CHUNK))
}
