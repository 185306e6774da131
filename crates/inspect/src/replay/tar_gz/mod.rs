//! Replay of `.tgz` and `.crate` files: our member bytes behind the published headers, then through the
//! compressor that gives the published stream.
//!
//! Every bit of a header has to be a fact that `facts` knows, and has to be true of our member; so a header
//! that was read is the header that we would write.

mod facts;

use super::{Compressor, Limits, ReplayRefusal, Replayed, Search, check_members, deflate};
use crate::archive::tar_gz::Archive;
use crate::archive::tar_gz::gzip::trailer;
use crate::archive::tar_gz::header::BLOCK;
use trustmill_core::Sha256;
use trustmill_core::content::Contents;

/// Puts `rebuilt` into the container of `published`.
///
/// # Errors
/// [`ReplayRefusal`] if a member or an executable bit differs, if the container carries more than facts, if
/// no compressor fits, or if the result has another digest.
pub fn replay(published: &Archive, rebuilt: &Contents, limits: &Limits) -> Result<Replayed, ReplayRefusal> {
    limits.check(&published.bytes)?;
    facts::check(published)?;
    check_members(&published.contents, rebuilt, None)?;
    let tar = tar(published, rebuilt, limits)?;
    if tar != published.tar {
        return Err(ReplayRefusal::Digest);
    }
    let mut search = Search::new(candidates(published.gzip.xfl), limits);
    let gzip_taken = !search.find(&tar, published.stream())?;
    if gzip_taken && !deflate::is_plausible(&tar, published.stream()) {
        return Err(ReplayRefusal::Compressor { name: "the tar".into() });
    }
    let mut bytes = Vec::with_capacity(published.bytes.len());
    published.gzip.write_plain(&mut bytes);
    // Our compressor has just written these very bytes, or they inflate to our tar: read where they lie.
    bytes.extend(published.stream());
    bytes.extend(trailer(&tar));
    let sha256 = Sha256::of(&bytes);
    if sha256 != Sha256::of(&published.bytes) {
        return Err(ReplayRefusal::Digest);
    }
    Ok(Replayed {
        bytes: bytes.into(),
        sha256,
        record_rewritten: false,
        compressors: search.used,
        streams_taken: Vec::new(),
        gzip_taken,
    })
}

/// The compressors, in the order that the header's hint suggests (RFC 1952, 2.3.1: XFL).
fn candidates(xfl: u8) -> Vec<Compressor> {
    match xfl {
        2 => Compressor::all_from(9),
        4 => Compressor::all_from(1),
        _ => Compressor::all(),
    }
}

/// Writes the tar: published headers, which were checked, and our bytes.
fn tar(published: &Archive, rebuilt: &Contents, limits: &Limits) -> Result<Vec<u8>, ReplayRefusal> {
    let mut out = Vec::with_capacity(published.tar.len());
    let end = published.end as u64;
    for entry in &published.entries {
        for extension in &entry.extensions {
            block(&mut out, &extension.header.0, published.piece(&extension.data));
        }
        let path = entry.path.strip_prefix(&published.top).and_then(|path| path.strip_prefix('/'));
        let ours = path.filter(|_| !entry.directory).and_then(|path| rebuilt.get(path));
        block(&mut out, &entry.header.0, ours.map_or(&[], |member| &member.bytes));
        if (out.len() as u64).saturating_add(end) > limits.archive_bytes {
            return Err(ReplayRefusal::TooLarge { limit: limits.archive_bytes, what: "written" });
        }
    }
    out.resize(out.len() + published.end, 0);
    Ok(out)
}

/// A header and its data, padded to whole blocks.
fn block(out: &mut Vec<u8>, header: &[u8; BLOCK], data: &[u8]) {
    out.extend(header);
    out.extend(data);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}
