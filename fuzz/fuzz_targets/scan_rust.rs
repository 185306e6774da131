//! Rust: no panic, however little of it is Rust, and every fact stands within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_scan::language::rust;

fuzz_target!(|data: &[u8]| {
    let facts = rust::facts("build.rs", data);
    for one in &facts.uses {
        assert!(one.at as usize <= data.len().saturating_mul(3));
    }
});
