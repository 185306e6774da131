//! The tarball of a tree, as npm lays one out.

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use std::io;
use trustmill_core::content::Contents;

/// The instant that npm gives to every file: 1985-10-26T08:15:00Z.
const MTIME: u64 = 499_162_500;

/// The same bytes for the same tree, on any day.
pub(super) fn tarball(tree: &Contents) -> io::Result<Bytes> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(9));
    let mut archive = tar::Builder::new(gzip);
    for path in &tree.order {
        let Some(member) = tree.get(path) else { continue };
        let mut header = tar::Header::new_ustar();
        header.set_size(member.bytes.len() as u64);
        header.set_mode(if member.mode.unwrap_or(0o644) & 0o111 == 0 { 0o644 } else { 0o755 });
        header.set_mtime(MTIME);
        archive.append_data(&mut header, format!("package/{path}"), member.bytes.as_ref())?;
    }
    Ok(Bytes::from(archive.into_inner()?.finish()?))
}
