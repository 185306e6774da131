//! Replay of tar.gz: an archive that is accepted replays from its own members to its own digest, or is refused;
//! a changed member is never replayed; and a replay holds no byte that is neither a member nor a fact.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use trustmill_inspect::archive::{Limits, tar_gz};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, tar_gz::replay};

fuzz_target!(|data: &[u8]| {
    let bytes = packed(data);
    let limits = Limits { total_bytes: 4 << 20, member_bytes: 4 << 20, members: 200, ..Limits::default() };
    let Ok(archive) = tar_gz::open(&bytes, &limits) else { return };
    let costs = replay::Limits::from(&limits);
    if let Ok(replayed) = replay(&archive, &archive.contents, &costs) {
        assert_eq!(replayed.bytes, bytes);
        assert!(!replayed.gzip_taken);
        // No installer reads these fields of a file: there is nothing in them.
        let hidden = archive.entries.iter().any(|entry| {
            let unread = [&entry.header.0[157..257], &entry.header.0[500..]].concat();
            unread.iter().any(|byte| *byte != 0)
        });
        assert!(!hidden);
    }
    let mut ours = archive.contents.clone();
    if let Some(member) = ours.members.values_mut().next() {
        member.bytes = [&member.bytes[..], b"x"].concat().into();
        assert!(replay(&archive, &ours, &costs).is_err());
    }
    let _ = compare("p-1.0.0.tgz", &bytes, &Bytes::from_static(include_bytes!("../seeds/tar_gz/p.tgz")), &limits);
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
