//! The policies that every guard has: `policies/guard/` at the top, inside the binary.

use crate::{Mode, Source};

/// The name of the set.
pub const SET: &str = "shipped";

const FILES: [(&str, &str); 3] = [
    ("policies/guard/refused.cedar", include_str!("../../../../policies/guard/refused.cedar")),
    ("policies/guard/asked.cedar", include_str!("../../../../policies/guard/asked.cedar")),
    ("policies/guard/allowed.cedar", include_str!("../../../../policies/guard/allowed.cedar")),
];

/// What they are expected to say of made-up calls.
pub const CASES: &str = include_str!("../../../../policies/guard/cases.toml");

/// The files.
pub fn sources() -> Vec<Source> {
    let source = |(file, text): (&str, &str)| Source {
        file: file.to_owned(),
        text: text.to_owned(),
        set: SET.to_owned(),
        mode: Mode::Enforce,
    };
    FILES.into_iter().map(source).collect()
}
