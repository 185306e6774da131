//! `RECORD`: no panic, and a wheel whose only file besides it is not listed is never right.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_core::content::{Contents, Member};
use trustmill_inspect::wheel::record::{check, parse};

fuzz_target!(|data: &[u8]| {
    let member = |bytes: &[u8]| Member { bytes: Bytes::copy_from_slice(bytes), mode: None, mtime: None };
    let mut contents = Contents::default();
    contents.members.insert("a-1.dist-info/RECORD".into(), member(data));
    contents.members.insert("a.py".into(), member(b"x"));
    let listed = parse(data).is_ok_and(|rows| rows.iter().any(|row| row.path == "a.py"));
    assert!(listed || !check(&contents).is_empty());
});
