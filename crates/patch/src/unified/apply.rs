//! Applying: exactly, at the stated line or at the only other place.

use super::Run;
use crate::lines::{Lines, Splice};

/// A run that does not fit the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the run at line {start} does not fit")]
pub struct Unfit {
    /// Where it says that it belongs, from 1.
    pub start: usize,
}

/// The text with the runs applied.
///
/// # Errors
/// [`Unfit`] names the first run whose lines are not there, or are there more than once and not where it says.
pub fn apply(text: &str, runs: &[Run]) -> Result<String, Unfit> {
    let lines = Lines::of(text);
    let mut splices: Vec<Splice> = Vec::new();
    let mut from = 0;
    for run in runs {
        let unfit = Unfit { start: run.start };
        let fits = |at: usize| {
            let there = lines.range(at..at + run.before.len());
            there.len() == run.before.len() && there.iter().zip(&run.before).all(|(a, b)| *a == b.as_str())
        };
        let stated = if run.before.is_empty() { run.start } else { run.start.saturating_sub(1) };
        let at = if stated >= from && stated <= lines.len() && fits(stated) {
            stated
        } else {
            let mut others = (from..=lines.len()).filter(|at| fits(*at));
            let only = others.next().filter(|_| !run.before.is_empty()).ok_or_else(|| unfit.clone())?;
            if others.next().is_some() {
                return Err(unfit);
            }
            only
        };
        from = at + run.before.len();
        splices.push(Splice { at: at..from, with: run.after.clone() });
    }
    Ok(lines.splice(&splices))
}

#[cfg(test)]
mod tests {
    use super::super::{read, write};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_run_that_moved_is_found_and_one_that_fits_twice_is_not() {
        let runs = read(&write("a", Some("x\ny\nz\n"), Some("x\nY\nz\n"))).unwrap().remove(0).runs;
        assert_eq!(apply("0\nx\ny\nz\n", &runs).unwrap(), "0\nx\nY\nz\n");
        assert!(apply("0\nx\ny\nz\nx\ny\nz\n", &runs).is_err());
        assert!(apply("x\nz\n", &runs).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_leads_there(a in "([ab]{0,2}\n){0,20}", b in "([ab]{0,2}\n){0,20}") {
            let runs = read(&write("x", Some(&a), Some(&b))).unwrap().into_iter().flat_map(|file| file.runs).collect::<Vec<_>>();
            prop_assert_eq!(apply(&a, &runs).unwrap(), b);
        }
    }
}
