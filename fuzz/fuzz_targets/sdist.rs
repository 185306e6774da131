//! The readers of source archives; the first byte chooses the format.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_inspect::archive::{Limits, sdist};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let name = ["a.tar", "a.tar.gz", "a.tar.bz2", "a.zip"][usize::from(kind % 4)];
    let limits = Limits { total_bytes: 16 << 20, member_bytes: 16 << 20, members: 500, ..Limits::default() };
    if let Ok(contents) = sdist::read(name, &Bytes::copy_from_slice(data), &limits) {
        assert_eq!(contents.order.len(), contents.members.len());
        for path in contents.members.keys() {
            assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")), "{path:?}");
        }
    }
});
