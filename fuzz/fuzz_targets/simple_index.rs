//! Index pages, JSON and HTML: no panic, and what is listed has a safe name and leads to HTTP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_ecosystems::pypi::{names, page};

fuzz_target!(|data: &[u8]| {
    if let Some(page) = page::fuzz(data) {
        for file in &page.files {
            assert!(names::is_safe_filename(&file.artifact.filename));
            assert!(file.artifact.url.starts_with("http"));
        }
        assert!(page.project().files.len() == page.files.len());
    }
});
