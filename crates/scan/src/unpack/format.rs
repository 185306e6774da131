//! Which kind of archive something is: by its name, as installers decide, and by its first bytes, as others do.

use super::stream::Coding;

/// A kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A zip.
    Zip,
    /// A stream, which may hold a tar or one file.
    Stream(Coding),
}

/// Where in a tar's header the magic is (POSIX, `pax` interchange format).
const MAGIC_AT: usize = 257;

impl Format {
    /// By the name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
        if ends(&[".whl", ".zip", ".egg"]) {
            Some(Self::Zip)
        } else if ends(&[".tgz", ".gz", ".crate"]) {
            Some(Self::Stream(Coding::Gzip))
        } else if ends(&[".bz2", ".tbz", ".tbz2"]) {
            Some(Self::Stream(Coding::Bzip2))
        } else if ends(&[".xz", ".txz"]) {
            Some(Self::Stream(Coding::Xz))
        } else if ends(&[".zst", ".tzst"]) {
            Some(Self::Stream(Coding::Zstd))
        } else {
            ends(&[".tar"]).then_some(Self::Stream(Coding::Plain))
        }
    }

    /// By the first bytes.
    pub(super) fn of_magic(bytes: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Format); 5] = [
            (b"PK\x03\x04", Format::Zip),
            (b"PK\x05\x06", Format::Zip),
            (b"\x1f\x8b\x08", Format::Stream(Coding::Gzip)),
            (b"\xfd7zXZ\0", Format::Stream(Coding::Xz)),
            (b"\x28\xb5\x2f\xfd", Format::Stream(Coding::Zstd)),
        ];
        let found = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| *format);
        // Its third byte after `BZh` is a level; then comes the first block, or the end (both decimals of a constant).
        let block = bytes.get(4..10).is_some_and(|b| b == b"1AY&SY" || b == b"\x17\x72\x45\x38\x50\x90");
        let found =
            found.or_else(|| (bytes.starts_with(b"BZh") && block).then_some(Self::Stream(Coding::Bzip2)));
        found.or_else(|| is_tar(bytes).then_some(Self::Stream(Coding::Plain)))
    }
}

/// Whether bytes begin with a tar's header.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(b"ustar")) || super::tar::is_header(bytes)
}

/// The name of the one file in a stream: `data.json.gz` holds `data.json`.
pub(super) fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.').map_or("content", |(stem, _)| stem).trim_matches('.')
}
