//! Differences and three versions of a file: foreign texts, and none is too odd.
#![no_main]
use libfuzzer_sys::fuzz_target;
use trustmill_patch::carry::{Means, carry};
use trustmill_patch::unified;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(files) = unified::read(text) {
        for file in &files {
            let _ = unified::apply(text, &file.runs);
        }
    }
    let mut parts = text.splitn(3, '\u{1}');
    let mut part = || parts.next().unwrap_or_default();
    let (before, after, target) = (part(), part(), part());
    let done = carry("a.py", before, after, target, Means::Symbol);
    if done.placed.is_empty() {
        assert_eq!(done.text, target);
    }
});
