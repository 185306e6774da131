//! The lockfiles of npm, pnpm and both yarns: no panic, and every pin is a release with a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::npm::lockfile::{Target, read_bytes};

fuzz_target!(|data: &[u8]| {
    for name in ["package-lock.json", "pnpm-lock.yaml", "yarn.lock"] {
        if let Some(Ok(pins)) = read_bytes(name, data, &Target::default()) {
            assert!(pins.pins.iter().all(|pin| pin.purl.version().is_some() && pin.origin.starts_with(name)));
        }
    }
});
