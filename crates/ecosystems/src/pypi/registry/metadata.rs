//! The metadata file of a wheel (PEP 658), taken out of the wheel where upstream does not offer it apart.
//!
//! The wheel stays in the blob store: only its directory and one member are read, so that a wheel of a
//! gigabyte costs a few kilobytes of memory.

use crate::pypi::blob_reader::BlobReader;
use crate::pypi::names;
use bytes::Bytes;
use std::borrow::Cow;
use std::io::{self, Read, Seek};
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;

/// Longest metadata file, in bytes, inflated.
pub(super) const MAX_METADATA: u64 = 8 << 20;
/// Most members of a wheel.
const MAX_MEMBERS: usize = 200_000;

/// Why a wheel has no metadata that could be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetadataError {
    /// It is no zip, or a broken one.
    #[error("the wheel is not a readable zip archive")]
    Zip(#[from] zip::result::ZipError),
    /// Too many members.
    #[error("the wheel has more than {MAX_MEMBERS} members")]
    Members,
    /// Not exactly one `.dist-info` folder of the project with a `METADATA`.
    #[error("the wheel has {0} metadata files")]
    NotOne(usize),
    /// The metadata is too long, or its bytes do not match their checksum.
    #[error("the wheel's metadata cannot be read")]
    Read(#[source] io::Error),
    /// The limit on its length.
    #[error("the wheel's metadata is longer than {MAX_METADATA} bytes")]
    TooLong,
    /// The task was ended.
    #[error("reading the wheel was cut short")]
    Cancelled,
}

/// Takes `METADATA` out of a wheel of `project` in the store.
pub(super) async fn extract(
    blobs: Arc<dyn Blobs>,
    wheel: Sha256,
    size: u64,
    project: &str,
) -> Result<Bytes, MetadataError> {
    let project = project.to_owned();
    let source = BlobReader::new(blobs, wheel, size);
    tokio::task::spawn_blocking(move || from_zip(source, &project))
        .await
        .unwrap_or(Err(MetadataError::Cancelled))
}

/// Takes `METADATA` out of the bytes of a wheel.
pub(super) fn from_zip(wheel: impl Read + Seek, project: &str) -> Result<Bytes, MetadataError> {
    let mut archive = zip::ZipArchive::new(wheel)?;
    if archive.len() > MAX_MEMBERS {
        return Err(MetadataError::Members);
    }
    let names: Vec<String> =
        archive.file_names().map(|name| name.map(Cow::into_owned)).collect::<Result<_, _>>()?;
    let found: Vec<&String> = names.iter().filter(|name| is_metadata(name, project)).collect();
    let [name] = found.as_slice() else { return Err(MetadataError::NotOne(found.len())) };
    let member = archive.by_name(name)?;
    let mut bytes = Vec::new();
    member.take(MAX_METADATA + 1).read_to_end(&mut bytes).map_err(MetadataError::Read)?;
    if bytes.len() as u64 > MAX_METADATA {
        return Err(MetadataError::TooLong);
    }
    Ok(Bytes::from(bytes))
}

/// `{name}-{version}.dist-info/METADATA`, the name being the project's.
fn is_metadata(member: &str, project: &str) -> bool {
    let folder = member.strip_suffix("/METADATA").and_then(|folder| folder.strip_suffix(".dist-info"));
    let name = folder.filter(|folder| !folder.contains('/')).and_then(|folder| folder.split('-').next());
    name.and_then(names::normalise).as_deref() == Some(project)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: &[u8]) -> Result<Bytes, MetadataError> {
        from_zip(Cursor::new(bytes), "a-b")
    }

    #[test]
    fn the_one_metadata_file_is_found() {
        let bytes = wheel(&[
            ("a_b/METADATA", b"no"),
            ("x/A_b-1.dist-info/METADATA", b"no"),
            ("other-1.dist-info/METADATA", b"no"),
            ("A_b-1.dist-info/METADATA", b"Name: a-b\n"),
        ]);
        assert_eq!(read(&bytes).unwrap(), "Name: a-b\n");
    }

    #[test]
    fn hostile_wheels_are_refused() {
        let member = "a_b-1.dist-info/METADATA";
        assert!(matches!(read(b"PK\x03\x04"), Err(MetadataError::Zip(_))));
        assert!(matches!(read(&wheel(&[("x", b"")])), Err(MetadataError::NotOne(0))));
        let two = wheel(&[(member, b"1"), ("A.B-2.dist-info/METADATA", b"2")]);
        assert!(matches!(read(&two), Err(MetadataError::NotOne(2))));
        let bomb = wheel(&[(member, &vec![0; MAX_METADATA as usize + 1])]);
        assert!(bomb.len() < 100_000 && matches!(read(&bomb), Err(MetadataError::TooLong)));
        let mut torn = wheel(&[(member, b"Name: a-b, and quite a few words more to deflate")]);
        torn[60] ^= 0xff;
        assert!(read(&torn).is_err());
    }
}
