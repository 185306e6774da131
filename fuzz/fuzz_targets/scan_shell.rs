//! Shell: no panic, and every fact stands within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_scan::language::shell;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let facts = shell::facts(&text);
    for flow in &facts.flows {
        assert!(flow.at as usize <= text.len());
        assert!(usize::from(flow.layer) < facts.layers.len());
    }
    let _ = shell::commands(&text);
});
