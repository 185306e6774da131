//! `METADATA`, `WHEEL`, `entry_points.txt`, requirements and file names: no panic, one spelling is stable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_inspect::wheel::requirement::canonical;
use trustmill_inspect::wheel::{Metadata, WheelFile, WheelName, entry_points};

fuzz_target!(|data: &[u8]| {
    let _ = WheelFile::parse(data);
    let _ = entry_points::parse(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = WheelName::parse(text);
    }
    if let Ok(metadata) = Metadata::parse(data) {
        for value in metadata.headers.all("Requires-Dist") {
            let once = canonical(value);
            assert_eq!(canonical(&once), once, "{value:?}");
        }
    }
});
