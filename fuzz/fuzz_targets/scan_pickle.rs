//! Pickles, read as programs: no panic, the same facts twice, and no place behind the last byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_scan::language::pickle;

fuzz_target!(|data: &[u8]| {
    let facts = pickle::facts(data);
    assert!(facts.flows.iter().all(|flow| flow.at as usize <= data.len()));
    assert_eq!(pickle::facts(data), facts);
});
