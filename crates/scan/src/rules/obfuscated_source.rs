//! Source code whose look hides what it does: names of a machine, texts in escapes, numbers as sums.

use super::{Found, Rule, large};
use crate::facts::Measures;
use crate::package::{Kind, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct ObfuscatedSource;

impl Rule for ObfuscatedSource {
    fn id(&self) -> &'static str {
        "obfuscated-source"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "source code is written so that nobody can read it"
    }

    fn look(&self) -> &'static str {
        "whether the project has the same file in readable form"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.code() {
            let hidden = match file.kind {
                Kind::Python => python(&file.facts.measures),
                Kind::JavaScript => javascript(&file.facts.measures),
                _ => None,
            };
            if let Some((weight, how)) = hidden {
                // Whole programs in one file have a bit of everything.
                let weight = if large(file) && weight != MACHINE { weight / 4 * 3 } else { weight };
                found.file(weight, file, format!("the source hides what it does: {how}"));
            }
        }
    }
}

/// Most names are a machine's: that is so whatever the size.
const MACHINE: u8 = 80;

/// How Python is hidden. Nobody minifies Python for speed.
fn python(measures: &Measures) -> Option<(u8, &'static str)> {
    let Measures { names, machine_names, escaped, literal_sums, hidden_names, bytes, .. } = *measures;
    let many =
        |count: u32, of: u32, percent: u32| u64::from(count) * 100 > u64::from(of) * u64::from(percent);
    Some(match () {
        () if names > 20 && many(machine_names, names, 40) => (MACHINE, "its names are a machine's"),
        () if literal_sums > 60 && u64::from(literal_sums) * 100 > bytes => (80, "its numbers are sums"),
        () if escaped > 60 && u64::from(escaped) * 4 * 100 > bytes * 25 => (75, "its texts are escapes"),
        () if hidden_names > 12 => (70, "it calls by names that are put together"),
        () => return None,
    })
}

/// How JavaScript is hidden. Minified code is none of it: short names and long lines are how it is served.
fn javascript(measures: &Measures) -> Option<(u8, &'static str)> {
    let Measures { names, machine_names, escaped, hidden_names, bytes, .. } = *measures;
    let many =
        |count: u32, of: u32, percent: u32| u64::from(count) * 100 > u64::from(of) * u64::from(percent);
    let machine = names > 30 && many(machine_names, names, 30);
    Some(match () {
        () if measures.pushed_right > 0 => (85, "code stands far to the right, out of sight"),
        () if measures.symbols > 75 => (85, "it is written with punctuation alone"),
        () if measures.rotations > 0 && (machine || measures.rotations > 1) => {
            (82, "its texts are in an array that is rotated first")
        }
        () if machine => (MACHINE, "its names are a machine's"),
        () if measures.flattened > 1 => (74, "the order of its statements is hidden"),
        () if escaped > 200 && u64::from(escaped) * 4 * 100 > bytes * 25 => (75, "its texts are escapes"),
        () if hidden_names > 12 => (70, "it calls by names that are put together"),
        () => return None,
    })
}
