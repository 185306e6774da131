//! Code that could be read in the release before is unreadable now, or unreadable code came beside it.

use super::{Found, Rule};
use crate::change::Change;
use crate::facts::Measures;
use crate::package::{File, Package};
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct ObfuscationJump;

impl Rule for ObfuscationJump {
    fn id(&self) -> &'static str {
        "obfuscation-jump"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "code became unreadable"
    }

    fn look(&self) -> &'static str {
        "the part of the file that is not in the repository"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let Some(change) = Change::of(package) else { return };
        let worst = change.before.code().map(|file| hidden(&file.facts.measures)).fold(0.0, f32::max);
        let patch = if change.is_patch() { 6 } else { 0 };
        for (file, before) in change.code() {
            let now = hidden(&file.facts.measures);
            let then = before.map_or(0.0, |before| hidden(&before.facts.measures));
            let jump = now - then.max(worst);
            let (weight, what) = if jump > 0.25 {
                (80, "names and texts are hidden as obfuscators do")
            } else if jump > 0.10 {
                (66, "part of the names and texts is hidden as obfuscators do")
            } else if let Some(line) =
                padded(file).filter(|_| before.is_none_or(|before| padded(before).is_none()))
            {
                found.at(
                    72 + patch,
                    file,
                    line,
                    0,
                    "code stands behind hundreds of blanks, where an editor does not show it",
                );
                continue;
            } else if grew_a_line(file, before) {
                (44, "a line of many thousand characters came into code that people wrote")
            } else {
                continue;
            };
            found.file(weight + patch, file, what);
        }
    }
}

/// How much of the code is hidden, from 0 to about 1. Minified code has short names, but plain texts and plain access.
fn hidden(measures: &Measures) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = |part: u32, all: u32, least: u32| {
        if part < least { 0.0 } else { part as f32 / all.max(1) as f32 }
    };
    let bytes = u32::try_from(measures.bytes).unwrap_or(u32::MAX);
    share(measures.machine_names, measures.names, 10)
        + share(measures.hidden_names, measures.names, 6) * 2.0
        // An escape is four bytes.
        + share(measures.escaped, bytes / 4, 60)
}

/// Where code begins that is moved out of sight: the end of a run of at least 150 blanks within a line that has code
/// before or after it.
fn padded(file: &File) -> Option<u32> {
    const BLANKS: usize = 150;
    let needle = [b' '; BLANKS];
    let start = memchr::memmem::find(&file.bytes, &needle)?;
    let rest = file.bytes.get(start..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let after = rest.get(blanks..)?;
    let line = after.split(|byte| *byte == b'\n').next()?;
    let code = line.len() > 40 && line.iter().any(|byte| matches!(byte, b'(' | b'='));
    (code && !line.starts_with(b"*") && !line.starts_with(b"//") && !line.starts_with(b"#"))
        .then(|| u32::try_from(start + blanks).unwrap_or(u32::MAX))
}

fn grew_a_line(file: &File, before: Option<&File>) -> bool {
    let now = &file.facts.measures;
    let Some(before) = before.map(|before| &before.facts.measures) else { return false };
    before.longest_line < 1000 && now.longest_line > 5000 && before.lines > 5 && now.entropy > before.entropy
}
