//! The `.crate` as `cargo package` writes it: GNU tar by the same library, gzip with the file's name.
//!
//! Where the container differs from the published one (an older cargo's times, another zlib), the replay takes
//! the container's facts from there; the members are what counts.

use super::PackError;
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use trustmill_core::content::Member;

/// The instant that cargo gives to every file (`DETERMINISTIC_TIMESTAMP` of tar-rs).
const MTIME: u64 = 1_153_704_088;

/// Writes the members below the folder `top`, in the order of their paths' components.
pub(super) fn write(top: &str, members: &BTreeMap<String, Member>) -> Result<Bytes, PackError> {
    let failed = |error: std::io::Error| PackError::Archive { why: error.to_string() };
    let gzip = GzBuilder::new().filename(format!("{top}.crate")).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    let mut ordered: Vec<(&String, &Member)> = members.iter().collect();
    // As `Path` orders them, by component.
    ordered.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    for (path, member) in ordered {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::file());
        header.set_mode(member.mode.unwrap_or(0o644));
        header.set_size(member.bytes.len() as u64);
        header.set_mtime(MTIME);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        archive.append_data(&mut header, format!("{top}/{path}"), member.bytes.as_ref()).map_err(failed)?;
    }
    let packed = archive.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(failed)?;
    Ok(Bytes::from(packed))
}
