//! The policies that every mill has: `policies/` at the top, inside the binary.

use crate::{Mode, Source};

/// The name of the set.
pub const SET: &str = "shipped";

const FILES: [(&str, &str); 4] = [
    ("policies/base.cedar", include_str!("../../../policies/base.cedar")),
    ("policies/malware.cedar", include_str!("../../../policies/malware.cedar")),
    ("policies/cooldown.cedar", include_str!("../../../policies/cooldown.cedar")),
    ("policies/vulnerabilities.cedar", include_str!("../../../policies/vulnerabilities.cedar")),
];

/// What they are expected to say of made-up releases.
pub const CASES: &str = include_str!("../../../policies/cases.toml");

/// The files, in one mode.
pub fn sources(mode: Mode) -> Vec<Source> {
    let source = |(file, text): (&str, &str)| Source {
        file: file.to_owned(),
        text: text.to_owned(),
        set: SET.to_owned(),
        mode,
    };
    FILES.into_iter().map(source).collect()
}
