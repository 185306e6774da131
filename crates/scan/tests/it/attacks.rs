//! What published attacks on npm did, rebuilt as made-up packages of the same shape: each is held at least.
//!
//! They are encoded as the samples of rules are: `attacks/NAME.b64` is base64 of a text that lists the files of a release.

use super::samples;
use base64::Engine as _;
use std::path::Path;
use trustmill_core::scan::Conclusion;

#[test]
fn every_attack_is_held_or_blocked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/attacks");
    let mut passed = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text: String = std::fs::read_to_string(&path).unwrap().split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let report =
            trustmill_scan::scan(&samples::package("npm", std::str::from_utf8(&bytes).unwrap())).unwrap();
        count += 1;
        let found: Vec<String> = report
            .findings
            .iter()
            .map(|f| format!("  {} {} {} ({})", f.weight, f.rule, f.what, f.place))
            .collect();
        let line = format!("{:?} {:?}\n{}", path.file_name().unwrap(), report.conclusion, found.join("\n"));
        if std::env::var_os("SHOW").is_some() {
            eprintln!("{line}");
        }
        if report.conclusion < Conclusion::Hold {
            passed.push(line);
        }
    }
    assert!(count > 20 && passed.is_empty(), "{} of {count} pass:\n{}", passed.len(), passed.join("\n"));
}
