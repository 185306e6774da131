//! The reader of published tar.gz files: no panic, and nothing accepted that breaks a promise of `Contents`.
//!
//! The first byte says whether the rest is the file, or the tar in it: a fuzzer does not guess checksums of gzip.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use trustmill_inspect::archive::{Limits, tar_gz};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let bytes = if kind % 2 == 0 { Bytes::copy_from_slice(data) } else { packed(data) };
    let limits = Limits { total_bytes: 16 << 20, member_bytes: 16 << 20, members: 500, ..Limits::default() };
    let Ok(archive) = tar_gz::open(&bytes, &limits) else { return };
    assert_eq!(archive.contents.order.len(), archive.contents.members.len());
    for (path, member) in &archive.contents.members {
        assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")), "{path:?}");
        assert!(member.mode.is_none_or(|mode| mode & !0o777 == 0), "{path:?}");
    }
});

/// The tar with right checksums in its headers, in gzip.
fn packed(data: &[u8]) -> Bytes {
    let mut tar = data.to_vec();
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).unwrap();
    gz.finish().unwrap().into()
}
