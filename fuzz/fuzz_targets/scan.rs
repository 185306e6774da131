//! The whole scanner, on packages that are hostile from the container to the last text: it ends with a report, and
//! the same one twice.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_core::port::scanner::{File, Job};

fuzz_target!(|data: &[u8]| {
    const KINDS: [(&str, &str); 8] = [
        ("pypi", "setup.py"),
        ("pypi", "a-1-py3-none-any.whl"),
        ("pypi", "a-1.tar.gz"),
        ("npm", "index.js"),
        ("npm", "a-1.tgz"),
        ("cargo", "build.rs"),
        ("cargo", "a-1.crate"),
        ("npm", "install.sh"),
    ];
    let Some((pick, data)) = data.split_first() else { return };
    let (ecosystem, name) = KINDS[usize::from(*pick) % KINDS.len()];
    let file = File { name: name.into(), bytes: Bytes::copy_from_slice(data) };
    let job = Job { ecosystem: ecosystem.into(), name: "a".into(), file, ..Job::default() };
    let report = trustmill_scan::scan(&job).expect("a scan ends with a report");
    assert_eq!(trustmill_scan::scan(&job), Some(report));
});
