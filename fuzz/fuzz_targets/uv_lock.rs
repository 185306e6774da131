//! `uv.lock`: no panic, and the walk ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use trustmill_ecosystems::pypi::lockfile::{Target, uv_lock};

fuzz_target!(|data: &[u8]| {
    if let Ok(pins) = uv_lock::read_bytes(data, &Target::default()) {
        let names: BTreeSet<String> = pins.pins.iter().map(|pin| pin.purl.name()).collect();
        assert_eq!(names.len(), pins.pins.len());
    }
});
