//! `Cargo.lock`: no panic, and every pin is a release with a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::cargo::lockfile::read_bytes;

fuzz_target!(|data: &[u8]| {
    if let Ok(pins) = read_bytes(data) {
        assert!(pins.pins.iter().all(|pin| pin.purl.version().is_some() && pin.origin.starts_with("Cargo.lock")));
    }
});
