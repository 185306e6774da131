//! Packuments: no panic, and what is listed is found again under the name of its file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::npm::{names, packument};

fuzz_target!(|data: &[u8]| {
    if let Some(packument) = packument::fuzz(data) {
        for listed in &packument.versions {
            let file = names::filename(&packument.name, &listed.version);
            assert!(!file.contains('/'));
            assert_eq!(packument.find_file(&file).map(|(_, found)| &found.version), Some(&listed.version));
        }
        assert!(packument.tags.values().all(|version| packument.find(version).is_some()));
    }
});
