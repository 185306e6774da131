//! What flows between files, in either language, in UTF-8 or UTF-16: files that hand on to one another without end are
//! read with a report at the end, and the same one twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_core::port::scanner::{File, Job};

fuzz_target!(|data: &[u8]| {
    let Some((pick, data)) = data.split_first() else { return };
    let (ecosystem, names, archive) = match pick & 1 {
        0 => ("pypi", ["a/__init__.py", "a/b.py", "a/c.py"], "a-1.tar.gz"),
        _ => ("npm", ["index.js", "b.js", "c.js"], "a-1.tgz"),
    };
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let mut tar = tar::Builder::new(packer);
    // A byte that no text has ends a file.
    for (name, text) in names.into_iter().zip(data.split(|byte| *byte == 0xFF)) {
        let text = if pick & 2 == 0 { text.to_vec() } else { wide(text) };
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("a-1/{name}"), text.as_slice()).expect("memory takes it");
    }
    let bytes = tar.into_inner().and_then(|packer| packer.finish()).expect("memory takes it");
    let file = File { name: archive.into(), bytes: bytes.into() };
    let job = Job { ecosystem: ecosystem.into(), name: "a".into(), file, ..Job::default() };
    let report = trustmill_scan::scan(&job).expect("a scan ends with a report");
    assert_eq!(trustmill_scan::scan(&job), Some(report));
});

fn wide(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}
