//! CPython bytecode: no panic, and no more is read than is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_scan::language::bytecode;

fuzz_target!(|data: &[u8]| {
    let facts = bytecode::facts(data);
    assert!(facts.texts.iter().all(|text| text.at as usize <= data.len()));
});
