//! Requirements files: no panic, and every project is pinned once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use trustmill_ecosystems::pypi::lockfile::{Target, requirements};

fuzz_target!(|data: &[u8]| {
    if let Ok(pins) = requirements::read_bytes(data, &Target::default()) {
        let names: BTreeSet<String> = pins.pins.iter().map(|pin| pin.purl.name()).collect();
        assert_eq!(names.len(), pins.pins.len());
    }
});
