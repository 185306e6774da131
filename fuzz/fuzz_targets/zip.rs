//! The zip reader: no panic, and nothing accepted that breaks a promise of `Contents`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_inspect::archive::{Limits, zip};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { total_bytes: 16 << 20, member_bytes: 16 << 20, ..Limits::default() };
    if let Ok(contents) = zip::read(&Bytes::copy_from_slice(data), &limits) {
        assert_eq!(contents.order.len(), contents.members.len());
        for (path, member) in &contents.members {
            assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")), "{path:?}");
            assert!(member.mode.is_none_or(|mode| mode & !0o777 == 0), "{path:?}");
        }
    }
});
