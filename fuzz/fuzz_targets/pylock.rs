//! `pylock.toml`: no panic, and every pin has a digest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::pypi::lockfile::{Target, pylock};

fuzz_target!(|data: &[u8]| {
    if let Ok(pins) = pylock::read_bytes(data, &Target::default()) {
        assert!(pins.pins.iter().all(|pin| !pin.hashes.is_empty()));
    }
});
