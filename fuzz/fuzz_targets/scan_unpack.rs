//! Published files of any kind: no panic, every path is there once, and no more comes out than may.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_scan::unpack::{LIMITS, sealed, unpack};

fuzz_target!(|data: &[u8]| {
    const NAMES: [&str; 8] =
        ["a-1.whl", "a-1.zip", "a-1.egg", "a-1.tar.gz", "a-1.tgz", "a-1.crate", "a-1.tar.bz2", "a-1.tar.xz"];
    let Some((pick, data)) = data.split_first() else { return };
    let name = NAMES[usize::from(*pick) % NAMES.len()];
    let bytes = Bytes::copy_from_slice(data);
    let found = unpack(name, &bytes);
    let total: u64 = found.files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(total <= LIMITS.total_bytes);
    let mut paths: Vec<&str> = found.files.iter().map(|(path, _)| path.as_str()).collect();
    let count = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), count);
    let _ = sealed::open(&bytes, b"infected");
});
