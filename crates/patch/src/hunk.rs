//! What changed between two texts, as runs of lines.

use imara_diff::{Algorithm, Diff, InternedInput};
use std::ops::Range;

/// A run of lines that differs, and nothing around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The lines before, by their numbers from 0; empty where lines only come.
    pub before: Range<usize>,
    /// The lines after; empty where lines only go.
    pub after: Range<usize>,
}

/// The hunks between two texts, in order. Line ends do not count. Lines that could be told to have come at several
/// places are told to have come where their indentation says so, as git does.
pub fn hunks(before: &[&str], after: &[&str]) -> Vec<Hunk> {
    let mut input: InternedInput<&str> = InternedInput::default();
    input.update_before(before.iter().copied());
    input.update_after(after.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let number = |range: Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| Hunk { before: number(hunk.before), after: number(hunk.after) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Lines, Splice};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_changed_leads_from_one_to_the_other(a in "([abc ]{0,3}\n){0,20}", b in "([abc ]{0,3}\n){0,20}") {
            let (before, after) = (Lines::of(&a), Lines::of(&b));
            let splices: Vec<Splice> = hunks(&before.text, &after.text)
                .into_iter()
                .map(|hunk| Splice {
                    at: hunk.before,
                    with: after.range(hunk.after).iter().map(|line| (*line).to_owned()).collect(),
                })
                .collect();
            prop_assert_eq!(before.splice(&splices), b);
        }
    }
}
