//! Files of a sparse index: no panic, and each release that is served is found under its version, with the line that
//! upstream wrote.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::cargo::index::{IndexConfig, IndexFile};

fuzz_target!(|data: &[u8]| {
    let _ = IndexConfig::parse(data);
    let body = Bytes::copy_from_slice(data);
    let Ok(file) = IndexFile::parse("demo", &body) else { return };
    assert!(file.name.eq_ignore_ascii_case("demo"));
    for release in &file.releases {
        assert_eq!(file.release(&release.version), Some(release));
        assert!(!release.line.contains(&b'\n'));
        let again = IndexFile::parse("demo", &release.line).unwrap();
        assert_eq!(again.releases.as_slice(), std::slice::from_ref(release));
    }
    let config = IndexConfig::parse(br#"{"dl":"https://files.invalid/dl"}"#).unwrap();
    let project = file.project(&config);
    assert_eq!(project.files.len(), file.releases.len());
});
