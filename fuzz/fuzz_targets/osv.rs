//! Records of advisories: no panic, what was read survives being kept, and its evaluation does not panic either.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use trustmill_core::advisory::Advisory;
use trustmill_core::advisory::osv::{is_id, parse};
use trustmill_ecosystems::join;
use trustmill_inspect::vulns::{find, oddities};

fuzz_target!(|data: &[u8]| {
    let Ok(parsed) = parse(data) else { return };
    let advisory = parsed.advisory;
    assert!(is_id(&advisory.id));
    let kept = serde_json::to_string(&advisory).unwrap();
    assert_eq!(serde_json::from_str::<Advisory>(&kept).unwrap(), advisory);
    let record = Arc::new(advisory);
    for affected in &record.affected {
        let Some(family) = join::ALL.iter().find(|family| family.ty == affected.project.ty()) else { continue };
        let _ = oddities(&record, family.versions);
        for version in affected.versions.iter().map(String::as_str).chain(["1.0.0", "0", "x"]).take(4) {
            let release = affected.project.at(version);
            for finding in find(&[Arc::clone(&record)], family.versions, &release) {
                assert_eq!(finding.ids[0], record.id);
            }
        }
    }
});
